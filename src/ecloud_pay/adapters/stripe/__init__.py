"""Stripe behind one key: what it holds, and the one call that moves money."""
