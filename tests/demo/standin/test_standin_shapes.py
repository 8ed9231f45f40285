"""The objects have Stripe's field names and types, as in the example objects that Stripe publishes."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.standin import Api, Stripe

EXAMPLES = Path(__file__).resolve().parents[3].parent / "shared" / "stripe" / "fixtures.json"
NOT_NULL = {"amount", "created", "currency", "id", "livemode", "metadata", "object", "status"}
# Every field that Stripe's examples have and ours must have. Left out is only what newer versions of its API send when asked to expand.
FIELDS = {
    "payment_intent": """id object amount amount_capturable amount_details amount_received application application_fee_amount
        automatic_payment_methods canceled_at cancellation_reason capture_method client_secret confirmation_method created currency customer
        customer_account description excluded_payment_method_types last_payment_error latest_charge livemode metadata next_action
        on_behalf_of payment_method payment_method_configuration_details payment_method_options payment_method_types processing
        receipt_email review setup_future_usage shipping source statement_descriptor statement_descriptor_suffix status transfer_data
        transfer_group""",
    "charge": """id object amount amount_captured amount_refunded application application_fee application_fee_amount balance_transaction
        billing_details calculated_statement_descriptor captured created currency customer description disputed failure_balance_transaction
        failure_code failure_message fraud_details livemode metadata on_behalf_of outcome paid payment_intent payment_method
        payment_method_details receipt_email receipt_number receipt_url refunded review shipping source source_transfer
        statement_descriptor statement_descriptor_suffix status transfer_data transfer_group""",
    "refund": """id object amount balance_transaction charge created currency customer customer_account destination_details metadata
        payment_intent payment_method reason receipt_number source_transfer_reversal status transfer_reversal""",
    "dispute": """id object amount balance_transactions charge created currency enhanced_eligibility_types evidence evidence_details
        is_charge_refundable livemode metadata payment_intent payment_method_details reason status""",
    "account": """id object business_profile business_type capabilities charges_enabled controller country created default_currency
        details_submitted email external_accounts future_requirements metadata payouts_enabled requirements settings tos_acceptance type""",
}
# Fields of Stripe's that its one example does not show.
BESIDE = {"charge": {"transfer"}}
EXPANDED_ONLY = {"charge": {"refunds"}, "payment_intent": {"managed_payments"}}


@pytest.fixture
def objects(stripe: Stripe, api: Api) -> dict[str, dict[str, Any]]:
    """One object of every kind, over the wire."""
    stripe.put_payment(
        "pi_3Paid", 100_00, destination="acct_1", refunds=[{"id": "re_1", "amount": 1}], disputes=[{"id": "du_1", "status": "won"}]
    )
    paths = {
        "payment_intent": "payment_intents/pi_3Paid",
        "charge": "charges/ch_3Paid",
        "refund": "refunds/re_1",
        "dispute": "disputes/du_1",
        "account": "account",
    }
    return {kind: api.get(f"/v1/{path}").json for kind, path in paths.items()}


@pytest.mark.parametrize("kind", FIELDS)
def test_an_object_has_stripes_fields(objects: dict[str, dict[str, Any]], kind: str) -> None:
    assert set(objects[kind]) == set(FIELDS[kind].split()) | BESIDE.get(kind, set())
    assert [name for name in NOT_NULL & set(objects[kind]) if objects[kind][name] is None] == []


@pytest.mark.parametrize("kind", FIELDS)
def test_the_fields_are_those_of_stripes_own_examples(objects: dict[str, dict[str, Any]], kind: str) -> None:
    """Beside this repository there may be Stripe's examples; without them our list of their names stands for them."""
    example: dict[str, Any] = json.loads(EXAMPLES.read_bytes())[kind] if EXAMPLES.is_file() else dict.fromkeys(FIELDS[kind].split())
    assert set(example) - EXPANDED_ONLY.get(kind, set()) == set(FIELDS[kind].split())
    assert other_types(example, objects[kind]) == []


def other_types(example: Any, ours: Any, at: str = "") -> list[str]:
    """Where both say something and it is not of one type."""
    if isinstance(example, dict) and isinstance(ours, dict):
        return [line for name in example.keys() & ours.keys() for line in other_types(example[name], ours[name], f"{at}.{name}")]
    if example is None or ours is None or type(example) is type(ours) or at in (".transfer_data.destination",):
        return []
    return [f"{at}: {type(example).__name__}, not {type(ours).__name__}"]
