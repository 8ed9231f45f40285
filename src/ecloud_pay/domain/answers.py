"""What came of one attempt to send a refund, and what is done about it: the answer table as data.

Accepted   Stripe has the refund                                       → settle
Declined   Stripe says no                                              → list first, an earlier attempt may have won; then failed
NotSent    certain never to have been executed                         → the same key again, or failed as "not sent"
Unknown    may have been executed                                      → the same key again where that is safe, then list
"""

from dataclasses import dataclass
from enum import StrEnum

from ecloud_pay.domain.at_stripe import RefundAtStripe


class Cause(StrEnum):
    """Why an attempt has no answer to settle by."""

    UNREACHED = "unreached"  # DNS, refused, connect timeout, TLS: no byte of the request left
    RATE_LIMITED = "rate limited"  # 429
    UNAUTHORISED = "unauthorised"  # 401, 403, the other mode
    HELD_BACK = "held back"  # by us: too long since it was recorded as sent, or asked to stop
    IN_USE = "in use"  # 409: the same key is being executed
    SERVER_ERROR = "server error"  # 500
    LOST = "lost"  # 502, 503, 504, reset, read timeout, truncated
    ODD = "odd"  # 200 with something else, a redirect, any answer that is not Stripe's
    KEY_CLASH = "key clash"  # 400 idempotency_error: a bug, or somebody else's key


@dataclass(frozen=True, slots=True)
class Accepted:
    """Stripe answered with the refund, and its amount, currency, PaymentIntent and key are ours."""

    refund: RefundAtStripe
    request_id: str | None = None
    is_replay: bool = False


@dataclass(frozen=True, slots=True)
class Declined:
    """Stripe refused it: `code` may be absent (a refund over the remainder has none)."""

    code: str | None
    message: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class NotSent:
    """It was certainly not executed."""

    cause: Cause
    message: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may or may not have been executed."""

    cause: Cause
    message: str
    request_id: str | None = None


Answer = Accepted | Declined | NotSent | Unknown


@dataclass(frozen=True, slots=True)
class Rule:
    """`resend_after_s`: the pauses before the same key is sent again. `list_after_s`: the pauses before each look at Stripe's list."""

    resend_after_s: tuple[float, ...] = ()
    list_after_s: tuple[float, ...] = (0.0,)
    has_jitter: bool = False


# https://docs.stripe.com/api/idempotent_requests, https://docs.stripe.com/error-low-level: a 500 is stored and replayed, so the same key
# learns nothing new from it; a 429 is not stored; what never arrived can be sent again.
RULES: dict[Cause, Rule] = {
    Cause.UNREACHED: Rule((0.5, 1.0, 2.0, 4.0), has_jitter=True),
    Cause.RATE_LIMITED: Rule((0.5, 1.0, 2.0, 4.0), has_jitter=True),
    Cause.UNAUTHORISED: Rule(),
    Cause.HELD_BACK: Rule(),
    Cause.IN_USE: Rule((1.0, 2.0, 4.0, 8.0)),
    Cause.SERVER_ERROR: Rule(list_after_s=(0.0, 5.0, 30.0)),
    Cause.LOST: Rule((0.5, 2.0), list_after_s=(0.0, 2.0)),
    Cause.ODD: Rule(),
    Cause.KEY_CLASH: Rule(),
}
