"""Our own pager: all of a list, newest first, each object once. It stops loudly where the list cannot be trusted to be whole.

The library's stops without a word on an empty page that claims to have more.
"""

from collections.abc import Callable, Iterator

from ecloud_pay.adapters.stripe.bodies import Body, OddShape
from ecloud_pay.adapters.stripe.translate import created_s, id_of, page

PAGE_SIZE = 100  # Stripe's most
MOST_PAGES = 100


def every(fetch: Callable[[str | None], Body], most_pages: int = MOST_PAGES) -> Iterator[Body]:
    """Each object of the list whose page behind an id (None: the first) `fetch` gets. Raises OddShape."""
    seen: set[str] = set()
    cursors: set[str] = set()
    cursor: str | None = None
    newest_s: int | None = None
    for _ in range(most_pages):
        items, has_more = page(fetch(cursor))
        for item in items:
            if newest_s is not None and created_s(item) > newest_s:
                raise OddShape("the list is not in the order of creation")
            newest_s = created_s(item)
            if id_of(item) not in seen:
                seen.add(id_of(item))
                yield item
        if not has_more:
            return
        if not items:
            raise OddShape("a page is empty and claims that there are more")
        cursor = id_of(items[-1])
        if cursor in cursors:
            raise OddShape("the same page came twice")
        cursors.add(cursor)
    raise OddShape(f"the list has more than {most_pages} pages")
