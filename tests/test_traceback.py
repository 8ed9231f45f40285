"""--debug prints tracebacks for whoever mends the program; nothing in them tells of a customer."""

from pathlib import Path

import psycopg
import pytest

from ecloud_pay.secret import without_people
from support.backend import Backend
from support.cashier import Cashier
from support.console import Console, Result
from support.standin import Stripe

EMAIL = "quiet.customer@canary.example"
NAME = "Quietly Customer"
OTHERS = "other@canary.example"
ROW = f"{NAME}\n<{EMAIL}>\nDETAIL: {NAME}"  # a text of several lines, one of which looks like the server's own


@pytest.fixture
def owner(console: Console, own_backend: Backend, stripe: Stripe, tmp_path: Path) -> Cashier:
    """One whose database is their own. Payment 5 is described by ROW, and settling a refund of it violates a CHECK."""
    own_backend.run(f"UPDATE payments_payment SET description = '{ROW}' WHERE id = 5")
    own_backend.run("ALTER TABLE payments_payment ADD CONSTRAINT never CHECK (id <> 5 OR coalesce(refund_amount, 0) = 0)")
    return Cashier.at(console, own_backend, stripe, tmp_path)


def assert_discreet(result: Result) -> None:
    """It holds a traceback, and nothing of the row."""
    assert "Traceback (most recent call last):" in result.err
    assert [word for word in (*NAME.split(), EMAIL, "canary", "Failing row") if word in result.out + result.err] == []


def test_a_row_that_the_database_refuses_is_not_in_the_traceback(owner: Cashier) -> None:
    result = owner("5", "--amount", "25", "--yes", "--debug")
    assert result.code == 8
    assert owner.refunds() == [2500]
    assert_discreet(result)
    refusal = 'psycopg.errors.CheckViolation: new row for relation "payments_payment" violates check constraint "never"'
    assert f"{refusal}\n(and more lines, which may quote a row)\n" in result.err


def test_a_server_that_speaks_another_language_is_as_discreet(owner: Cashier) -> None:
    """Its DETAIL is called otherwise; a function's own words stand in for a translation."""
    owner.backend.run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION USING MESSAGE = concat('La ligne ne va pas', E'\\nDÉTAIL : ', NEW.description), ERRCODE = '23514'; END $$;"
        " CREATE TRIGGER refusing BEFORE UPDATE ON payments_payment FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    result = owner("5", "--amount", "25", "--yes", "--debug")
    assert result.code == 8
    assert "psycopg.errors.CheckViolation: La ligne ne va pas\n(and more lines, which may quote a row)\n" in result.err
    traceback, _, _ = result.err.rpartition("(and more lines")
    assert [word for word in (*NAME.split(), "canary", "DÉTAIL") if word in traceback] == []


def test_an_address_that_was_typed_is_not_in_the_traceback(console: Console, own_backend: Backend) -> None:
    result = console("list", "--status", EMAIL, "--debug", on=own_backend)
    traceback, _, told = result.err.partition("\necloud-pay: ")
    assert result.code == 2
    assert traceback.endswith("\necloud_pay.domain.errors.UsageError: --status: unknown status ***'.")
    assert told == f"--status: unknown status '{EMAIL}'.\nKnown: pending, processing, succeeded, failed, cancelled\n"
    assert EMAIL not in traceback


def test_the_words_of_a_refused_row_keep_the_message_alone(server: str) -> None:
    """As they are, and as `repr` writes them into one line."""
    with psycopg.connect(server) as connection:
        connection.execute("CREATE TEMPORARY TABLE people (email text CONSTRAINT never CHECK (email = ''))")
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            connection.execute("INSERT INTO people VALUES (%s)", [f"{NAME} {EMAIL}"])
        connection.rollback()
    words, message = str(caught.value), 'new row for relation "people" violates check constraint "never"'
    assert words == f"{message}\nDETAIL:  Failing row contains ({NAME} {EMAIL})."
    assert without_people(f"before\n{words}\nafter") == f"before\n{message}\nDETAIL: ***\nafter"
    assert without_people(repr(words)) == f"{message!r}"[:-1] + "\\nDETAIL: ***"


def test_the_parameters_of_a_statement_are_left_out_and_an_address_is_blanked_out_in_the_message() -> None:
    assert without_people(f"CONTEXT:  unnamed portal parameter $1 = '{NAME}'\nafter") == "CONTEXT: ***\nafter"
    assert without_people(f'syntax for type integer: "{EMAIL}", <{OTHERS}>') == 'syntax for type integer: "***", <***>'
    assert without_people("DETAILS: 1, a detail: 2, @contextmanager") == "DETAILS: 1, a detail: 2, @contextmanager"
