"""What POST /v1/refunds makes and refuses, and what the other objects say then."""

from support.standin import Api, Stripe

PI = "pi_3Paid"
CHARGE = "ch_3Paid"


def test_a_refund_has_stripes_fields_and_no_livemode(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    made = api.refund("k", payment_intent=PI, amount=25_00, reason="duplicate", metadata={"ecloud_pay": "abc"}).json
    chance = {name: made.pop(name) for name in ("id", "balance_transaction")}
    assert made == {
        "object": "refund",
        "amount": 25_00,
        "charge": CHARGE,
        "created": stripe.now(),
        "currency": "usd",
        "customer": None,
        "customer_account": None,
        "destination_details": {
            "type": "card",
            "card": {"type": "refund", "reference_status": "pending", "reference_type": "acquirer_reference_number"},
        },
        "metadata": {"ecloud_pay": "abc"},
        "payment_intent": PI,
        "payment_method": None,
        "reason": "duplicate",
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    assert (chance["id"][:4], len(chance["id"]), chance["balance_transaction"][:5]) == ("re_3", 27, "txn_3")


def test_without_an_amount_all_that_is_left_goes_back(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00, refunds=[{"amount": 30_00}])
    assert api.refund(charge=CHARGE).json["amount"] == 70_00


def test_the_charge_says_what_was_refunded(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    told = []
    for amount in (25_00, 75_00):
        api.refund(payment_intent=PI, amount=amount)
        charge = api.get(f"/v1/payment_intents/{PI}?expand[]=latest_charge").json["latest_charge"]
        told.append((charge["amount_refunded"], charge["refunded"]))
    assert told == [(25_00, False), (100_00, True)]


def test_the_status_of_a_payment_does_not_change_when_it_is_refunded(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    before = api.get(f"/v1/payment_intents/{PI}").json
    api.refund(payment_intent=PI)
    assert api.get(f"/v1/payment_intents/{PI}").json == before


def test_refunds_of_bank_debits_bear_another_prefix(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00, currency="eur", method="sepa_debit")
    made = api.refund(payment_intent=PI, amount=1).json
    assert (made["id"][:5], made["destination_details"]) == ("pyr_1", {"type": "sepa_debit", "sepa_debit": {}})


def test_over_the_remainder_is_refused_without_a_code(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00, refunds=[{"amount": 90_00}])
    refused = api.refund(payment_intent=PI, amount=10_01)
    assert (refused.status, refused.error) == (
        400,
        {
            "message": "Refund amount ($10.01) is greater than unrefunded amount on charge ($10.00)",
            "param": "amount",
            "type": "invalid_request_error",
        },
    )


def test_amounts_in_messages_have_the_decimals_of_their_currency(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 5_000, currency="jpy")
    stripe.put_payment("pi_3Franc", 50_00, currency="chf")
    assert "(¥5001) is greater than unrefunded amount on charge (¥5000)" in api.refund(payment_intent=PI, amount=5_001).error["message"]
    assert "(50.01 CHF) is greater" in api.refund(payment_intent="pi_3Franc", amount=50_01).error["message"]


def test_what_is_refunded_in_full_is_refused_with_a_code(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00, refunds=[{"amount": 100_00}])
    refused = api.refund(payment_intent=PI, amount=1)
    assert (refused.status, refused.error) == (
        400,
        {
            "code": "charge_already_refunded",
            "doc_url": "https://stripe.com/docs/error-codes/charge-already-refunded",
            "message": f"Charge {CHARGE} has already been refunded.",
            "type": "invalid_request_error",
        },
    )


def test_an_uncaptured_payment_is_refused_without_a_code(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00, status="requires_capture")
    stripe.put_payment("pi_3Failed", 100_00, status="requires_payment_method", charge="ch_3Failed", error={"code": "card_declined"})
    for id in (PI, "pi_3Failed"):
        refused = api.refund(payment_intent=id, amount=1)
        assert (refused.status, refused.error) == (
            400,
            {
                "message": f"This PaymentIntent ({id}) does not have a successful charge to refund.",
                "param": "payment_intent",
                "type": "invalid_request_error",
            },
        )


def test_a_disputed_charge_is_refused_but_an_inquiry_is_not(stripe: Stripe, api: Api) -> None:
    for id, status, is_refundable in (
        ("pi_3Disputed", "needs_response", False),
        ("pi_3Inquiry", "warning_needs_response", False),
        ("pi_3Won", "won", True),
    ):
        stripe.put_payment(id, 100_00, disputes=[{"status": status, "is_charge_refundable": is_refundable}])
    refused = api.refund(payment_intent="pi_3Disputed", amount=1)
    assert (refused.status, refused.error["code"]) == (400, "charge_disputed")
    assert refused.error["message"] == "Charge ch_3Disputed has been charged back; cannot issue a refund."
    assert [api.refund(payment_intent=id, amount=1).status for id in ("pi_3Inquiry", "pi_3Won")] == [200, 200]


def test_an_unknown_payment_is_missing(api: Api) -> None:
    refused = api.refund(payment_intent="pi_nowhere", amount=1)
    assert (refused.status, refused.error) == (
        404,
        {
            "code": "resource_missing",
            "doc_url": "https://stripe.com/docs/error-codes/resource-missing",
            "message": "No such payment_intent: 'pi_nowhere'",
            "param": "payment_intent",
            "type": "invalid_request_error",
        },
    )


def test_a_payment_of_the_other_mode_is_missing_and_said_to_be_there(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00, livemode=True)
    message = f"No such payment_intent: '{PI}'; a similar object exists in live mode, but a test mode key was used to make this request."
    for answer in (api.refund(payment_intent=PI, amount=1), api.get(f"/v1/payment_intents/{PI}")):
        assert (answer.status, answer.error["code"], answer.error["message"]) == (404, "resource_missing", message)
    with Api(stripe, stripe.live_key) as live:
        assert live.get(f"/v1/payment_intents/{PI}").json["livemode"] is True


def test_a_transfer_that_is_not_there_cannot_be_reversed(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    stripe.put_payment("pi_3Split", 100_00, destination="acct_1Cleaner", application_fee_amount=15_00)
    refused = api.refund(payment_intent=PI, amount=1, reverse_transfer="true")
    assert (refused.status, refused.error) == (
        400,
        {
            "message": f"Cannot reverse transfer on charge {CHARGE} because it does not have an associated transfer.",
            "type": "invalid_request_error",
        },
    )
    made = api.refund(payment_intent="pi_3Split", amount=1, reverse_transfer="true", refund_application_fee="true")
    assert made.json["transfer_reversal"].startswith("trr_1")


def test_a_fee_that_was_not_taken_cannot_be_given_back(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    assert api.refund(payment_intent=PI, amount=1, refund_application_fee="true").error["param"] == "refund_application_fee"


def test_parameters_that_are_no_good_are_refused_before_anything_is_executed(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    told = [
        (answer.status, answer.error.get("code"), answer.error.get("param"))
        for answer in (
            api.refund(payment_intent=PI, amount="12.5"),
            api.refund(payment_intent=PI, amount=0),
            api.refund(payment_intent=PI, amount=-1),
            api.refund(payment_intent=PI, reason="changed_my_mind"),
            api.refund(payment_intent=PI, color="blue"),
            api.refund(payment_intent=PI, reverse_transfer="yes"),
            api.refund(payment_intent=PI, metadata={"k" * 41: "v"}),
            api.refund(payment_intent=PI, metadata={"k": "v" * 501}),
            api.refund(amount=1),
            api.refund(payment_intent=PI, amount=1, **{"expand[]": "color"}),
        )
    ]
    assert told == [
        (400, "parameter_invalid_integer", "amount"),
        (400, "parameter_invalid_integer", "amount"),
        (400, "parameter_invalid_integer", "amount"),
        (400, None, "reason"),
        (400, "parameter_unknown", "color"),
        (400, None, "reverse_transfer"),
        (400, None, "metadata"),
        (400, None, "metadata[k]"),
        (400, None, None),
        (400, None, "expand"),
    ]
    assert stripe.refunds() == []
    assert [seen.acted for seen in stripe.journal()] == [False] * len(told)


def test_a_refund_answers_expanded_where_asked(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    made = api.refund(payment_intent=PI, amount=1, **{"expand[]": "charge"}).json
    assert made["charge"] == api.get(f"/v1/charges/{CHARGE}").json


def test_a_refund_that_fails_gives_its_money_back_to_the_remainder(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    made = api.refund(payment_intent=PI).json
    moved = stripe.move(made["id"], "failed", "expired_or_canceled_card")
    assert moved | {"failure_balance_transaction": "txn"} == made | {
        "status": "failed",
        "failure_reason": "expired_or_canceled_card",
        "failure_balance_transaction": "txn",
    }
    assert api.get(f"/v1/charges/{CHARGE}").json["amount_refunded"] == 0
    assert api.refund(payment_intent=PI).json["amount"] == 100_00


def test_a_refund_can_be_moved_to_any_word(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    id = api.refund(payment_intent=PI, amount=1).json["id"]
    told = []
    for status in ("pending", "requires_action", "canceled", "succeeded", "levitating"):
        stripe.move(id, status)
        refund, charge = api.get(f"/v1/refunds/{id}").json, api.get(f"/v1/charges/{CHARGE}").json
        told.append((refund["status"], "failure_reason" in refund, charge["amount_refunded"]))
    assert told == [
        ("pending", False, 1),
        ("requires_action", False, 1),
        ("canceled", True, 0),
        ("succeeded", False, 1),
        ("levitating", False, 1),
    ]


def test_a_refund_clicked_in_the_dashboard_has_no_metadata_and_no_key(stripe: Stripe, api: Api) -> None:
    stripe.put_payment(PI, 100_00)
    clicked = stripe.dashboard_refund(PI, 40_00)
    assert (clicked["amount"], clicked["metadata"], stripe.journal()) == (40_00, {}, [])
    assert api.refund(payment_intent=PI).json["amount"] == 60_00
