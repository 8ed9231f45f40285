"""What a terminal would obey never leaves as it came."""

import json
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ecloud_pay.rendering.sanitize import UNSAFE, cell, in_json, visible

ZWNJ, ZWJ = "\u200c", "\u200d"
UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
anything = st.text(st.characters(codec=None), max_size=40)


def without_pairs(text: str) -> str:
    """Two surrogates that make a pair as the one character that any JSON reader takes them for."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def merged(value: Any) -> Any:
    """A JSON value with surrogate pairs in its texts joined."""
    if isinstance(value, str):
        return "".join(without_lone(value))
    if isinstance(value, list):
        return [merged(each) for each in value]
    return {merged(key): merged(each) for key, each in value.items()} if isinstance(value, dict) else value


def without_lone(text: str) -> list[str]:
    units: list[str] = []
    for character in text:
        if units and "\ud800" <= units[-1] <= "\udbff" and "\udc00" <= character <= "\udfff":
            units[-1] = without_pairs(units[-1] + character)
        else:
            units.append(character)
    return units


def test_the_ranges_are_the_categories_of_this_pythons_unicode() -> None:
    assigned = (chr(point) for point in range(sys.maxunicode + 1))
    differing = []
    for character in assigned:
        category = unicodedata.category(character)
        is_unsafe = category in UNSAFE_CATEGORIES and character not in (ZWJ, ZWNJ)
        if category != "Cn" and is_unsafe != bool(UNSAFE.fullmatch(character)):
            differing.append(f"U+{ord(character):04X} {category}")
    assert differing == []


def test_no_letter_digit_sign_or_space_is_touched() -> None:
    kept = "".join(
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character)[0] in "LNPSM" or unicodedata.category(character) in ("Zs", "Co")
    )
    assert visible(kept) == kept
    assert cell(kept) == kept
    assert in_json(kept) == kept


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x1b]8;;http://evil\x07link", "\\x1b]8;;http://evil\\x07link"),
        ("\x9b2J", "\\x9b2J"),
        ("a\nb\r\nc\td", "a\\nb\\r\\nc\\td"),
        ("\x00\x08\x7f\x85\xad", "\\x00\\x08\\x7f\\x85\\xad"),
        ("gnp\u202eexe", "gnp\\u202eexe"),
        ("\u2066a\u2069\u200e\u200f\u061c", "\\u2066a\\u2069\\u200e\\u200f\\u061c"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\u200b\ufeff\u2060", "\\u200b\\ufeff\\u2060"),
        ("\ud800", "\\ud800"),
        ("\U000e0041\U000110bd", "\\U000e0041\\U000110bd"),
        ("👩\u200d👧 می\u200cخواهم", "👩\u200d👧 می\u200cخواهم"),
        ("José 東京 🧹 [bold]x[/]", "José 東京 🧹 [bold]x[/]"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(anything)
@settings(deadline=None, max_examples=300)
def test_nothing_unsafe_survives_on_a_line(text: str) -> None:
    shown = visible(text)
    assert not UNSAFE.search(shown)
    assert len(shown.splitlines()) <= 1
    assert all(unicodedata.category(character) not in UNSAFE_CATEGORIES or character in (ZWJ, ZWNJ) for character in shown)
    shown.encode()


@given(anything)
@settings(deadline=None, max_examples=100)
def test_text_made_visible_stays_as_it_is(text: str) -> None:
    assert visible(visible(text)) == visible(text)


def test_a_csv_cell_keeps_line_breaks_and_tabs_and_nothing_else() -> None:
    assert cell("a\nb\tc\rd\x1b\u202e\x00") == "a\nb\tc\\rd\\x1b\\u202e\\x00"


def test_json_writes_its_own_escapes() -> None:
    assert in_json('{\n "a": "\x7f\x9b\u202e\u2028\ud800\U000e0041 é🧹"\n}') == (
        '{\n "a": "\\u007f\\u009b\\u202e\\u2028\\ud800\\udb40\\udc41 é🧹"\n}'
    )


documents = st.recursive(
    anything | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(anything, inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize("indent", [None, 2])
@given(value=documents)
@example(value={"\ud800": "\udc00\ud800\udc00 \U0010ffff \U000e0041 \\\u2028"})
@settings(deadline=None, max_examples=150)
def test_a_json_document_keeps_its_value_and_becomes_harmless(value: Any, indent: int | None) -> None:
    document = in_json(json.dumps(value, ensure_ascii=False, indent=indent))
    assert merged(json.loads(document)) == merged(value)
    assert not UNSAFE.search(document.replace("\n", ""))
    assert indent or "\n" not in document
    document.encode()
