"""Idempotency keys: what is stored, replayed, refused and forgotten."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.standin import Answer, Api, Stripe, running_stripe

PI = "pi_3Paid"
A_DAY_S = 24 * 60 * 60


def test_the_same_key_is_answered_with_the_first_answer(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    first, second = (api.refund("k", payment_intent=PI, amount=25_00) for _ in range(2))
    assert (first.status, second.status, second.raw) == (200, 200, first.raw)
    assert len(stripe.refunds(PI)) == 1
    told = ("idempotency-key", "original-request", "idempotent-replayed")
    assert [first.headers.get(name) for name in told] == ["k", first.headers["request-id"], None]
    assert [second.headers.get(name) for name in told] == ["k", first.headers["request-id"], "true"]
    assert second.headers["request-id"] != first.headers["request-id"]
    assert [(seen.acted, seen.is_replay) for seen in stripe.journal()] == [(True, False), (False, True)]


def test_the_order_of_parameters_makes_no_difference(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    first, second = api.refund("k", payment_intent=PI, amount=1), api.refund("k", amount=1, payment_intent=PI)
    assert second.raw == first.raw


def test_the_same_key_with_other_parameters_is_an_error_without_a_code(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    api.refund("k", payment_intent=PI, amount=1)
    clash = api.refund("k", payment_intent=PI, amount=2)
    assert (clash.status, clash.error) == (
        400,
        {
            "message": "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key "
            "other than 'k' if you meant to execute a different request.",
            "type": "idempotency_error",
        },
    )


def test_a_refusal_in_execution_is_stored(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00, refunds=[{"amount": 100_00, "id": "re_3Other"}])
    first = api.refund("k", payment_intent=PI, amount=1)
    stripe.move("re_3Other", "failed")
    second = api.refund("k", payment_intent=PI, amount=1)
    assert (second.status, second.raw, second.headers["idempotent-replayed"]) == (400, first.raw, "true")


def test_a_refusal_of_parameters_is_not_stored(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    assert api.refund("k", payment_intent=PI, amount="x").status == 400
    assert api.refund("k", payment_intent=PI, amount=1).status == 200


def test_429_401_403_and_409_are_not_stored(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    stripe.faults("429", "401", "403", "409")
    assert [api.refund("k", payment_intent=PI, amount=1).status for _ in range(5)] == [429, 401, 403, 409, 200]
    assert (stripe.unfired(), len(stripe.refunds(PI))) == ([], 1)


def test_a_500_is_stored_whether_it_acted_or_not(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    stripe.faults("500_acted", "500_not_acted")
    told = [(api.refund(key, payment_intent=PI, amount=1), api.refund(key, payment_intent=PI, amount=1)) for key in ("a", "b")]
    assert [(first.status, second.status, second.raw == first.raw) for first, second in told] == [(500, 500, True)] * 2
    assert [second.headers["idempotent-replayed"] for _, second in told] == ["true", "true"]
    assert [seen.acted for seen in stripe.journal()] == [True, False, False, False]
    assert len(stripe.refunds(PI)) == 1


def test_a_key_a_day_old_is_forgotten_and_makes_a_new_refund(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    first = api.refund("k", payment_intent=PI, amount=1).json
    stripe.advance(A_DAY_S - 60)
    assert api.refund("k", payment_intent=PI, amount=1).json == first
    stripe.advance(61)
    again = api.refund("k", payment_intent=PI, amount=1)
    assert (again.status, again.json["id"] == first["id"], "idempotent-replayed" in again.headers) == (200, False, False)
    assert len(stripe.refunds(PI)) == 2


def test_a_key_in_use_is_a_conflict(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    stripe.faults("stall_before", seconds=30)
    hanging = threading.Thread(target=_hang, args=(stripe,))
    hanging.start()
    while not stripe.posts():
        time.sleep(0.001)
    conflict = api.refund("k", payment_intent=PI, amount=1)
    assert (conflict.status, conflict.error["code"], conflict.error["type"]) == (409, "idempotency_key_in_use", "invalid_request_error")
    stripe.reset()  # nobody waits thirty seconds
    hanging.join(5)
    assert not hanging.is_alive()


def _hang(stripe: Stripe) -> None:
    with Api(stripe) as api, contextlib.suppress(OSError):
        api.refund("k", payment_intent=PI, amount=1)


def test_keys_of_the_two_modes_are_two_keys(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    stripe.put_payment("pi_3Live", 100_00, livemode=True)
    with Api(stripe, stripe.live_key) as live:
        made = [api.refund("k", payment_intent=PI, amount=1), live.refund("k", payment_intent="pi_3Live", amount=1)]
    assert [answer.status for answer in made] == [200, 200]


def test_a_key_of_256_characters_is_too_long(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    assert [api.refund("k" * length, payment_intent=PI, amount=1).status for length in (255, 256)] == [200, 400]


def test_many_at_once_under_one_key_make_one_refund(stripe: Stripe) -> None:
    stripe.put_payment(PI, 100_00)
    answers = _at_once([(stripe, "k")] * 8, PI, 25_00)
    assert {answer.status for answer in answers} <= {200, 409}
    assert len({answer.json["id"] for answer in answers if answer.status == 200}) == 1
    assert [refund["amount"] for refund in stripe.refunds(PI)] == [25_00]


def test_many_at_once_under_their_own_keys_never_over_refund(stripe: Stripe) -> None:
    stripe.put_payment(PI, 100_00)
    answers = _at_once([(stripe, f"k{number}") for number in range(8)], PI, 30_00)
    assert sorted(answer.status for answer in answers) == [200] * 3 + [400] * 5
    assert sum(refund["amount"] for refund in stripe.refunds(PI)) == 90_00


def test_two_processes_on_one_file_replay_each_others_keys_and_never_over_refund(tmp_path: Path) -> None:
    state = tmp_path / "stripe.sqlite"
    with running_stripe(state) as one, running_stripe(state) as other:
        one.put_payment(PI, 100_00)
        answers = _at_once([(stripe, f"k{number % 6}") for number in range(12) for stripe in (one, other)], PI, 30_00)
        assert {answer.status for answer in answers} <= {200, 400, 409}
        assert [refund["amount"] for refund in other.refunds(PI)] == [30_00] * 3
        assert one.refunds(PI) == other.refunds(PI)


def _at_once(askers: list[tuple[Stripe, str]], payment_intent: str, amount: int) -> list[Answer]:
    start = threading.Barrier(len(askers))

    def ask(stripe: Stripe, key: str) -> Answer:
        with Api(stripe, timeout_s=20) as api:
            start.wait()
            return api.refund(key, payment_intent=payment_intent, amount=amount)

    with ThreadPoolExecutor(len(askers)) as pool:
        asked = [pool.submit(ask, *asker) for asker in askers]
        return [each.result() for each in asked]
