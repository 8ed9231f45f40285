"""A stand-in for Stripe: a small server of our own that answers as Stripe does, fails as it may, and can be asked what really happened.

Standard library only, and a process of its own, so that a console that is killed leaves nothing of it in a half-done state.
"""
