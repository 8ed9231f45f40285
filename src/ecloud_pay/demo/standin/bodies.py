"""Stripe's objects as they go over the wire: every field that Stripe sends, made from what a test or the sample knows of a payment.

https://docs.stripe.com/api: null where there is nothing, never a missing key. A Refund has no livemode.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecloud_pay.demo.standin.store import Body

CHARGED = ("succeeded", "requires_capture")
FAILED = ("failed", "canceled")  # refunds that hold no money
_ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSpec:
    """A refund that is there already."""

    amount: int
    id: str | None = None
    status: str = "succeeded"
    reason: str | None = None
    created: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeSpec:
    """A dispute of the charge. `amount` None: of all of it."""

    status: str = "needs_response"
    is_charge_refundable: bool = False
    id: str | None = None
    amount: int | None = None
    reason: str = "general"
    created: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSpec:
    """A payment: amounts in minor units, instants in whole seconds.

    `charge` None: derived from the id where the status says that there is one, "" for none. `paid` is when the charge was made.
    `error` is what its last attempt failed with: {"code": …, "decline_code": …}.
    """

    id: str
    amount: int
    currency: str = "usd"
    status: str = "succeeded"
    created: int | None = None
    paid: int | None = None
    charge: str | None = None
    amount_captured: int | None = None
    livemode: bool = False
    method: str | None = "card"
    brand: str | None = "visa"
    last4: str | None = "4242"
    description: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    error: Mapping[str, str] | None = None
    destination: str | None = None
    on_behalf_of: str | None = None
    application_fee_amount: int | None = None
    refunds: Sequence[RefundSpec] = ()
    disputes: Sequence[DisputeSpec] = ()

    @property
    def charge_id(self) -> str | None:
        """The id of its latest charge, if there is one."""
        if self.charge is None and self.status in CHARGED:
            return "ch_" + self.id.removeprefix("pi_")
        return self.charge or None

    @property
    def captured(self) -> int:
        """How much of the charge was captured."""
        if self.status != "succeeded":
            return 0
        return self.amount if self.amount_captured is None else self.amount_captured


def payment_spec(asked: Mapping[str, Any]) -> PaymentSpec:
    """The payment that JSON describes. Raises TypeError for what a payment does not have."""
    refunds = tuple(RefundSpec(**each) for each in asked.get("refunds", ()))
    disputes = tuple(DisputeSpec(**each) for each in asked.get("disputes", ()))
    return PaymentSpec(**(dict(asked) | {"refunds": refunds, "disputes": disputes}))


def payment_objects(spec: PaymentSpec, now: int) -> Iterator[tuple[str, bool, Body]]:
    """Everything that Stripe holds of a payment: (kind, livemode, body)."""
    created = now if spec.created is None else spec.created
    paid = created if spec.paid is None else spec.paid
    refunds = [refund_body(refund, spec.id, spec.charge_id, spec.currency, spec.method, now) for refund in spec.refunds]
    yield "payment_intent", spec.livemode, _payment_intent(spec, created)
    if spec.charge_id is not None:
        charge = _charge(spec, spec.charge_id, paid)
        yield "charge", spec.livemode, with_refunds(charge, refunds)
        for dispute in spec.disputes:
            yield "dispute", spec.livemode, _dispute(dispute, spec, spec.charge_id, now)
    for refund in refunds:
        yield "refund", spec.livemode, refund


def refund_body(spec: RefundSpec, payment_intent: str | None, charge: str | None, currency: str, method: str | None, now: int) -> Body:
    """A refund. Those of bank debits and wallets bear another prefix."""
    kind = method or "card"
    details = {"card": {"type": "refund", "reference_status": "pending", "reference_type": "acquirer_reference_number"}}
    body: Body = {
        "id": spec.id or refund_id(charge, kind),
        "object": "refund",
        "amount": spec.amount,
        "balance_transaction": "txn_3" + token(23),
        "charge": charge,
        "created": now if spec.created is None else spec.created,
        "currency": currency,
        "customer": None,
        "customer_account": None,
        "destination_details": {"type": kind, kind: details.get(kind, {})},
        "metadata": dict(spec.metadata),
        "payment_intent": payment_intent,
        "payment_method": None,
        "reason": spec.reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": spec.status,
        "transfer_reversal": None,
    }
    return with_status(body, spec.status, None)


def with_status(refund: Body, status: str, failure_reason: str | None) -> Body:
    """The refund, moved there. What tells of a failure is there only when it failed."""
    moved = {name: value for name, value in refund.items() if name not in ("failure_reason", "failure_balance_transaction")}
    moved["status"] = status
    if status in FAILED:
        moved |= {"failure_reason": failure_reason or "unknown", "failure_balance_transaction": "txn_3" + token(23)}
    return moved


def refund_id(charge: str | None, method: str) -> str:
    """A new id: Stripe's share their middle with the charge."""
    prefix = "re_3" if method == "card" and not (charge or "").startswith("py_") else "pyr_1"
    middle = (charge or "")[4:20]
    return prefix + middle + token(23 - len(middle))


def with_refunds(charge: Body, refunds: Sequence[Body]) -> Body:
    """The charge, with what went back of it. A refund in a state that is neither failed nor canceled holds its money."""
    refunded = sum(refund["amount"] for refund in refunds if refund["status"] not in FAILED)
    return charge | {"amount_refunded": refunded, "refunded": charge["captured"] and refunded >= charge["amount_captured"]}


def token(length: int) -> str:
    """Letters and digits that nobody has drawn before."""
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in os.urandom(length))


def _payment_intent(spec: PaymentSpec, created: int) -> Body:
    method = spec.method or "card"
    return {
        "id": spec.id,
        "object": "payment_intent",
        "amount": spec.amount,
        "amount_capturable": spec.amount if spec.status == "requires_capture" else 0,
        "amount_details": {"tip": {}},
        "amount_received": spec.captured,
        "application": None,
        "application_fee_amount": spec.application_fee_amount,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
        "canceled_at": created if spec.status == "canceled" else None,
        "cancellation_reason": "requested_by_customer" if spec.status == "canceled" else None,
        "capture_method": "automatic",
        "client_secret": f"{spec.id}_secret_{token(25)}",
        "confirmation_method": "automatic",
        "created": created,
        "currency": spec.currency,
        "customer": None,
        "customer_account": None,
        "description": spec.description,
        "excluded_payment_method_types": None,
        "last_payment_error": _payment_error(spec),
        "latest_charge": spec.charge_id,
        "livemode": spec.livemode,
        "metadata": dict(spec.metadata),
        "next_action": None,
        "on_behalf_of": spec.on_behalf_of,
        "payment_method": "pm_1" + token(23) if spec.charge_id or spec.status == "processing" else None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": [method],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": spec.status,
        "transfer_data": {"destination": spec.destination} if spec.destination else None,
        "transfer_group": f"group_{spec.id}" if spec.destination else None,
    }


def _payment_error(spec: PaymentSpec) -> Body | None:
    if spec.error is None:
        return None
    error: dict[str, Any] = dict(spec.error)
    if spec.charge_id is not None:
        error["charge"] = spec.charge_id
    error.setdefault("code", "card_declined")
    return error | {
        "doc_url": "https://stripe.com/docs/error-codes/" + error["code"].replace("_", "-"),
        "message": "Your card was declined.",
        "type": "card_error" if error["code"] == "card_declined" else "invalid_request_error",
    }


def _charge(spec: PaymentSpec, id: str, created: int) -> Body:
    is_paid = spec.status in CHARGED
    status = "succeeded" if is_paid else "pending" if spec.status == "processing" else "failed"
    error = _payment_error(spec) or {}
    return {
        "id": id,
        "object": "charge",
        "amount": spec.amount,
        "amount_captured": spec.captured,
        "amount_refunded": 0,
        "application": None,
        "application_fee": "fee_1" + token(23) if spec.application_fee_amount and is_paid else None,
        "application_fee_amount": spec.application_fee_amount,
        "balance_transaction": "txn_3" + token(23) if spec.captured else None,
        "billing_details": {"address": dict(_ADDRESS), "email": None, "name": None, "phone": None, "tax_id": None},
        "calculated_statement_descriptor": "ECLOUD" if is_paid else None,
        "captured": spec.captured > 0,
        "created": created,
        "currency": spec.currency,
        "customer": None,
        "description": spec.description,
        "disputed": any(not dispute.status.startswith("warning_") for dispute in spec.disputes),
        "failure_balance_transaction": None,
        "failure_code": error.get("code") if status == "failed" else None,
        "failure_message": error.get("message") if status == "failed" else None,
        "fraud_details": {},
        "livemode": spec.livemode,
        "metadata": dict(spec.metadata),
        "on_behalf_of": spec.on_behalf_of,
        "outcome": _outcome(status, error),
        "paid": is_paid,
        "payment_intent": spec.id,
        "payment_method": "pm_1" + token(23),
        "payment_method_details": _method(spec),
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": f"https://pay.stripe.com/receipts/payment/{id}" if is_paid else None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": status,
        "transfer": "tr_1" + token(23) if spec.destination and is_paid else None,
        "transfer_data": {"amount": None, "destination": spec.destination} if spec.destination else None,
        "transfer_group": f"group_{spec.id}" if spec.destination else None,
    }


def _outcome(status: str, error: Mapping[str, Any]) -> Body:
    is_declined = status == "failed"
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if is_declined else "approved_by_network",
        "reason": error.get("decline_code") if is_declined else None,
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details with this decline." if is_declined else "Payment complete.",
        "type": "issuer_declined" if is_declined else "authorized",
    }


def _method(spec: PaymentSpec) -> Body:
    kind = spec.method or "card"
    if kind != "card":
        return {"type": kind, kind: {"last4": spec.last4 or None} if kind == "sepa_debit" else {}}
    checks = {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"}
    card = {
        "amount_authorized": spec.amount,
        "authorization_code": None,
        "brand": spec.brand or "visa",
        "checks": checks,
        "country": "US",
        "exp_month": 8,
        "exp_year": 2030,
        "extended_authorization": {"status": "disabled"},
        "fingerprint": None,
        "funding": "credit",
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": spec.last4 or None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": spec.brand or "visa",
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": spec.amount, "status": "unavailable"},
        "regulated_status": None,
        "three_d_secure": None,
        "wallet": None,
    }
    return {"type": "card", "card": card}


def _dispute(dispute: DisputeSpec, spec: PaymentSpec, charge: str, now: int) -> Body:
    created = now if dispute.created is None else dispute.created
    return {
        "id": dispute.id or "du_1" + token(23),
        "object": "dispute",
        "amount": spec.captured if dispute.amount is None else dispute.amount,
        "balance_transactions": [],
        "charge": charge,
        "created": created,
        "currency": spec.currency,
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys(_EVIDENCE.split()) | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": created + 9 * 86400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": dispute.is_charge_refundable,
        "livemode": spec.livemode,
        "metadata": {},
        "payment_intent": spec.id,
        "payment_method_details": {
            "type": "card",
            "card": {
                "brand": spec.brand or "visa",
                "case_type": "inquiry" if dispute.status.startswith("warning_") else "chargeback",
                "network": spec.brand or "visa",
                "network_reason_code": "10.4",
            },
        },
        "reason": dispute.reason,
        "status": dispute.status,
    }


_EVIDENCE = """access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal
    customer_communication customer_email_address customer_name customer_purchase_ip customer_signature duplicate_charge_documentation
    duplicate_charge_explanation duplicate_charge_id product_description receipt refund_policy refund_policy_disclosure
    refund_refusal_explanation service_date service_documentation shipping_address shipping_carrier shipping_date
    shipping_documentation shipping_tracking_number uncategorized_file uncategorized_text"""


def account_body(id: str) -> Body:
    """The account behind the keys."""
    nothing_due: Body = {
        "alternatives": [],
        "current_deadline": None,
        "currently_due": [],
        "disabled_reason": None,
        "errors": [],
        "eventually_due": [],
        "past_due": [],
        "pending_verification": [],
    }
    return {
        "id": id,
        "object": "account",
        "business_profile": {
            "annual_revenue": None,
            "estimated_worker_count": None,
            "mcc": "7349",
            "minority_owned_business_designation": None,
            "name": "ecloud",
            "product_description": None,
            "support_address": None,
            "support_email": None,
            "support_phone": None,
            "support_url": None,
            "url": None,
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "US",
        "created": 1700000000,
        "default_currency": "usd",
        "details_submitted": True,
        "email": "ops@example.com",
        "external_accounts": {"object": "list", "data": [], "has_more": False, "url": f"/v1/accounts/{id}/external_accounts"},
        "future_requirements": nothing_due,
        "metadata": {},
        "payouts_enabled": True,
        "requirements": nothing_due,
        "settings": {
            "bacs_debit_payments": {"display_name": None, "service_user_number": None},
            "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
            "card_issuing": {"tos_acceptance": {"date": None, "ip": None}},
            "card_payments": {
                "decline_on": {"avs_failure": False, "cvc_failure": True},
                "statement_descriptor_prefix": None,
                "statement_descriptor_prefix_kana": None,
                "statement_descriptor_prefix_kanji": None,
            },
            "dashboard": {"display_name": "ecloud", "timezone": "Etc/UTC"},
            "invoices": {"default_account_tax_ids": None, "hosted_payment_method_save": None},
            "payments": dict.fromkeys(
                (
                    "statement_descriptor",
                    "statement_descriptor_kana",
                    "statement_descriptor_kanji",
                    "statement_descriptor_prefix_kana",
                    "statement_descriptor_prefix_kanji",
                )
            ),
            "payouts": {
                "debit_negative_balances": True,
                "schedule": {"delay_days": 2, "interval": "daily"},
                "statement_descriptor": None,
            },
            "sepa_debit_payments": {},
        },
        "tos_acceptance": {"date": None, "ip": None, "user_agent": None},
        "type": "standard",
    }
