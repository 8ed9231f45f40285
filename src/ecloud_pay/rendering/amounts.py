"""Amounts and shares as people read them: `$100.00`, `€80.01 EUR`, `¥1,200 JPY`, `15%`."""

from decimal import ROUND_HALF_UP, Decimal

from ecloud_pay.domain.money import Amount, Unreadable, column_text, screen_decimals
from ecloud_pay.rendering.sanitize import visible

# A symbol says what the code says anyway; a currency without one here is written with its code alone.
SYMBOLS = {"usd": "$", "aud": "$", "cad": "$", "nzd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "cny": "¥", "inr": "₹", "krw": "₩"}


def amount_text(amount: Amount, main_currency: str, *, with_code: bool = False) -> str:
    """`amount` for people. The bare symbol is `main_currency`'s alone; every other currency carries its code, as does `with_code`."""
    if isinstance(amount, Unreadable):
        return " ".join(filter(None, (column_text(amount), visible((amount.currency or "").upper()), f"({visible(amount.why)})")))
    figure = f"{abs(amount.figure):,.{screen_decimals(amount.currency)}f}"
    symbol = SYMBOLS.get(amount.currency, "")
    needs_code = with_code or amount.currency != main_currency or not symbol
    sign = "-" if amount.amount_minor < 0 else ""
    return f"{sign}{symbol}{figure}{' ' + amount.currency.upper() if needs_code else ''}"


def share_text(percent: Decimal | None) -> str:
    """`15%`, `12.5%`; where two decimals do not hold the share exactly, they are both written: `14.99%`, `15.00%`. Unknown: `n/a`."""
    if percent is None:
        return "n/a"
    rounded = percent.quantize(Decimal("0.01"), ROUND_HALF_UP)
    return f"{rounded.normalize():f}%" if rounded == percent else f"{rounded:f}%"
