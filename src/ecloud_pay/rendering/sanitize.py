"""Text from outside, made harmless once: what a terminal would obey is shown as an escape instead."""

import re

# Unicode's categories Cc, Cf, Cs, Zl and Zp as ranges (a test compares them): controls, C1, bidi marks and isolates, invisible
# joiners, tags, lone surrogates, line separators. Kept: ZWJ and ZWNJ, which hold emoji and Persian words together and move nothing.
_UNSAFE = (
    "\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0001\U000e0020-\U000e007f"
)
UNSAFE = re.compile(f"[{_UNSAFE}]")
_UNSAFE_IN_CELL = re.compile(f"(?![\n\t])[{_UNSAFE}]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    """`text` as one harmless line: ESC becomes `\\x1b`, a line break `\\n`, a bidi override `\\u202e`."""
    return UNSAFE.sub(_escape, text)


def cell(text: str) -> str:
    """The same for a CSV cell, where quoting makes line breaks and tabs harmless already."""
    return _UNSAFE_IN_CELL.sub(_escape, text)


def in_json(document: str) -> str:
    """A JSON document with every such character written as JSON's own escape, so that its value stays what it was."""
    return _UNSAFE_IN_JSON.sub(lambda match: "".join(f"\\u{unit:04x}" for unit in _utf16(match[0])), document)


def csv_lines(lines: bytes) -> bytes:
    """`cell` for whole lines of CSV in UTF-8."""
    return lines if _is_plain(lines) else cell(lines.decode()).encode()


def json_lines(lines: bytes) -> bytes:
    """`in_json` for whole lines of JSON in UTF-8."""
    return lines if _is_plain(lines) else in_json(lines.decode()).encode()


def _is_plain(text: bytes) -> bool:
    """Whether no byte can be part of an unsafe character; some harmless text (all Arabic) is looked at more closely, too.

    Twenty times as quick as asking the regular expression, which matters for a million lines.
    """
    return len(text.translate(None, _SUSPICIOUS)) == len(text)


# Controls but for line break and tab, and every first byte of an unsafe character (a test walks through all of them).
_SUSPICIOUS = bytes([*range(9), *range(11, 32), 0x7F, 0xC2, 0xD8, 0xDB, 0xDC, 0xE0, 0xE1, 0xE2, 0xED, 0xEF, 0xF0, 0xF3])

# The line breaks of a document stand between its tokens; inside strings json.dumps has escaped them already.
_UNSAFE_IN_JSON = re.compile(f"(?!\n)[{_UNSAFE}]")


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    point = ord(character)
    if point < 0x100:
        return _SHORT.get(character) or f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def _utf16(character: str) -> list[int]:
    raw = character.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[i : i + 2]) for i in range(0, len(raw), 2)]
