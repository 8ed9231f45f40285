"""What came of a POST, from the outcome of one exchange: the answer table, from top to bottom.

no whole answer, nothing left                            NotSent  unreached
no whole answer                                          Unknown  lost
200 with the refund that was asked for                   Accepted
any other 2xx, any redirect                              Unknown  odd
500                                                      Unknown  server error
any other 5xx                                            Unknown  lost
409                                                      Unknown  in use
── from here on it must be Stripe's own error body, else Unknown odd: what stands in between may answer 403 after the fact ──
type idempotency_error                                   Unknown  key clash
401, 403, "a similar object exists in … mode"            NotSent  unauthorised
429, code rate_limit                                     NotSent  rate limited
400, 402, 404 invalid_request_error or card_error        Declined
any other                                                Unknown  odd
"""

from ecloud_pay.adapters.stripe import translate
from ecloud_pay.adapters.stripe.bodies import OddShape, StripeError, json_object, stripe_error
from ecloud_pay.adapters.stripe.border import Border, plain_id
from ecloud_pay.adapters.stripe.transport import HttpAnswer, Outcome
from ecloud_pay.domain.answers import Accepted, Answer, Cause, Declined, NotSent, Unknown
from ecloud_pay.domain.refund import Order

_NOT_EXECUTED = {401: Cause.UNAUTHORISED, 403: Cause.UNAUTHORISED, 429: Cause.RATE_LIMITED}
_REFUSALS = (400, 402, 404)
_REFUSING_TYPES = ("invalid_request_error", "card_error")


def answer_of(outcome: Outcome, order: Order, border: Border) -> Answer:
    """What the outcome of sending `order` means."""
    if isinstance(outcome, HttpAnswer):
        return _of_answer(outcome, order, border)
    words = border.words(outcome.words)
    if outcome.has_left:
        return Unknown(Cause.LOST, f"Stripe's answer was lost: {words}")
    return NotSent(Cause.UNREACHED, f"Stripe cannot be reached: {words}")


def _of_answer(answer: HttpAnswer, order: Order, border: Border) -> Answer:
    request_id = plain_id(answer.headers.get("request-id"))
    error = stripe_error(answer.body)
    words = border.words(f"Stripe answered {answer.status}" if error is None else error.message)
    if answer.status == 200:
        return _of_200(answer, order, request_id)
    if answer.status == 500:
        return Unknown(Cause.SERVER_ERROR, words, request_id)
    if answer.status > 500:
        return Unknown(Cause.LOST, words, request_id)
    if answer.status == 409:
        return Unknown(Cause.IN_USE, words, request_id)
    if error is None or answer.status < 400:
        return Unknown(Cause.ODD, f"the answer is not Stripe's: HTTP {answer.status}", request_id)
    code = None if error.code is None else border.words(error.code)
    return _of_error(answer.status, error, code, words, request_id)


def _of_error(status: int, error: StripeError, code: str | None, words: str, request_id: str | None) -> Answer:
    if error.type == "idempotency_error":
        return Unknown(Cause.KEY_CLASH, words, request_id)
    if status in _NOT_EXECUTED:
        return NotSent(_NOT_EXECUTED[status], words, request_id)
    if status in _REFUSALS and code == "rate_limit":  # as it was coded before there was a 429
        return NotSent(Cause.RATE_LIMITED, words, request_id)
    if status in _REFUSALS and error.other_mode is not None:
        return NotSent(Cause.UNAUTHORISED, words, request_id)
    if status in _REFUSALS and error.type in _REFUSING_TYPES:
        return Declined(code, words, request_id)
    return Unknown(Cause.ODD, words, request_id)


def _of_200(answer: HttpAnswer, order: Order, request_id: str | None) -> Answer:
    try:
        refund = translate.refund(json_object(answer.body))
    except OddShape as odd:
        return Unknown(Cause.ODD, f"Stripe answered 200 with something else: {odd}", request_id)
    asked = (order.payment_intent, order.amount, order.key)
    if (refund.payment_intent, refund.amount, refund.key) != asked:
        return Unknown(Cause.ODD, "Stripe answered 200 with another refund than was asked for", request_id)
    return Accepted(refund, request_id, is_replay=answer.headers.get("idempotent-replayed") == "true")
