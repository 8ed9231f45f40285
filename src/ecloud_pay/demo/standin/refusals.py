"""Stripe's error answers. A refusal is raised wherever something is wrong, and becomes an answer at the desk."""

from typing import Any

_DOC_URL = "https://stripe.com/docs/error-codes/"


class Refusal(Exception):
    """Stripe says no. `is_stored`: execution had begun, so the answer is kept under the idempotency key."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        is_stored: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.code = code
        self.param = param
        self.is_stored = is_stored
        self.headers = headers or {}

    def body(self, request_id: str, livemode: bool) -> dict[str, Any]:
        """What goes over the wire. Absent fields are left out, as Stripe does."""
        error: dict[str, Any] = {"message": self.message, "type": self.type}
        if self.code is not None:
            error |= {"code": self.code, "doc_url": _DOC_URL + self.code.replace("_", "-")}
        if self.param is not None:
            error["param"] = self.param
        if self.status not in (401, 429, 500):
            error["request_log_url"] = f"https://dashboard.stripe.com/{'' if livemode else 'test/'}logs/{request_id}"
        return {"error": dict(sorted(error.items()))}


def no_key() -> Refusal:
    """401: there is no Authorization header."""
    return Refusal(
        401,
        "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. "
        "'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at "
        "https://support.stripe.com/.",
    )


def wrong_key(key: str) -> Refusal:
    """401: nobody's key."""
    return Refusal(401, f"Invalid API Key provided: {masked(key)}")


def expired_key(key: str) -> Refusal:
    """401: it was a key once."""
    return Refusal(401, f"Expired API Key provided: {masked(key)}", code="api_key_expired")


def not_permitted(key: str, account: str, permission: str) -> Refusal:
    """403: a restricted key without that permission."""
    return Refusal(
        403,
        f"The provided key '{masked(key)}' does not have the required permissions for this endpoint on account '{account}'. "
        f"Having the '{permission}' permission would allow this request to continue.",
    )


def too_many_requests(reason: str, should_retry: bool | None) -> Refusal:
    """429, not executed. No Retry-After is promised, so none is sent."""
    headers = {"stripe-rate-limited-reason": reason}
    if should_retry is not None:
        headers["stripe-should-retry"] = str(should_retry).lower()
    message = "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits."
    return Refusal(429, message, code="rate_limit", headers=headers)


def key_in_use(key: str) -> Refusal:
    """409: the first request under this key is still being executed."""
    return Refusal(
        409,
        "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the "
        f"other request is still going through): {key}. Please try again later.",
        code="idempotency_key_in_use",
    )


def key_clash(key: str) -> Refusal:
    """400 of a type of its own and without a code: other parameters under a key that was used."""
    return Refusal(
        400,
        "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than "
        f"'{key}' if you meant to execute a different request.",
        type="idempotency_error",
    )


def unknown_url(method: str, path: str) -> Refusal:
    """404: no such endpoint."""
    return Refusal(
        404,
        f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.",
    )


def missing(kind: str, id: str, param: str, *, exists_in: str | None = None, is_stored: bool = False, status: int = 404) -> Refusal:
    """404 (400 for a cursor): no such object in this mode; `exists_in` names the other mode where it is there."""
    message = f"No such {kind}: '{id}'"
    if exists_in is not None:
        other = "test" if exists_in == "live" else "live"
        message += f"; a similar object exists in {exists_in} mode, but a {other} mode key was used to make this request."
    return Refusal(status, message, code="resource_missing", param=param, is_stored=is_stored)


def unknown_parameter(name: str) -> Refusal:
    """400, before execution."""
    return Refusal(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def invalid_integer(name: str, text: str) -> Refusal:
    """400, before execution."""
    return Refusal(400, f"Invalid integer: {text}", code="parameter_invalid_integer", param=name)


def server_error() -> Refusal:
    """500: nobody knows what became of the request."""
    return Refusal(
        500,
        "An unknown error occurred on our servers while processing your request. We have been notified of this problem, but please contact "
        "support@stripe.com with any questions.",
        type="api_error",
        is_stored=True,
    )


def masked(key: str) -> str:
    """A key as Stripe's messages show it."""
    shown = 8 if key[:8] in ("sk_test_", "sk_live_", "rk_test_", "rk_live_") else 0
    return key[:shown] + "*" * max(4, len(key) - shown - 4) + (key[-4:] if len(key) > shown + 4 else "")
