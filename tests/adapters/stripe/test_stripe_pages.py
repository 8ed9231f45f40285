"""The pager reads all of a list, each object once, and stops loudly where the list cannot be whole."""

from typing import Any

import pytest

from ecloud_pay.adapters.stripe.bodies import OddShape
from ecloud_pay.adapters.stripe.pages import every

Page = dict[str, Any]


def page(*ids: str, more: object = False, created: int = 1764000000) -> Page:
    return {"object": "list", "data": [{"id": id, "created": created} for id in ids], "has_more": more}


def read(*pages: Page, most_pages: int = 100) -> tuple[list[str], list[str | None]]:
    """The ids that came, and the cursors that were asked for."""
    left = list(pages)
    cursors: list[str | None] = []

    def fetch(cursor: str | None) -> Page:
        cursors.append(cursor)
        return left.pop(0)

    return [item["id"] for item in every(fetch, most_pages)], cursors


def test_every_page_is_read_behind_the_last_id_of_the_one_before() -> None:
    assert read(page("a", "b", more=True), page("c", more=True), page("d")) == (["a", "b", "c", "d"], [None, "b", "c"])


def test_an_empty_list_has_nothing_and_no_second_page() -> None:
    assert read(page()) == ([], [None])


def test_a_last_page_may_be_empty() -> None:
    assert read(page("a", more=True), page()) == (["a"], [None, "a"])


def test_an_object_that_comes_twice_counts_once() -> None:
    assert read(page("a", "b", more=True), page("b", "c")) == (["a", "b", "c"], [None, "b"])


def test_objects_of_one_second_may_be_in_any_order() -> None:
    assert read(page("a", more=True, created=5), page("z", more=True, created=5), page("b", created=4))[0] == ["a", "z", "b"]


@pytest.mark.parametrize(
    ("pages", "why"),
    [
        ([page(more=True)], "a page is empty and claims that there are more"),
        ([page("a", more=True), page(more=True)], "a page is empty and claims that there are more"),
        ([page("a", more=True), page("a", more=True)], "the same page came twice"),
        ([page("a", "b", more=True), page("c", more=True), page("a", "b", more=True)], "the same page came twice"),
        ([page("a", more=True, created=5), page("b", created=6)], "the list is not in the order of creation"),
        ([page("a", more=True)], "the list has more than 1 pages"),
        ([page("a", more=None)], "its has_more is missing or neither true nor false"),
        ([page("a", more="yes")], "its has_more is missing or neither true nor false"),
        ([{"object": "refund", "data": [], "has_more": False}], "it is no list"),
        ([{"object": "list", "data": None, "has_more": False}], "it is no list"),
        ([{"object": "list", "data": ["re_1"], "has_more": False}], "it is no list"),
        ([{"object": "list", "has_more": False}], "it is no list"),
        ([{"object": "list", "data": [{"created": 5}], "has_more": False}], "its id is missing or no word"),
        (
            [{"object": "list", "data": [{"id": "a", "created": None}, {"id": "b"}], "has_more": False}],
            "its created is missing or no whole number",
        ),
    ],
)
def test_it_stops_loudly(pages: list[Page], why: str) -> None:
    with pytest.raises(OddShape) as raised:
        read(*pages, most_pages=1 if "more than 1" in why else 100)
    assert str(raised.value) == why
