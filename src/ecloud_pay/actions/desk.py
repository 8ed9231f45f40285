"""The desk at which refunds are made: a database and a Stripe key that belong together."""

from dataclasses import dataclass

from ecloud_pay.domain.at_stripe import Mode
from ecloud_pay.domain.errors import NotConfigured
from ecloud_pay.domain.report import BorneBy
from ecloud_pay.ports import Ledger, StripeGateway

_NOTHING = "Nothing was sent."
# How to come by what a live key needs.
_SET = {
    "STRIPE_ACCOUNT_ID": "Set STRIPE_ACCOUNT_ID to the account that the key belongs to, acct_….",
    "ECLOUD_PAY_LIVE_DATABASE": "Set ECLOUD_PAY_LIVE_DATABASE; `ecloud-pay doctor` prints the value for this database.",
}
_SET_BOTH = "Set both; `ecloud-pay doctor` prints the value for this database."


@dataclass(frozen=True, slots=True)
class Desk:
    """What every refund of one run shares: `account` is Stripe's answer to whose key this is, None where the key may not ask."""

    ledger: Ledger
    gateway: StripeGateway
    account: str | None
    borne_by: BorneBy | None


@dataclass(frozen=True, slots=True)
class Expected:
    """What the settings say of Stripe's account and of the database that a live key may be used with; None where they do not."""

    account: str | None
    live_database: str | None


def open_desk(ledger: Ledger, gateway: StripeGateway, expected: Expected, borne_by: BorneBy | None) -> Desk:
    """A desk whose key, account and database belong together. NotConfigured where they do not, or where nothing could be written."""
    place = ledger.place()
    if not place.takes_writes:
        raise NotConfigured(
            "the database takes no writes: it is a replica, or the login is a read-only one",
            now=_NOTHING,
            to_do="Set DATABASE_URL to the primary, with a login that may write.",
        )
    if place.lacks:
        raise NotConfigured(
            f"the database login lacks what a refund needs: {', '.join(place.lacks)}",
            now=_NOTHING,
            to_do="Have the backend's owner GRANT it; `ecloud-pay doctor` prints the lines.",
        )
    if gateway.mode is Mode.LIVE:
        _live_key_is_at_home(place.name, expected)
    return Desk(ledger, gateway, _account(gateway, expected), borne_by)


def _live_key_is_at_home(place: str, expected: Expected) -> None:
    missing = [name for name, value in zip(_SET, (expected.account, expected.live_database), strict=True) if not value]
    if missing:
        raise NotConfigured(
            f"a live key is set without {' and '.join(missing)}, so nobody has said that it belongs to this database",
            now=_NOTHING,
            to_do=_SET_BOTH if len(missing) > 1 else _SET[missing[0]],
        )
    if expected.live_database != place:
        raise NotConfigured(
            f"a live key is set for the database {expected.live_database}, and this is {place}",
            now=_NOTHING,
            to_do="Use the database that the key is meant for: a copy must never move real money.",
        )


def _account(gateway: StripeGateway, expected: Expected) -> str | None:
    try:
        account = gateway.account()
    except NotConfigured:  # a restricted key that may not ask; where the key itself is bad, the next question says so
        if expected.account is not None:
            raise
        return None
    if expected.account not in (None, account):
        raise NotConfigured(
            f"the Stripe key belongs to {account}, and STRIPE_ACCOUNT_ID says {expected.account}",
            now=_NOTHING,
            to_do="Correct STRIPE_SECRET_KEY or STRIPE_ACCOUNT_ID.",
        )
    return account
