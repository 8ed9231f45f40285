"""A key, a password and a customer's e-mail are let loose where a refund comes by; nothing that is printed or written holds them."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from psycopg.conninfo import conninfo_to_dict

from support.backend import Backend, a_role_with_a_password, drop_database
from support.canaries import Canaries
from support.cashier import CONSOLE, Cashier
from support.console import Console, Result
from support.office import FIVE
from support.standin import Stripe

PASSWORD = "Zq7w'9/kL+x@Vb3T"
EMAIL = "quiet.customer@canary.example"
QUIETLY, ALOUD, TO_A_MACHINE = (), ("--debug",), ("--debug", "--log-json")


@pytest.fixture(scope="module")
def guarded_backend(server: str) -> Iterator[tuple[Backend, str]]:
    """A backend, and the URL of a login that may refund there and has to give its password."""
    with a_role_with_a_password(server, PASSWORD) as role:
        backend = Backend.create(server, "django")
        for privilege in ("SELECT, INSERT, UPDATE ON ALL TABLES", "USAGE ON ALL SEQUENCES"):
            backend.run(f"GRANT {privilege} IN SCHEMA public TO {role}")
        told = conninfo_to_dict(backend.conninfo)
        host, port, name = (str(told[part]) for part in ("host", "port", "dbname"))
        yield backend, f"postgresql://{role}:{quote(PASSWORD, safe='')}@/{name}?host={quote(host, safe='')}&port={port}"
        drop_database(server, backend.conninfo)


class Loose:
    """A cashier at whose till the secrets are loose. Keeps all that is ever printed."""

    def __init__(self, cashier: Cashier, url: str) -> None:
        stripe = cashier.stripe
        self.cashier, self.stripe = cashier, stripe
        self.canaries = Canaries({"the key": stripe.key, "the live key": stripe.live_key, "the password": PASSWORD, "the e-mail": EMAIL})
        self.printed: list[tuple[str, str]] = []
        cashier.environ.update(DATABASE_URL=url, HOME=str(cashier.folder), STRIPE_LOG="debug")
        stripe.overwrite(FIVE, receipt_email=EMAIL)
        stripe.overwrite("ch_3SMUfcQ1SldwUSm92tASE3le", receipt_email=EMAIL, billing_details={"email": EMAIL, "name": EMAIL})

    @property
    def confession(self) -> str:
        """What an indiscreet server might say."""
        return f"{EMAIL} was refused, and so was {self.stripe.key} ({self.stripe.live_key})."

    def __call__(self, *arguments: str, **environ: str) -> Result:
        """`ecloud-pay …` in this process."""
        result = self.cashier.console(*arguments, on=None, **{**self.cashier.environ, **environ})
        self.printed.append((f"{arguments} {sorted(environ)}", result.out + result.err))
        return result

    def refund(self, *arguments: str, code: int, **environ: str) -> None:
        """`ecloud-pay refund …`, which must end like that: else it was not the way that it should have gone."""
        result = self("refund", *arguments, **environ)
        assert result.code == code, result.err

    def fault(self, kind: str, **options: object) -> None:
        """The next refund meets that."""
        self.stripe.forget_faults()
        self.stripe.faults(kind, **options)  # type: ignore[arg-type]  # `match` is text wherever it is given

    def assert_silence(self) -> None:
        """Nothing printed, no file and no row holds a canary."""
        assert [(line, heard) for line, text in self.printed if (heard := self.canaries.heard_in(text))] == []
        assert self.canaries.heard_in_files(self.cashier.folder) == []
        assert self.canaries.heard_in(str(self.cashier.backend.fingerprint())) == []


@pytest.fixture
def loose(console: Console, guarded_backend: tuple[Backend, str], stripe: Stripe, tmp_path: Path) -> Loose:
    backend, url = guarded_backend
    backend.run("DELETE FROM payments_refund WHERE id > 1000; DELETE FROM payments_transaction WHERE id > 1000")
    backend.run("UPDATE payments_payment SET refund_amount = 0 WHERE id = 5")
    return Loose(Cashier.at(console, backend, stripe, tmp_path), url)


def test_the_canaries_would_be_heard(loose: Loose) -> None:
    """In any form, and they are where a refund comes by."""
    for name, secret in loose.canaries.secrets.items():
        for text in (f"a{secret}b", repr(secret), quote(secret, safe=""), secret[: len(secret) // 2], json.dumps(secret)):
            assert name in loose.canaries.heard_in(text)
    note = loose.cashier.folder / "note"
    note.write_text(loose.confession)
    assert len(loose.canaries.heard_in_files(loose.cashier.folder)) == 3
    note.unlink()  # the whole suite is searched in the end
    assert loose.stripe.object(FIVE)["receipt_email"] == EMAIL
    assert loose("refund", "5", "--dry-run").code == 0
    assert any(seen.target.startswith(f"/v1/payment_intents/{FIVE}") for seen in loose.stripe.journal())


@pytest.mark.parametrize("loud", [QUIETLY, ALOUD, TO_A_MACHINE])
def test_no_ordinary_day_gives_anything_away(loose: Loose, loud: tuple[str, ...]) -> None:
    loose.refund("5", "--dry-run", *loud, code=0)
    loose.refund("5", "--dry-run", "--json", *loud, code=0)
    loose.refund("5", "--amount", "1", "--yes", "--request-id", "r", *loud, code=0)
    loose.refund("5", "--amount", "1", "--yes", "--request-id", "r", *loud, code=0)
    loose.fault("html_200")
    loose.refund("5", "--amount", "2", "--yes", *loud, code=8)
    loose.refund("5", "--amount", "3", "--yes", *loud, code=7)
    for form in ((), ("--json",)):
        loose.refund("--pending", *form, *loud, code=0)
    loose.refund("5", "--abandon", "--yes", *loud, code=5)
    loose.refund("--resume", "--json", *loud, code=0)
    for command in (("list",), ("show", "5"), ("report",), ("doctor",), ("export", "--csv")):
        loose(*command, *loud)
    loose.assert_silence()


def test_no_indiscreet_stripe_gives_anything_away(loose: Loose) -> None:
    """The words of refusals quote everything; they are shown, logged and stored."""
    loud = ALOUD
    error = json.dumps({"error": {"type": "invalid_request_error", "code": EMAIL, "message": loose.confession, "param": loose.stripe.key}})
    loose.fault("decline", message=loose.confession, code="charge_disputed")
    loose.refund("5", "--amount", "1", "--yes", *loud, code=5)
    assert loose.stripe.fired() == ["decline"]
    for status, code in ((400, 5), (401, 75), (403, 75)):
        loose.fault("answer", status=status, body=error)
        loose.refund("5", "--amount", "2", "--yes", *loud, code=code)
        assert loose.stripe.fired() == ["answer"]
    for body in (error, loose.confession, f"<html>{loose.confession}</html>", f'{{"id": "{loose.confession}"}}'):
        loose.fault("answer", status=200, body=body)
        loose.refund("5", "--amount", "3", "--yes", *loud, code=8)
        loose.refund("--pending", *loud, code=0)
        loose.refund("--resume", *loud, code=0)
        loose.refund("5", "--amount", "3", "--yes", *loud, code=5)  # a twin
        loose.cashier.backend.run("DELETE FROM payments_refund WHERE id > 1000; DELETE FROM payments_transaction WHERE id > 1000")
        loose.cashier.backend.run("UPDATE payments_payment SET refund_amount = 0 WHERE id = 5")
        for refund in loose.stripe.refunds(FIVE):
            loose.stripe.move(refund["id"], "canceled")
    loose.fault("redirect_302", location=f"http://user:{quote(PASSWORD)}@127.0.0.1:1/{loose.stripe.key}")
    loose.refund("5", "--amount", "4", "--yes", *loud, code=8)
    for status in (400, 401, 404):
        loose.fault("answer", match="GET /v1/refunds", status=status, body=error, times=9)
        assert loose("refund", "--resume", *loud).code in (4, 5, 75)
        assert loose("refund", "--pending", *loud).code == 0
        assert any(fault["fired"] for fault in loose.stripe.planned())
    loose.assert_silence()


def test_no_failure_gives_anything_away(loose: Loose, tmp_path: Path) -> None:
    loud = TO_A_MACHINE
    url, key = loose.cashier.environ["DATABASE_URL"], loose.stripe.key
    for wrong_key in (f"{key}x", f"{key}\n{key}", f" {key} extra", f"pk_{key}", key.replace("sk_test", "sk_live"), PASSWORD):
        loose.refund("5", "--yes", *loud, code=4, STRIPE_SECRET_KEY=wrong_key)
    for setting in ("STRIPE_API_BASE", "STRIPE_PROXY"):
        for address in (f"http://user:{quote(PASSWORD)}@192.0.2.1 x", f"ftp://{key}@127.0.0.1", f"{PASSWORD}"):
            loose.refund("5", "--yes", *loud, code=4, **{setting: address})
    for wrong_url in (
        url.replace("@/", "wrong@/"),
        url.replace("?host=", "?host=/nowhere"),
        url.replace("?host=", " x?host="),
        url.replace("postgresql://", "http://"),
        f"{url}&nonsense={quote(PASSWORD, safe='')}",
    ):
        assert loose("refund", "5", "--yes", *loud, DATABASE_URL=wrong_url).code in (4, 75), wrong_url
    loose.refund(url, "--yes", *loud, code=2)
    loose.refund(key, "--yes", *loud, code=2)
    loose.refund("5", "--yes", "--amount", key, *loud, code=2)
    loose.refund("5", "--yes", "--confirm", key, *loud, code=5)
    loose.refund("5", "--yes", "--as", EMAIL, *loud, code=5)
    loose.refund("5", "--yes", *loud, code=74, ECLOUD_PAY_AUDIT_LOG=str(tmp_path))
    loose.cashier.backend.run("ALTER TABLE payments_refund RENAME TO elsewhere")
    try:
        loose.refund("5", "--yes", *loud, code=4)
    finally:
        loose.cashier.backend.run("ALTER TABLE elsewhere RENAME TO payments_refund")
    loose.cashier.backend.run(f'ALTER TABLE payments_refund ADD CONSTRAINT "{EMAIL}" CHECK (amount <> 1 OR id < 1000)')
    try:
        result = loose("refund", "5", "--amount", "1", "--yes", *loud)
        assert result.code not in (0, 1)
    finally:
        loose.cashier.backend.run(f'ALTER TABLE payments_refund DROP CONSTRAINT "{EMAIL}"')
    assert [(line, heard) for line, text in loose.printed if (heard := set(loose.canaries.heard_in(text)) - {"the e-mail"})] == []
    assert loose.canaries.heard_in_files(loose.cashier.folder) == []


def test_stripes_own_log_stays_shut(loose: Loose) -> None:
    """STRIPE_LOG=debug would print the bodies of requests and answers."""
    environ = {"PATH": os.environ["PATH"], **loose.cashier.environ, "PYTHONWARNINGS": "always"}
    for arguments in (("5", "--amount", "1", "--yes", "--debug"), ("--pending",)):
        done = subprocess.run(
            [*CONSOLE, "refund", *arguments], env=environ, cwd=loose.cashier.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        loose.printed.append((str(arguments), done.stdout + done.stderr))
        assert "message='" not in done.stderr
    loose.assert_silence()
    assert [path.name for path in loose.cashier.folder.rglob("*") if path.is_file()] == ["audit.jsonl"]  # and nothing under ~/.config
