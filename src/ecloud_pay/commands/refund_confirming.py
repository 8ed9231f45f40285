"""Asking before money moves: y/N with a test key, the amount typed with a live one; in scripts --yes or --confirm."""

from collections.abc import Sequence
from decimal import Decimal

from ecloud_pay.commands import parsing
from ecloud_pay.commands.refund_options import Consent
from ecloud_pay.domain.at_stripe import Mode
from ecloud_pay.domain.errors import Refused
from ecloud_pay.domain.money import Money, NotMoney, written_decimal
from ecloud_pay.wiring import Wiring

_NOTHING = "Nothing was sent."


def consent_given(consent: Consent, mode: Mode, totals: Sequence[Money]) -> bool:
    """Whether the command line agrees to these totals already. Refused where it agrees to others."""
    if consent.confirm is not None:
        if not _is_total(consent.confirm, totals):
            typed = consent.confirm or "''"
            raise Refused(f"--confirm {typed} is not what would be refunded, {total_text(totals)}", now=_NOTHING)
        return True
    return consent.yes and mode is Mode.TEST


def ask_consent(wiring: Wiring, mode: Mode, totals: Sequence[Money], *, by_total: bool = False) -> None:
    """Ask the person at the terminal; `by_total` has them type it in test mode, too. Refused where they do not, or nobody is there."""
    total = total_text(totals)
    if not wiring.screen.can_ask:
        option = f"--confirm {_confirm_text(totals)}" if mode is Mode.LIVE else "--yes"
        raise Refused(f"nobody confirmed the refund of {total}", now=_NOTHING, to_do=f"In a script with a {mode} key, add {option}")
    if mode is Mode.LIVE or by_total:
        which = "LIVE: real money." if mode is Mode.LIVE else "Test mode."
        is_agreed = _is_total(wiring.screen.ask(f"{which} Type {_confirm_text(totals)} to refund {total}:"), totals)
    else:
        is_agreed = is_yes(wiring.screen.ask(f"Refund {total} (test mode)? [y/N]"))
    if not is_agreed:
        raise Refused("you did not confirm it", now=_NOTHING)


def ask_about_fraud(wiring: Wiring, consent: Consent, warning: str) -> None:
    """Before anybody is put on the block list: a question of its own at a terminal, a warning in a script."""
    if consent.yes or consent.confirm is not None:
        wiring.screen.warn(warning)
    elif wiring.screen.can_ask and not is_yes(wiring.screen.ask(f"{warning} Go on? [y/N]")):
        raise Refused("you did not confirm that it is fraud", now=_NOTHING)


def ask_whether(wiring: Wiring, consent: Consent, question: str) -> None:
    """y/N for what moves no money; --yes answers it. Refused where nobody says yes."""
    if consent.yes:
        return
    if not wiring.screen.can_ask:
        raise Refused("nobody confirmed it", now="Nothing was changed.", to_do="In a script, add --yes")
    if not is_yes(wiring.screen.ask(f"{question} [y/N]")):
        raise Refused("you did not confirm it", now="Nothing was changed.")


def check_cap(max_total: str | None, totals: Sequence[Money]) -> None:
    """--max-total, in each currency by itself: they are never added up."""
    cap = parsing.amount(max_total, "--max-total", None)
    for total in totals:
        if cap is not None and total.figure > cap:
            raise Refused(f"{total} is more than --max-total {max_total} allows", now=_NOTHING)


def total_text(totals: Sequence[Money]) -> str:
    """`25.00 USD`, `25.00 USD + 1200 JPY`."""
    return " + ".join(map(str, totals))


def is_yes(answer: str) -> bool:
    """Only what means yes."""
    return answer.lower() in ("y", "yes")


def _confirm_text(totals: Sequence[Money]) -> str:
    return str(totals[0]).partition(" ")[0] if len(totals) == 1 else repr(total_text(totals))


def _is_total(typed: str, totals: Sequence[Money]) -> bool:
    """`25`, `25.00` and `25.00 USD` for one currency; all of them with their codes for several."""
    parts = [part.split() for part in typed.split("+")]
    if len(totals) == 1 and len(parts) == 1 and len(parts[0]) == 1:
        return _figure(parts[0][0]) == totals[0].figure
    if any(len(part) != 2 for part in parts):
        return False
    return sorted((_figure(figure), code.lower()) for figure, code in parts) == sorted((total.figure, total.currency) for total in totals)


def _figure(text: str) -> Decimal:
    try:
        return written_decimal(text)
    except NotMoney:
        return Decimal(-1)
