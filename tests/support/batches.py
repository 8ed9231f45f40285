"""A dozen more payments of $100.00 each, on both sides: what a batch is tried on."""

from support.backend import Backend
from support.standin import Stripe

MORE = tuple(range(101, 113))

# Copies of #5, whichever columns the shape has.
_COPIES = """INSERT INTO payments_payment
SELECT (jsonb_populate_record(five, jsonb_build_object('id', number, 'stripe_payment_intent_id', 'pi_' || number,
                                                       'stripe_charge_id', 'ch_' || number))).*
FROM payments_payment AS five, generate_series(101, 112) AS number WHERE five.id = 5"""


def put_more_payments(backend: Backend, stripe: Stripe) -> None:
    """#101 to #112, succeeded, with nothing refunded."""
    backend.run(_COPIES)
    for number in MORE:
        stripe.put_payment(f"pi_{number}", 100_00, charge=f"ch_{number}")
