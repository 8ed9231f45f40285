"""API keys: whose they are, which mode they open, and what a restricted one may not do."""

import base64
import binascii
from dataclasses import dataclass

from ecloud_pay.demo.standin.refusals import expired_key, no_key, not_permitted, wrong_key

# https://docs.stripe.com/keys/restricted-api-keys: how Stripe names what a request needs.
_PERMISSIONS = {
    "payment_intents": "payment_intent",
    "charges": "charge",
    "refunds": "charge",
    "disputes": "dispute",
    "account": "accounts_kyc_basic",
}


@dataclass(frozen=True, slots=True)
class Key:
    """`refused` are beginnings of requests, such as "POST /v1/refunds", that this key may not make."""

    livemode: bool
    refused: tuple[str, ...] = ()
    is_expired: bool = False


class KeyRing:
    """The keys of the account."""

    def __init__(self, account: str, keys: dict[str, Key]) -> None:
        self.account = account
        self._first = dict(keys)
        self._keys = dict(keys)

    def restore(self) -> None:
        """As it was at the start."""
        self._keys = dict(self._first)

    def set(self, text: str, key: Key) -> None:
        """Add a key, or change what it may do."""
        self._keys = self._keys | {text: key}

    def mode_of(self, authorization: str | None, request: str) -> bool:
        """Whether the key that came with the request is a live one. Raises Refusal: 401, or 403 where it may not do that."""
        text = _text(authorization)
        if text is None:
            raise no_key()
        key = self._keys.get(text)
        if key is None:
            raise wrong_key(text)
        if key.is_expired:
            raise expired_key(text)
        if any(request.startswith(beginning) for beginning in key.refused):
            raise not_permitted(text, self.account, permission(request))
        return key.livemode


def permission(request: str) -> str:
    """What a restricted key would need for "POST /v1/refunds"."""
    method, _, path = request.partition(" ")
    noun = path.partition("?")[0].removeprefix("/v1/").partition("/")[0]
    return f"rak_{_PERMISSIONS.get(noun, noun)}_{'read' if method == 'GET' else 'write'}"


def _text(authorization: str | None) -> str | None:
    scheme, _, value = (authorization or "").strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value or None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0] or None
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None
