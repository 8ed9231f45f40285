"""API keys, and what the journal tells of them."""

import base64
import hashlib

from support.standin import Api, Stripe

PI = "pi_3Paid"


def test_without_a_key_nothing_is_answered(api: Api) -> None:
    answer = api.get("/v1/account", Authorization="")
    assert (answer.status, answer.json) == (
        401,
        {
            "error": {
                "message": "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer "
                "auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we "
                "can help at https://support.stripe.com/.",
                "type": "invalid_request_error",
            }
        },
    )


def test_a_wrong_key_is_shown_masked(stripe: Stripe) -> None:
    with Api(stripe, "sk_test_0123456789abcdef") as api:
        answer = api.get("/v1/account")
    assert (answer.status, answer.json) == (
        401,
        {"error": {"message": "Invalid API Key provided: sk_test_************cdef", "type": "invalid_request_error"}},
    )


def test_an_expired_key_says_so(stripe: Stripe) -> None:
    stripe.expire("sk_test_rotatedaway00")
    with Api(stripe, "sk_test_rotatedaway00") as api:
        answer = api.get("/v1/account")
    assert (answer.status, answer.error["code"]) == (401, "api_key_expired")


def test_a_key_may_come_as_a_user_name_too(stripe: Stripe, api: Api) -> None:
    basic = base64.b64encode(f"{stripe.key}:".encode()).decode()
    assert api.get("/v1/account", Authorization=f"Basic {basic}").status == 200
    assert api.get("/v1/account", Authorization="Basic !").status == 401


def test_a_restricted_key_is_refused_what_it_may_not_do(stripe: Stripe) -> None:
    stripe.put_payment(PI, 100_00)
    stripe.restrict("rk_test_readsonly", "POST /v1/refunds", "GET /v1/disputes")
    with Api(stripe, "rk_test_readsonly") as api:
        answers = [api.get("/v1/refunds"), api.refund("k", payment_intent=PI, amount=1), api.get(f"/v1/disputes?payment_intent={PI}")]
    assert [answer.status for answer in answers] == [200, 403, 403]
    assert answers[1].error == {
        "message": "The provided key 'rk_test_*****only' does not have the required permissions for this endpoint on account "
        f"'{stripe.account}'. Having the 'rak_charge_write' permission would allow this request to continue.",
        "type": "invalid_request_error",
    }
    assert "'rak_dispute_read'" in answers[2].error["message"]
    assert stripe.refunds() == []


def test_every_answer_has_a_request_id_of_its_own(stripe: Stripe, api: Api) -> None:
    answers = [api.get("/v1/account"), api.get("/v1/nothing"), api.refund("k"), api.get("/v1/account", Authorization="")]
    ids = [answer.headers["request-id"] for answer in answers]
    assert (len(set(ids)), [id[:4] for id in ids]) == (4, ["req_"] * 4)
    assert [entry.request_id for entry in stripe.journal()] == ids


def test_the_journal_has_every_request_and_hides_the_key(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    made = api.refund("k-1", payment_intent=PI, amount=25_00, metadata={"key": "k-1"}).json
    api.get(f"/v1/refunds?payment_intent={PI}&limit=100")
    first, second = stripe.journal()
    assert (first.number, first.method, first.target, first.status, first.acted, first.refund) == (
        1,
        "POST",
        "/v1/refunds",
        200,
        True,
        made["id"],
    )
    assert first.body == f"payment_intent={PI}&amount=2500&metadata%5Bkey%5D=k-1"
    assert first.headers == {"idempotency-key": "k-1", "content-type": "application/x-www-form-urlencoded"}
    assert first.key_sha256 == hashlib.sha256(f"Bearer {stripe.key}".encode()).hexdigest()
    assert (second.number, second.target, second.acted, second.at_s > first.at_s) == (
        2,
        f"/v1/refunds?payment_intent={PI}&limit=100",
        False,
        True,
    )
    assert stripe.key not in repr(stripe.journal())
    assert [entry.number for entry in stripe.journal(since=1)] == [2]


def test_the_control_area_is_closed_without_its_token(stripe: Stripe, api: Api) -> None:
    answers = [api.get("/_standin/journal"), api.ask("POST", "/_standin/reset", b"{}", {"x-standin-token": "guessed"})]
    assert [(answer.status, answer.raw) for answer in answers] == [(404, b"{}")] * 2
