"""Parameters as Stripe takes them: form-encoded, `name[inner]` for what is nested. What is wrong with them is said before execution."""

from collections.abc import Collection, Sequence

from ecloud_pay.demo.standin.refusals import Refusal, invalid_integer, unknown_parameter

Pairs = Sequence[tuple[str, str]]

_HIGHEST_LIMIT = 100
_USUAL_LIMIT = 10
_COMPARISONS = {"created": "=", "created[gt]": ">", "created[gte]": ">=", "created[lt]": "<", "created[lte]": "<="}
_MOST_KEYS, _LONGEST_KEY, _LONGEST_VALUE = 50, 40, 500


def require_known(pairs: Pairs, known: Collection[str]) -> None:
    """Refuse the first parameter whose name, up to a bracket, is none of these."""
    for name, _ in pairs:
        if name.partition("[")[0] not in known:
            raise unknown_parameter(name)


def one(pairs: Pairs, name: str) -> str | None:
    """The value of a parameter, the last one where it is given twice; None where it is absent or empty."""
    return next((value for given, value in reversed(pairs) if given == name), None) or None


def expansions(pairs: Pairs) -> list[str]:
    """What is to be expanded."""
    return [value for name, value in pairs if name.partition("[")[0] == "expand"]


def limit(pairs: Pairs) -> int:
    """How many objects a page has at most: clamped to 1..100 without a word."""
    given = one(pairs, "limit")
    return _USUAL_LIMIT if given is None else max(1, min(_HIGHEST_LIMIT, integer("limit", given)))


def created(pairs: Pairs) -> list[tuple[str, int]]:
    """The bounds on the instant of creation, as comparisons."""
    bounds = []
    for name, value in pairs:
        if name.partition("[")[0] == "created":
            if name not in _COMPARISONS:
                raise unknown_parameter(name)
            bounds.append((_COMPARISONS[name], integer(name, value)))
    return bounds


def integer(name: str, value: str) -> int:
    """A whole number."""
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise invalid_integer(name, value)
    return int(value)


def boolean(pairs: Pairs, name: str) -> bool:
    """true or false; absent: false."""
    value = one(pairs, name)
    if value not in (None, "true", "false"):
        raise Refusal(400, f"Invalid boolean: {value}", param=name)
    return value == "true"


def metadata(pairs: Pairs) -> dict[str, str]:
    """What the caller attaches: at most 50 keys of 40 characters, values of 500."""
    found = {name[9:-1]: value for name, value in pairs if name.startswith("metadata[") and name.endswith("]") and value}
    if len(found) > _MOST_KEYS:
        raise Refusal(400, f"Metadata can have up to {_MOST_KEYS} keys, but you passed in {len(found)}.", param="metadata")
    for key, value in found.items():
        if len(key) > _LONGEST_KEY:
            raise Refusal(
                400,
                f"Metadata keys can have up to {_LONGEST_KEY} characters, but you passed in a key that is {len(key)} characters. "
                f"Invalid key: {key}",
                param="metadata",
            )
        if len(value) > _LONGEST_VALUE:
            raise Refusal(
                400,
                f"Metadata values can have up to {_LONGEST_VALUE} characters, but you passed in a value that is {len(value)} "
                f"characters. Invalid value: {value}",
                param=f"metadata[{key}]",
            )
    return found
