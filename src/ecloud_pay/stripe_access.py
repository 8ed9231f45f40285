"""The key, the address and the proxy of Stripe, checked before anything is sent. What is wrong with one is said without quoting it."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from ecloud_pay.domain.at_stripe import Mode
from ecloud_pay.domain.errors import NotConfigured
from ecloud_pay.secret import Secret

STRIPE = "https://api.stripe.com"
# What a restricted key needs, as the Dashboard calls it, by the first word of the path.
SCOPES = {
    "account": "Account: read",
    "charges": "Charges: read",
    "disputes": "Disputes: read",
    "payment_intents": "PaymentIntents: read",
    "refunds": "Refunds: write",
}

_KEY = re.compile(r"(?:sk|rk)_(test|live)_[A-Za-z0-9_]{4,240}", re.ASCII)
_SET_THE_KEY = "Set STRIPE_SECRET_KEY to a secret key (sk_…) or, better, a restricted one (rk_…) of dashboard.stripe.com/apikeys."


def checked_key(key: Secret | None) -> tuple[str, Mode]:
    """The key without what surrounds it, and whose money it moves."""
    text = "" if key is None else key.reveal().strip()
    if not text:
        raise NotConfigured("there is no Stripe key", to_do=_SET_THE_KEY)
    if text.startswith("pk_"):
        raise NotConfigured("STRIPE_SECRET_KEY holds a publishable key (pk_…), which may read nothing", to_do=_SET_THE_KEY)
    match = _KEY.fullmatch(text)
    if match is None:
        raise NotConfigured("STRIPE_SECRET_KEY does not look like a Stripe key", to_do=_SET_THE_KEY)
    return text, Mode(match[1])


def checked_base(base: str | None, mode: Mode) -> str:
    """The address to ask: Stripe's own, or for a test key a stand-in on this machine."""
    text = (base or "").strip().rstrip("/")
    if text in ("", STRIPE):
        return STRIPE
    if mode is Mode.LIVE:
        raise NotConfigured("STRIPE_API_BASE is set, and the key is a live one", to_do="Unset STRIPE_API_BASE, or use a test key.")
    address = _split(text)
    is_bare = address is not None and text == f"{address.scheme}://{address.netloc}" and "@" not in address.netloc
    if address is None or not is_bare or address.scheme not in ("http", "https") or not _is_loopback(address.hostname):
        raise NotConfigured(
            "STRIPE_API_BASE leads to another machine, or is no plain address",
            to_do="Set it to something like http://127.0.0.1:12111, or unset it.",
        )
    return text


def checked_proxy(proxy: Secret | None) -> str | None:
    """The proxy's address, or None."""
    text = "" if proxy is None else proxy.reveal().strip()
    if not text:
        return None
    address = _split(text)
    if address is None or address.scheme not in ("http", "https") or not address.hostname or re.search(r"\s", text):
        raise NotConfigured("STRIPE_PROXY is no proxy's address", to_do="Set it to something like http://proxy.example:3128, or unset it.")
    return text


def _split(text: str) -> SplitResult | None:
    try:
        address = urlsplit(text)
        _ = address.port  # is parsed when it is asked for
    except ValueError:
        return None
    return address


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
