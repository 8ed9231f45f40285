"""Why a read did not succeed, in our errors: what happened, what is true now, what to do."""

from ecloud_pay.adapters.stripe.bodies import OddShape, StripeError, stripe_error
from ecloud_pay.adapters.stripe.border import Border
from ecloud_pay.adapters.stripe.transport import Broken, HttpAnswer, Outcome
from ecloud_pay.domain.errors import EcloudPayError, NotConfigured, Unavailable, UnknownAtStripe
from ecloud_pay.stripe_access import SCOPES

_NOTHING = "Nothing was changed."
_AGAIN = "Repeat it in a while; status.stripe.com tells whether Stripe has a problem."
_LOOK_BETWEEN = "See what stands between this machine and Stripe (STRIPE_PROXY, STRIPE_API_BASE), then repeat it."


def is_worth_another_try(outcome: Outcome) -> bool:
    """Whether the same read may go well a moment later: no answer, a limit, a lock, a failing server."""
    return isinstance(outcome, Broken) or outcome.status in (409, 429) or outcome.status >= 500


def refusal_of(outcome: Outcome, path: str, border: Border) -> EcloudPayError:
    """The error that an outcome other than 200 is."""
    if isinstance(outcome, Broken):
        what = "Stripe's answer was lost" if outcome.has_left else "Stripe cannot be reached"
        return Unavailable(f"{what}: {border.words(outcome.words)}", now=_NOTHING, to_do=_AGAIN)
    error = stripe_error(outcome.body)
    if error is None:
        return _of_foreign(outcome)
    words = border.words(error.message)
    if outcome.status == 401:
        return NotConfigured(f"Stripe refuses the key: {words}", now=_NOTHING, to_do="Correct STRIPE_SECRET_KEY.")
    if outcome.status == 403:
        to_do = f"Give the key of STRIPE_SECRET_KEY the permission “{SCOPES.get(path.split('/')[2], path)}”."
        return NotConfigured(f"the Stripe key may not do that: {words}", now=_NOTHING, to_do=to_do)
    if error.code == "resource_missing":
        return _of_missing(error, words)
    to_do = _AGAIN if is_worth_another_try(outcome) else "See the message; nothing here will change it by itself."
    return Unavailable(f"Stripe answered {outcome.status}: {words}", now=_NOTHING, to_do=to_do)


def odd_answer(path: str, odd: OddShape) -> Unavailable:
    """An answer that is not as Stripe documents it."""
    return Unavailable(f"what Stripe answered for {path.split('/')[2]} makes no sense: {odd}", now=_NOTHING, to_do=_LOOK_BETWEEN)


def too_busy() -> Unavailable:
    """Others of this run are before us, for longer than we may take."""
    return Unavailable("too many requests to Stripe are waiting", now=_NOTHING, to_do=_AGAIN)


def _of_foreign(answer: HttpAnswer) -> Unavailable:
    if answer.status >= 500:
        return Unavailable(f"Stripe answered {answer.status}", now=_NOTHING, to_do=_AGAIN)
    return Unavailable(f"the answer is not Stripe's: HTTP {answer.status}", now=_NOTHING, to_do=_LOOK_BETWEEN)


def _of_missing(error: StripeError, words: str) -> UnknownAtStripe:
    if error.other_mode is None:
        return UnknownAtStripe(
            f"Stripe does not know it under this key: {words}",
            now=_NOTHING,
            to_do="See that STRIPE_SECRET_KEY belongs to the account that took the payment.",
        )
    return UnknownAtStripe(
        f"Stripe has it in the other mode: {words}",
        is_of_other_mode=True,
        now=_NOTHING,
        to_do=f"Use the {error.other_mode} key of the same account, or the database that belongs to this one.",
    )
