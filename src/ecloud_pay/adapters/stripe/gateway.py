"""The gateway to Stripe: reads that try again by themselves, and a `send` that tries once."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote

from ecloud_pay.adapters.stripe import translate
from ecloud_pay.adapters.stripe.answers import answer_of
from ecloud_pay.adapters.stripe.bodies import Body, OddShape, json_object
from ecloud_pay.adapters.stripe.border import Border
from ecloud_pay.adapters.stripe.client import Client, Params
from ecloud_pay.adapters.stripe.deadline import Deadline
from ecloud_pay.adapters.stripe.pace import Pace
from ecloud_pay.adapters.stripe.pages import MOST_PAGES, PAGE_SIZE, every
from ecloud_pay.adapters.stripe.refusals import is_worth_another_try, odd_answer, refusal_of, too_busy
from ecloud_pay.adapters.stripe.transport import HttpAnswer, Outcome
from ecloud_pay.clock import elapsed_s
from ecloud_pay.domain.answers import Answer, Cause, NotSent
from ecloud_pay.domain.at_stripe import DisputeAtStripe, Mode, PaymentAtStripe, RefundAtStripe
from ecloud_pay.domain.refund import Intent, Order
from ecloud_pay.secret import Secret, passwords_in
from ecloud_pay.stripe_access import checked_base, checked_key, checked_proxy

REFUNDS = "/v1/refunds"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for a connection, for a whole `send` and for a whole read with its tries; the pauses between those; pages of a list."""

    connect_s: float = 10.0
    send_s: float = 60.0
    read_s: float = 30.0
    pauses_s: tuple[float, ...] = (0.5, 1.0, 2.0)
    pages: int = MOST_PAGES


def open_gateway(
    key: Secret | None,
    *,
    base: str | None = None,
    proxy: Secret | None = None,
    limits: Limits | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = elapsed_s,
) -> "Gateway":
    """The gateway behind STRIPE_SECRET_KEY, STRIPE_API_BASE and STRIPE_PROXY. Asks nobody yet; raises NotConfigured."""
    text, mode = checked_key(key)
    address = checked_base(base, mode)
    proxy_address = checked_proxy(proxy)
    limits = limits or Limits()
    border = Border([text, *passwords_in(proxy_address or ""), *filter(None, (proxy_address,))])
    return Gateway(Client(text, address, proxy_address, limits.connect_s), mode, border, Pace(mode), limits, sleep, clock)


class Gateway:
    """Fulfils ports.StripeGateway. Threads may use one at once, and so may a forked child."""

    def __init__(
        self,
        client: Client,
        mode: Mode,
        border: Border,
        pace: Pace,
        limits: Limits,
        sleep: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        self.mode = mode
        self._client = client
        self._border = border
        self._pace = pace
        self._limits = limits
        self._sleep = sleep
        self._clock = clock

    def account(self) -> str:
        """The id of the account that the key belongs to."""
        return self._read("/v1/account", {}, translate.account_id, self._deadline())

    def payment(self, payment_intent: str) -> PaymentAtStripe:
        """The PaymentIntent with its latest charge, its disputes and all of its refunds."""
        deadline = self._deadline()
        path = f"/v1/payment_intents/{quote(payment_intent, safe='')}"
        intent = self._read(path, {"expand": ["latest_charge"]}, _as_it_is, deadline)
        try:
            charge_id = translate.charge_to_fetch(intent)
            charge = translate.latest_charge(intent) if charge_id is None else self._charge(charge_id, deadline)
            disputes = self._disputes(payment_intent, deadline)
            return translate.payment(payment_intent, intent, charge, disputes, self._refunds(payment_intent, deadline))
        except OddShape as odd:
            raise odd_answer(path, odd) from None

    def refunds(self, payment_intent: str) -> tuple[RefundAtStripe, ...]:
        """All refunds of a PaymentIntent, newest first."""
        return self._refunds(payment_intent, self._deadline())

    def refund(self, refund_id: str) -> RefundAtStripe:
        """One refund."""

        def translated(body: Body) -> RefundAtStripe:
            found = translate.refund(body)
            if found.id != refund_id:
                raise OddShape("it is another refund")
            return found

        return self._read(f"{REFUNDS}/{quote(refund_id, safe='')}", {}, translated, self._deadline())

    def send(self, intent: Intent) -> Answer:
        """POST the refund once, under the intent's key."""
        order = intent.order
        if order.mode is not self.mode:
            return NotSent(Cause.UNAUTHORISED, f"the refund was recorded for a {order.mode} key, and this is a {self.mode} key")
        deadline = Deadline(self._limits.send_s, self._clock)
        wait_s = self._pace.reserve(f"POST {REFUNDS}")
        if wait_s >= deadline.left_s():
            return NotSent(Cause.HELD_BACK, "too many requests to Stripe are waiting")
        if wait_s:
            self._sleep(wait_s)
        outcome = self._client.ask("post", REFUNDS, form(intent), deadline, idempotency_key=order.key)
        return answer_of(outcome, order, self._border)

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _refunds(self, payment_intent: str, deadline: Deadline) -> tuple[RefundAtStripe, ...]:
        return self._list(REFUNDS, payment_intent, translate.refund_of(payment_intent), deadline)

    def _disputes(self, payment_intent: str, deadline: Deadline) -> tuple[DisputeAtStripe, ...]:
        return self._list("/v1/disputes", payment_intent, translate.dispute_of(payment_intent), deadline)

    def _charge(self, charge_id: str, deadline: Deadline) -> Body:
        return self._read(f"/v1/charges/{quote(charge_id, safe='')}", {}, _as_it_is, deadline)

    def _list(self, path: str, payment_intent: str, translated: Callable[[Body], T], deadline: Deadline) -> tuple[T, ...]:
        def page_behind(cursor: str | None) -> Body:
            params: dict[str, str | int] = {"payment_intent": payment_intent, "limit": PAGE_SIZE}
            if cursor is not None:
                params["starting_after"] = cursor
            return self._read(path, params, _as_it_is, deadline)

        try:
            return tuple(translated(item) for item in every(page_behind, self._limits.pages))
        except OddShape as odd:
            raise odd_answer(path, odd) from None

    def _read(self, path: str, params: Params, translated: Callable[[Body], T], deadline: Deadline) -> T:
        answer = self._answer(path, params, deadline)
        try:
            return translated(json_object(answer.body))
        except OddShape as odd:
            raise odd_answer(path, odd) from None

    def _answer(self, path: str, params: Params, deadline: Deadline) -> HttpAnswer:
        """The 200 that comes of it, after as many tries as the limits allow."""
        outcome = self._try(path, params, deadline)
        for pause_s in self._limits.pauses_s:
            # Half of it by chance, so that several who were turned away do not come back together.
            pause_s *= random.uniform(0.5, 1.0)  # noqa: S311 (no secret)
            if not is_worth_another_try(outcome) or pause_s >= deadline.left_s():
                break
            self._sleep(pause_s)
            outcome = self._try(path, params, deadline)
        if isinstance(outcome, HttpAnswer) and outcome.status == 200:
            return outcome
        raise refusal_of(outcome, path, self._border)

    def _try(self, path: str, params: Params, deadline: Deadline) -> Outcome:
        wait_s = self._pace.reserve("GET /" + "/".join(path.split("/")[1:3]))
        if wait_s >= deadline.left_s():
            raise too_busy()
        if wait_s:
            self._sleep(wait_s)
        return self._client.ask("get", path, params, deadline)

    def _deadline(self) -> Deadline:
        return Deadline(self._limits.read_s, self._clock)


def form(intent: Intent) -> Params:
    """The fields of the POST, in the one order in which they are always sent: the bytes of a key must never change."""
    order: Order = intent.order
    fields: dict[str, str | int | bool | list[str]] = {
        "payment_intent": order.payment_intent,
        "amount": order.amount.amount_minor,
        f"metadata[{translate.KEY}]": order.key,
        f"metadata[{translate.PAYMENT}]": order.payment_id,
        f"metadata[{translate.REFUND}]": intent.refund_id,
    }
    if order.reason is not None:
        fields["reason"] = order.reason.value
    if order.reverse_transfer is not None:
        fields["reverse_transfer"] = order.reverse_transfer
    if order.refund_application_fee is not None:
        fields["refund_application_fee"] = order.refund_application_fee
    return fields


def _as_it_is(body: Body) -> Body:
    return body
