"""Single objects, lists and what is expanded in them."""

import pytest

from support.standin import Api, Stripe

PI = "pi_3Paid"


def five_refunds(stripe: Stripe, **spec: object) -> list[str]:
    """Their ids in the order of lists: the first two of one second, the others of another."""
    refunds = [{"id": f"re_{number}", "amount": 1, "created": 1_000 if number < 3 else 2_000} for number in range(5)]
    stripe.put_payment(PI, 100_00, refunds=refunds, **spec)
    return ["re_4", "re_3", "re_2", "re_1", "re_0"]


def test_the_account_is_told(stripe: Stripe, api: Api) -> None:
    account = api.get("/v1/account").json
    assert (account["id"], account["object"], account["charges_enabled"]) == (stripe.account, "account", True)
    assert api.get(f"/v1/accounts/{stripe.account}").json == account


def test_a_list_is_newest_first_and_ties_keep_their_order(stripe: Stripe, api: Api) -> None:
    expected = five_refunds(stripe)
    page = api.get(f"/v1/refunds?payment_intent={PI}").json
    assert [item["id"] for item in page.pop("data")] == expected
    assert page == {"object": "list", "has_more": False, "url": "/v1/refunds"}


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_pages_cover_everything_once_in_both_directions(stripe: Stripe, api: Api, limit: int) -> None:
    expected = five_refunds(stripe)
    for cursor, edge in (("starting_after", -1), ("ending_before", 0)):
        pages = [api.get(f"/v1/refunds?limit={limit}").ids] if edge else [["re_0"]]
        has_more = True
        while has_more:
            answer = api.get(f"/v1/refunds?limit={limit}&{cursor}={pages[-1][edge]}")
            has_more = answer.json["has_more"]
            pages.append(answer.ids)
        seen = [id for page in (pages if edge else reversed(pages)) for id in page]
        assert seen == expected
        assert {len(page) for page in pages[1:-1]} <= {limit}


def test_what_arrives_between_two_pages_is_on_neither(stripe: Stripe, api: Api) -> None:
    five_refunds(stripe)
    first = api.get("/v1/refunds?limit=2")
    stripe.dashboard_refund(PI, 1)
    second = api.get(f"/v1/refunds?limit=2&starting_after={first.ids[-1]}")
    assert (first.ids, second.ids, len(api.get("/v1/refunds").ids)) == (["re_4", "re_3"], ["re_2", "re_1"], 6)


def test_a_payment_can_be_planned_to_arrive_between_two_pages(stripe: Stripe, api: Api) -> None:
    for number in range(3):
        stripe.put_payment(f"pi_{number}", 100, created=1_000 + number)
    stripe.faults("arrival", match="GET /v1/payment_intents", payment={"id": "pi_new", "amount": 1, "refunds": [{"amount": 1}]})
    first = api.get("/v1/payment_intents?limit=2").ids
    second = api.get("/v1/payment_intents?limit=2&starting_after=pi_1").ids
    assert (first, second, stripe.fired()) == (["pi_2", "pi_1"], ["pi_0"], ["arrival"])
    assert api.get("/v1/payment_intents?limit=1").ids == ["pi_new"]
    assert len(stripe.refunds("pi_new")) == 1


def test_limits_are_clamped_without_a_word(stripe: Stripe, api: Api) -> None:
    for number in range(103):
        stripe.put_payment(f"pi_{number}", 100)
    asked = ("", "?limit=0", "?limit=-5", "?limit=100", "?limit=1000")
    assert [len(api.get(f"/v1/payment_intents{query}").ids) for query in asked] == [10, 1, 1, 100, 100]


def test_created_is_compared_in_whole_seconds(stripe: Stripe, api: Api) -> None:
    for created in (1_000, 1_001, 1_002):
        stripe.put_payment(f"pi_{created}", 100, created=created)
    bounds = ("created[gt]=1000", "created[gte]=1001&created[lte]=1001", "created[lt]=1001", "created=1002")
    told = [api.get(f"/v1/payment_intents?{bound}").ids for bound in bounds]
    assert told == [["pi_1002", "pi_1001"], ["pi_1001"], ["pi_1000"], ["pi_1002"]]


def test_refunds_and_disputes_are_listed_of_a_charge_too(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00, refunds=[{"id": "re_a", "amount": 1}], disputes=[{"id": "du_a"}])
    stripe.put_payment("pi_3Other", 100_00, refunds=[{"id": "re_b", "amount": 1}], disputes=[{"id": "du_b"}])
    asked = ("refunds?charge=ch_3Paid", "disputes?charge=ch_3Paid", f"disputes?payment_intent={PI}", f"charges?payment_intent={PI}")
    assert [api.get(f"/v1/{query}").ids for query in asked] == [["re_a"], ["du_a"], ["du_a"], ["ch_3Paid"]]
    assert api.get("/v1/disputes/du_a").json == stripe.object("du_a")


def test_the_latest_charge_is_expanded_alone_and_in_lists(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    stripe.put_payment("pi_3Pending", 100_00, status="requires_payment_method")
    charge = api.get("/v1/charges/ch_3Paid").json
    assert api.get(f"/v1/payment_intents/{PI}").json["latest_charge"] == "ch_3Paid"
    assert api.get(f"/v1/payment_intents/{PI}?expand[]=latest_charge").json["latest_charge"] == charge
    listed = api.get("/v1/payment_intents?expand[]=data.latest_charge").json["data"]
    assert {item["id"]: item["latest_charge"] for item in listed} == {PI: charge, "pi_3Pending": None}


def test_what_is_nested_deeper_is_expanded_as_well(stripe: Stripe, api: Api) -> None:
    refunds = [{"id": "re_a", "amount": 1}]
    stripe.put_payment(PI, 100_00, refunds=refunds)
    inside = api.get("/v1/refunds?expand[]=data.payment_intent.latest_charge").json["data"][0]["payment_intent"]
    assert inside["latest_charge"]["id"] == "ch_3Paid"
    charge = api.get("/v1/charges/ch_3Paid?expand[]=refunds").json
    assert [refund["id"] for refund in charge["refunds"]["data"]] == ["re_a"]


def test_what_cannot_be_expanded_is_refused(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    for query in (f"payment_intents/{PI}?expand[]=color", "payment_intents?expand[]=latest_charge"):
        answer = api.get(f"/v1/{query}")
        assert (answer.status, answer.error["param"]) == (400, "expand")


def test_an_unknown_cursor_is_a_bad_request(stripe: Stripe, api: Api) -> None:
    answer = api.get("/v1/refunds?starting_after=re_nowhere")
    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, "resource_missing", "starting_after")
    assert answer.error["message"] == "No such refund: 're_nowhere'"


def test_lists_hold_objects_of_the_keys_mode_alone(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100)
    stripe.put_payment("pi_3Live", 100, livemode=True, refunds=[{"amount": 1}])
    assert (api.get("/v1/payment_intents").ids, api.get("/v1/refunds").ids) == ([PI], [])
    assert api.get("/v1/refunds?payment_intent=pi_3Live").status == 404


def test_an_unknown_object_and_an_unknown_url_are_told_apart(api: Api) -> None:
    answers = [api.get("/v1/refunds/re_nowhere"), api.get("/v1/payouts"), api.ask("DELETE", "/v1/refunds", None, {})]
    assert [(answer.status, answer.error.get("code")) for answer in answers] == [(404, "resource_missing"), (404, None), (404, None)]
    assert answers[1].error["message"].startswith("Unrecognized request URL (GET: /v1/payouts).")


def test_a_parameter_nobody_knows_is_refused(api: Api) -> None:
    answers = [api.get("/v1/refunds?color=blue"), api.get("/v1/refunds?created[around]=5"), api.get("/v1/refunds?limit=ten")]
    assert [(answer.status, answer.error["code"]) for answer in answers] == [
        (400, "parameter_unknown"),
        (400, "parameter_unknown"),
        (400, "parameter_invalid_integer"),
    ]


def test_objects_can_be_overwritten_to_make_drift(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    stripe.overwrite(PI, status="canceled", amount_received=0)
    seen = api.get(f"/v1/payment_intents/{PI}").json
    assert (seen["status"], seen["amount_received"], seen["amount"]) == ("canceled", 0, 100_00)


def test_new_objects_bear_the_moved_clock(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    before = stripe.now()
    assert stripe.advance(1_000_000) - before in (1_000_000, 1_000_001)
    assert api.refund(payment_intent=PI, amount=1).json["created"] >= before + 1_000_000
