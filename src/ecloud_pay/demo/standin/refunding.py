"""POST /v1/refunds: what is refused, and the refund that is made. Runs inside one writing transaction, so the remainder holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ecloud_pay.demo.standin import parameters
from ecloud_pay.demo.standin.bodies import RefundSpec, refund_body, token, with_refunds, with_status
from ecloud_pay.demo.standin.parameters import Pairs
from ecloud_pay.demo.standin.reads import of_mode
from ecloud_pay.demo.standin.refusals import Refusal
from ecloud_pay.demo.standin.store import Body, Store
from ecloud_pay.domain.money import ZERO_DECIMAL

_KNOWN = """payment_intent charge amount reason metadata reverse_transfer refund_application_fee expand instructions_email origin customer
    currency""".split()
_REASONS = ("duplicate", "fraudulent", "requested_by_customer")
_SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """What is asked for. `amount` None: all that is left."""

    payment_intent: str | None = None
    charge: str | None = None
    amount: int | None = None
    reason: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    reverse_transfer: bool = False
    refund_application_fee: bool = False


def parsed(pairs: Pairs) -> RefundRequest:
    """The request. Raises Refusal for parameters that are no good, before anything is executed."""
    parameters.require_known(pairs, _KNOWN)
    payment_intent, charge = parameters.one(pairs, "payment_intent"), parameters.one(pairs, "charge")
    if payment_intent is None and charge is None:
        raise Refusal(400, "One of the following params should be provided for this request: payment_intent or charge.")
    amount = parameters.one(pairs, "amount")
    minor = None if amount is None else parameters.integer("amount", amount)
    if minor is not None and minor < 1:
        raise Refusal(400, "This value must be greater than or equal to 1.", code="parameter_invalid_integer", param="amount")
    reason = parameters.one(pairs, "reason")
    if reason is not None and reason not in _REASONS:
        raise Refusal(400, "Invalid reason: must be one of duplicate, fraudulent, or requested_by_customer", param="reason")
    return RefundRequest(
        payment_intent=payment_intent,
        charge=charge,
        amount=minor,
        reason=reason,
        metadata=parameters.metadata(pairs),
        reverse_transfer=parameters.boolean(pairs, "reverse_transfer"),
        refund_application_fee=parameters.boolean(pairs, "refund_application_fee"),
    )


def refund(store: Store, request: RefundRequest, livemode: bool, status: str = "succeeded") -> Body:
    """Make the refund; the charge then says so. Raises Refusal, with nothing changed."""
    charge = _charge(store, request, livemode)
    _require_refundable(store, charge)
    if request.reverse_transfer and charge["transfer"] is None:
        raise _refused(f"Cannot reverse transfer on charge {charge['id']} because it does not have an associated transfer.")
    if request.refund_application_fee and charge["application_fee"] is None:
        raise _refused(f"Charge {charge['id']} does not have an application fee to refund.", param="refund_application_fee")
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left <= 0:
        raise _refused(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = left if request.amount is None else request.amount
    if amount > left:
        asked, unrefunded = (_shown(figure, charge["currency"]) for figure in (amount, left))
        raise _refused(f"Refund amount ({asked}) is greater than unrefunded amount on charge ({unrefunded})", param="amount")
    spec = RefundSpec(amount=amount, status=status, reason=request.reason, metadata=request.metadata)
    method: str = charge["payment_method_details"]["type"]
    made = refund_body(spec, charge["payment_intent"], charge["id"], charge["currency"], method, store.now())
    if request.reverse_transfer:
        made["transfer_reversal"] = "trr_1" + token(23)
    store.put("refund", livemode, made)
    recount(store, charge, livemode)
    return made


def move(store: Store, id: str, status: str, failure_reason: str | None = None) -> Body | None:
    """Move a refund to any status, a made-up one too; None where there is no such refund. The charge follows."""
    found = store.get(id, "refund")
    if found is None:
        return None
    moved = with_status(found.body, status, failure_reason)
    store.put("refund", found.livemode, moved)
    charge = store.get(moved["charge"] or "", "charge")
    if charge is not None:
        recount(store, charge.body, charge.livemode)
    return moved


def recount(store: Store, charge: Body, livemode: bool) -> None:
    """Let the charge say what its refunds come to."""
    store.put("charge", livemode, with_refunds(charge, [found.body for found in store.of_charge(charge["id"], "refund")]))


def _charge(store: Store, request: RefundRequest, livemode: bool) -> Body:
    if request.payment_intent is None:
        return of_mode(store, "charge", request.charge or "", livemode, "charge", is_stored=True).body
    intent = of_mode(store, "payment_intent", request.payment_intent, livemode, "payment_intent", is_stored=True).body
    latest = store.get(intent["latest_charge"] or "", "charge")
    if latest is None or latest.body["status"] != "succeeded" or not latest.body["captured"]:
        raise _refused(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.", param="payment_intent")
    if request.charge not in (None, latest.body["id"]):
        raise _refused(f"Charge {request.charge} does not belong to PaymentIntent {intent['id']}.", param="charge")
    return latest.body


def _require_refundable(store: Store, charge: Body) -> None:
    if charge["status"] != "succeeded":
        raise _refused(f"Charge {charge['id']} has failed and cannot be refunded.", param="charge")
    if not charge["captured"]:
        raise _refused(f"Charge {charge['id']} has not been captured; cancel the PaymentIntent instead.", param="charge")
    for found in store.of_charge(charge["id"], "dispute"):
        dispute = found.body
        if not dispute["status"].startswith("warning_") and not dispute["is_charge_refundable"]:
            raise _refused(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")


def _refused(message: str, *, code: str | None = None, param: str | None = None) -> Refusal:
    return Refusal(400, message, code=code, param=param, is_stored=True)


def _shown(minor: int, currency: str) -> str:
    figure = str(minor) if currency in ZERO_DECIMAL else f"{minor // 100}.{minor % 100:02}"
    return _SIGNS[currency] + figure if currency in _SIGNS else f"{figure} {currency.upper()}"
