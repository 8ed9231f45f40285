"""Stripe's JSON in our types. Whatever is not as Stripe documents it raises OddShape, and nothing else does.

Fields that may be null may be absent, too; the words of an enum are kept as they are.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from ecloud_pay.adapters.stripe.bodies import Body, OddShape
from ecloud_pay.domain.at_stripe import DisputeAtStripe, PaymentAtStripe, RefundAtStripe
from ecloud_pay.domain.money import Money, NotMoney, exponent

KEY = "ecloud_pay_key"  # in a refund's metadata: the idempotency key that it was made under
PAYMENT = "ecloud_pay_payment"
REFUND = "ecloud_pay_refund"

_LARGEST_MINOR = 10**15
_LAST_SECOND = 2**33  # in the year 2242
_WORD = re.compile(r"[\w.:-]{1,255}", re.ASCII)


def account_id(body: Body) -> str:
    """The id of an account."""
    return _id(body, "account")


def charge_to_fetch(intent: Body) -> str | None:
    """The id of the latest charge where it came as an id only, though it was to be expanded."""
    charge = intent.get("latest_charge")
    return charge if isinstance(charge, str) and charge else None


def payment(
    asked: str, intent: Body, charge: Body | None, disputes: Sequence[DisputeAtStripe], refunds: Sequence[RefundAtStripe]
) -> PaymentAtStripe:
    """The PaymentIntent `asked`; `charge` is its latest one, None where there is none."""
    if _id(intent, "payment_intent") != asked:
        raise OddShape("it is another PaymentIntent")
    received = _money(intent, "amount_received")
    captured = None if charge is None else _captured(charge)
    if any(amount.currency != received.currency for amount in (captured or received, *(refund.amount for refund in refunds))):
        raise OddShape("its parts are of different currencies")
    return PaymentAtStripe(
        id=asked,
        status=_text(intent, "status"),
        is_live=_yes(intent, "livemode"),
        received=received,
        captured=captured,
        charge_id=None if charge is None else _id(charge, "charge"),
        has_transfer=bool(intent.get("transfer_data") or intent.get("on_behalf_of")),
        has_application_fee=intent.get("application_fee_amount") is not None,
        disputes=tuple(disputes),
        refunds=tuple(refunds),
    )


def latest_charge(intent: Body) -> Body | None:
    """The expanded charge; None where there is none."""
    charge = intent.get("latest_charge")
    if charge is None or charge == "":
        return None
    if not isinstance(charge, dict):
        raise OddShape("its latest_charge is no object")
    return charge


def refund(body: Body) -> RefundAtStripe:
    """One refund."""
    metadata = body.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise OddShape("its metadata is no object")
    key = metadata.get(KEY)
    return RefundAtStripe(
        id=_id(body, "refund"),
        payment_intent=_maybe_id(body, "payment_intent"),
        amount=_money(body, "amount"),
        status=_text(body, "status"),
        reason=_maybe_text(body, "reason"),
        created=_instant(body, "created"),
        key=key if isinstance(key, str) and key else None,
    )


def refund_of(payment_intent: str) -> Callable[[Body], RefundAtStripe]:
    """`refund`, for a list that holds those of `payment_intent` alone."""

    def translated(body: Body) -> RefundAtStripe:
        found = refund(body)
        if found.payment_intent not in (payment_intent, None):
            raise OddShape("it holds a refund of another PaymentIntent")
        return found

    return translated


def dispute_of(payment_intent: str) -> Callable[[Body], DisputeAtStripe]:
    """A dispute, for a list that holds those of `payment_intent` alone."""

    def translated(body: Body) -> DisputeAtStripe:
        if _maybe_id(body, "payment_intent") not in (payment_intent, None):
            raise OddShape("it holds a dispute of another PaymentIntent")
        return DisputeAtStripe(_id(body, "dispute"), _text(body, "status"), _yes(body, "is_charge_refundable"))

    return translated


def page(body: Body) -> tuple[list[Body], bool]:
    """The objects of one page of a list, and whether there are more."""
    data = body.get("data")
    if body.get("object") != "list" or not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
        raise OddShape("it is no list")
    return data, _yes(body, "has_more")


def id_of(body: Body) -> str:
    """The id of any object."""
    return _text(body, "id")


def created_s(body: Body) -> int:
    """When it was created, in seconds since 1970."""
    return _whole(body, "created", _LAST_SECOND)


def _captured(charge: Body) -> Money | None:
    return _money(charge, "amount_captured") if _yes(charge, "captured") and _yes(charge, "paid") else None


def _id(body: Body, kind: str) -> str:
    if body.get("object", kind) != kind:
        raise OddShape(f"it is no {kind}")
    return id_of(body)


def _maybe_id(body: Body, name: str) -> str | None:
    """The id of what may be expanded, or absent."""
    value = body.get(name)
    return id_of(value) if isinstance(value, dict) else _maybe_text(body, name)


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise OddShape(f"its {name} is missing or no word")
    return value


def _maybe_text(body: Body, name: str) -> str | None:
    return None if body.get(name) is None else _text(body, name)


def _yes(body: Body, name: str) -> bool:
    value = body.get(name)
    if not isinstance(value, bool):
        raise OddShape(f"its {name} is missing or neither true nor false")
    return value


def _whole(body: Body, name: str, below: int) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < below:
        raise OddShape(f"its {name} is missing or no whole number")
    return value


def _money(body: Body, name: str) -> Money:
    amount_minor = _whole(body, name, _LARGEST_MINOR)
    currency = _text(body, "currency").casefold()
    try:
        exponent(currency)
    except NotMoney:
        raise OddShape(f"its currency {currency[:8]} is unknown") from None
    return Money(amount_minor, currency)


def _instant(body: Body, name: str) -> datetime:
    return datetime.fromtimestamp(_whole(body, name, _LAST_SECOND), UTC)
