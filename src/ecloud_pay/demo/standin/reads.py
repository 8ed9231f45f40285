"""What a GET answers: single objects, lists of them newest first, and what is expanded inside."""

from collections.abc import Sequence

from ecloud_pay.demo.standin import parameters
from ecloud_pay.demo.standin.bodies import account_body
from ecloud_pay.demo.standin.parameters import Pairs
from ecloud_pay.demo.standin.refusals import Refusal, missing, unknown_url
from ecloud_pay.demo.standin.store import Body, Cut, Store, Stored, text

KINDS = {"payment_intents": "payment_intent", "charges": "charge", "refunds": "refund", "disputes": "dispute"}
_EXPANDABLE = frozenset(
    "latest_charge charge payment_intent refunds balance_transaction customer payment_method application_fee transfer review on_behalf_of"
    " transfer_data destination application source_transfer invoice failure_balance_transaction transfer_reversal".split()
)
_DEEPEST = 4
_PAGING = ("limit", "starting_after", "ending_before", "expand", "created")
_FILTERS = {
    "payment_intent": (),
    "charge": ("payment_intent",),
    "refund": ("payment_intent", "charge"),
    "dispute": ("payment_intent", "charge"),
}
_IGNORED = {"payment_intent": ("customer",), "charge": ("customer", "transfer_group"), "refund": (), "dispute": ()}


def read(store: Store, account: str, path: str, pairs: Pairs, livemode: bool) -> str:
    """The body of the answer. Raises Refusal."""
    match path.split("/")[2:]:
        case ["account"]:
            return text(account_body(account))
        case ["accounts", id] if id == account:
            return text(account_body(account))
        case [plural] if plural in KINDS:
            with store.reading():
                return _list(store, KINDS[plural], path, pairs, livemode)
        case [plural, id] if plural in KINDS and id:
            parameters.require_known(pairs, ("expand",))
            with store.reading():
                found = of_mode(store, KINDS[plural], id, livemode, "intent" if plural == "payment_intents" else "id")
                wanted = parameters.expansions(pairs)
                return text(expanded(store, found.body, wanted)) if wanted else found.text
    raise unknown_url("GET", path)


def of_mode(store: Store, kind: str, id: str, livemode: bool, param: str, *, is_stored: bool = False) -> Stored:
    """The object of that mode. Raises Refusal, which tells where it is in the other."""
    found = store.get(id, kind)
    if found is None:
        raise missing(kind, id, param, is_stored=is_stored)
    if found.livemode is not livemode:
        raise missing(kind, id, param, exists_in="live" if found.livemode else "test", is_stored=is_stored)
    return found


def expanded(store: Store, body: Body, paths: Sequence[str]) -> Body:
    """The object with what those dotted paths name in place of its id."""
    for path in paths:
        names = path.split(".")
        if len(names) > _DEEPEST:
            raise Refusal(400, f"You cannot expand more than {_DEEPEST} levels of a property ({path}).", param="expand")
        if unknown := next((name for name in names if name not in _EXPANDABLE), None):
            raise Refusal(400, f"This property cannot be expanded ({unknown}).", param="expand")
        body = _expanded(store, body, names)
    return body


def _expanded(store: Store, body: Body, names: Sequence[str]) -> Body:
    name, *rest = names
    value: object = body.get(name)
    if name == "refunds" and body["object"] == "charge":
        value = _first_refunds(store, body["id"])
    elif isinstance(value, str) and (found := store.get(value)) is not None:
        value = found.body
    if rest and isinstance(value, dict):
        value = _expanded(store, value, rest)
    return body | {name: value} if name in body or name == "refunds" else body


def _first_refunds(store: Store, charge: str) -> Body:
    refunds = store.of_charge(charge, "refund")[::-1]
    page = [refund.body for refund in refunds[:10]]
    return {"object": "list", "data": page, "has_more": len(refunds) > len(page), "url": f"/v1/charges/{charge}/refunds"}


def _list(store: Store, kind: str, path: str, pairs: Pairs, livemode: bool) -> str:
    parameters.require_known(pairs, (*_PAGING, *_FILTERS[kind], *_IGNORED[kind]))
    limit = parameters.limit(pairs)
    where = [(name, value) for name in _FILTERS[kind] if (value := parameters.one(pairs, name))]
    for name, value in where:
        of_mode(store, name, value, livemode, name)
    cut = Cut(
        kind,
        livemode,
        where,
        parameters.created(pairs),
        older_than=_place(store, kind, pairs, "starting_after", livemode),
        newer_than=_place(store, kind, pairs, "ending_before", livemode),
    )
    found = store.page(cut, limit + 1)
    has_more = len(found) > limit
    # Beside `ending_before` the one too many is the newest, which leads the page; else it is the oldest.
    page = found[-limit:] if cut.newer_than is not None else found[:limit]
    wanted = _within_data(parameters.expansions(pairs))
    data = ",".join(text(expanded(store, item.body, wanted)) if wanted else item.text for item in page)
    return f'{{"object":"list","data":[{data}],"has_more":{str(has_more).lower()},"url":"{path}"}}'


def _place(store: Store, kind: str, pairs: Pairs, name: str, livemode: bool) -> tuple[int, int] | None:
    id = parameters.one(pairs, name)
    if id is None:
        return None
    found = store.get(id, kind)
    if found is None or found.livemode is not livemode:
        raise missing(kind, id, name, status=400)
    return (found.created, found.seq)


def _within_data(paths: Sequence[str]) -> list[str]:
    for path in paths:
        if not path.startswith("data."):
            raise Refusal(400, f"This property cannot be expanded ({path}).", param="expand")
    return [path.removeprefix("data.") for path in paths]
