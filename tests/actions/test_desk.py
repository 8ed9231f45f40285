"""A key, an account and a database that belong together, or no desk; and requests of the backend that are closed at it."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from ecloud_pay.actions.desk import Expected, open_desk
from ecloud_pay.actions.requests import decline
from ecloud_pay.domain.at_stripe import Mode
from ecloud_pay.domain.errors import CannotWrite, EcloudPayError, NotConfigured, NotFound, Refused
from ecloud_pay.domain.report import BorneBy
from ecloud_pay.ports import Place
from support.refunding import OPS, Till, sentences

NOTHING = "Nothing was sent."


@dataclass
class At:
    """The ledger of some other place."""

    found: Place

    def place(self) -> Place:
        return self.found


@dataclass
class Key:
    """A key of that mode whose account is that."""

    mode: Mode
    of: str | None = "acct_1"

    def account(self) -> str:
        if self.of is None:
            raise NotConfigured("the Stripe key may not do that")
        return self.of


HERE = Place("db.example/pay", takes_writes=True)


def opened(place: Place, key: Key, expected: Expected) -> str | None:
    return open_desk(At(place), key, expected, BorneBy.PLATFORM).account  # type: ignore[arg-type]


def refused(place: Place, key: Key, expected: Expected) -> tuple[Any, ...]:
    with pytest.raises(EcloudPayError) as raised:
        opened(place, key, expected)
    return (type(raised.value), *sentences(raised.value))


def test_a_desk_of_real_parts(till: Till) -> None:
    desk = open_desk(till.ledger, till.gateway, Expected(till.stripe.account, None), BorneBy.CLEANER)
    assert (desk.account, desk.borne_by) == (till.stripe.account, BorneBy.CLEANER)


@pytest.mark.parametrize(
    ("key", "expected", "account"),
    [
        (Key(Mode.TEST), Expected(None, None), "acct_1"),
        (Key(Mode.TEST), Expected("acct_1", "elsewhere/pay"), "acct_1"),  # what a test key does is no real money
        (Key(Mode.TEST, None), Expected(None, None), None),  # a restricted key that may not ask
        (Key(Mode.LIVE), Expected("acct_1", "db.example/pay"), "acct_1"),
    ],
)
def test_what_belongs_together(key: Key, expected: Expected, account: str | None) -> None:
    assert opened(HERE, key, expected) == account


DOCTOR = "`ecloud-pay doctor` prints the value for this database."
ELSEWHERE = "Use the database that the key is meant for: a copy must never move real money."


@pytest.mark.parametrize(
    ("key", "expected", "what", "to_do"),
    [
        (
            Key(Mode.TEST, "acct_2"),
            Expected("acct_1", None),
            "the Stripe key belongs to acct_2, and STRIPE_ACCOUNT_ID says acct_1",
            "Correct STRIPE_SECRET_KEY or STRIPE_ACCOUNT_ID.",
        ),
        (
            Key(Mode.LIVE, "acct_2"),
            Expected("acct_1", "db.example/pay"),
            "the Stripe key belongs to acct_2, and STRIPE_ACCOUNT_ID says acct_1",
            "Correct STRIPE_SECRET_KEY or STRIPE_ACCOUNT_ID.",
        ),
        (
            Key(Mode.LIVE),
            Expected("acct_1", "db.example/other"),
            "a live key is set for the database db.example/other, and this is db.example/pay",
            ELSEWHERE,
        ),
        *(
            (
                Key(Mode.LIVE),
                expected,
                f"a live key is set without {names}, so nobody has said that it belongs to this database",
                to_do,
            )
            for expected, names, to_do in [
                (Expected(None, None), "STRIPE_ACCOUNT_ID and ECLOUD_PAY_LIVE_DATABASE", f"Set both; {DOCTOR}"),
                (Expected("acct_1", None), "ECLOUD_PAY_LIVE_DATABASE", f"Set ECLOUD_PAY_LIVE_DATABASE; {DOCTOR}"),
                (
                    Expected(None, "db.example/pay"),
                    "STRIPE_ACCOUNT_ID",
                    "Set STRIPE_ACCOUNT_ID to the account that the key belongs to, acct_….",
                ),
                (Expected("", ""), "STRIPE_ACCOUNT_ID and ECLOUD_PAY_LIVE_DATABASE", f"Set both; {DOCTOR}"),
            ]
        ),
    ],
)
def test_what_does_not_belong_together(key: Key, expected: Expected, what: str, to_do: str) -> None:
    assert refused(HERE, key, expected) == (NotConfigured, what, NOTHING, to_do)


def test_a_key_that_may_not_ask_where_its_account_must_be_known() -> None:
    assert refused(HERE, Key(Mode.TEST, None), Expected("acct_1", None))[:2] == (NotConfigured, "the Stripe key may not do that")


def test_a_place_that_takes_no_writes_or_lacks_something() -> None:
    assert refused(replace(HERE, takes_writes=False), Key(Mode.TEST), Expected(None, None)) == (
        NotConfigured,
        "the database takes no writes: it is a replica, or the login is a read-only one",
        NOTHING,
        "Set DATABASE_URL to the primary, with a login that may write.",
    )
    lacking = replace(HERE, lacks=("INSERT on payments_refund", "UPDATE on payments_payment"))
    assert refused(lacking, Key(Mode.TEST), Expected(None, None)) == (
        NotConfigured,
        "the database login lacks what a refund needs: INSERT on payments_refund, UPDATE on payments_payment",
        NOTHING,
        "Have the backend's owner GRANT it; `ecloud-pay doctor` prints the lines.",
    )


def test_a_request_is_declined_and_noted_down(till: Till) -> None:
    found = decline(till.ledger, till.audit, 2, OPS)
    assert (found.payment.id, found.refund.id) == (11, 2)
    assert till.row("payments_refund", 2)["status"] == "failed"
    [line] = till.lines()
    assert (line["event_type"], line["payment_id"], line["triggered_by"], line["details"]) == (
        "refund_failed",
        11,
        "ops@demo",
        {"refund_id": 2, "refund_amount": "10.00", "words": "the request was declined"},
    )
    assert till.stripe.journal() == []


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (999, (NotFound, "there is no refund row #999", "", "")),
        (
            1,
            (
                Refused,
                "refund row #1 is no open request of the backend",
                "Nothing was changed.",
                "`ecloud-pay refund --pending` lists those that are.",
            ),
        ),
    ],
)
def test_what_is_no_request_is_not_declined(till: Till, row: int, expected: tuple[Any, ...]) -> None:
    before = till.backend.fingerprint()
    with pytest.raises(EcloudPayError) as raised:
        decline(till.ledger, till.audit, row, OPS)
    assert (type(raised.value), *sentences(raised.value)) == expected
    assert (till.backend.fingerprint(), till.events()) == (before, [])


def test_a_request_stays_open_where_that_cannot_be_noted_down(till: Till) -> None:
    till.audit.path.mkdir()
    with pytest.raises(CannotWrite):
        decline(till.ledger, till.audit, 2, OPS)
    assert till.row("payments_refund", 2)["status"] == "pending"
