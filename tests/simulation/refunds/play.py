"""Plays a schedule and asks the database and Stripe what came of it. What the console says is only ever compared with that."""

import hashlib
import re
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from itertools import combinations
from typing import Any
from urllib.parse import parse_qsl

from simulation.refunds.consoles import Console
from simulation.refunds.schedules import Act, Book, Click, Consoles, Decide, Fail, Operator, Pass, Rotate, Schedule
from simulation.refunds.wires import Asked, Run, Strike, Wires
from simulation.refunds.world import KEY, Row, World, audit_events, figure, ours
from support.trail import chain

KEY_HOURS = 23.0
SAME_HOURS = 24.0
_UNTIL_IT_MAY_BE_ADOPTED_H = 0.07
_MOVED = ("succeeded", "pending", "requires_action")
_STATES = {"succeeded": "completed", "pending": "pending", "requires_action": "pending", "failed": "failed", "canceled": "failed"}
_NOT_MADE = (2, 4, 5, 6, 7, 75)
_SAFE_WORDS = ("No money moved", "Nothing was sent.", "It is safe to repeat", "nothing was changed")
_TOLD_ID = re.compile(r"(?:The refund|Stripe Refund:) (re_\w+)")


@dataclass(slots=True)
class Played:
    """What came of one schedule. `fired` and `unfired` count the kinds of faults; `violations` are what must never be."""

    name: str
    seed: int
    took_s: float = 0.0
    fired: Counter[str] = field(default_factory=Counter)
    unfired: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    boundaries: Counter[str] = field(default_factory=Counter)

    @property
    def as_json(self) -> dict[str, Any]:
        """For the one who counts."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def is_conclusive(self) -> bool:
        """Whether every fault that was planned did happen."""
        return not self.unfired


@dataclass(slots=True)
class Sent:
    """What is known of a key that was seen on its way to Stripe."""

    digest: str
    first_at_h: float
    times: int = 1


@dataclass(frozen=True, slots=True)
class Claim:
    """A console that said that no money moved, and the keys that it speaks of."""

    console: str
    keys: frozenset[str]
    words: str


def play(world: World, schedule: Schedule, mutate: Callable[[], None] | None = None) -> Played:
    """Play it."""
    started = time.monotonic()
    stage = _Stage(world, schedule, mutate)
    try:
        stage.play()
    except TimeoutError as error:
        stage.wrong(f"hangs: {error}")
    except Exception:  # one schedule must not end the others
        stage.wrong(f"the schedule itself fails: {traceback.format_exc()}")
    stage.close()
    stage.played.took_s = time.monotonic() - started
    return stage.played


class _Stage:
    def __init__(self, world: World, schedule: Schedule, mutate: Callable[[], None] | None) -> None:
        self.world = world
        self.schedule = schedule
        self.mutate = mutate
        self.played = Played(schedule.name, schedule.seed)
        self.payment = world.put_payment(schedule.currency, schedule.paid_minor, schedule.hand_minor)
        self.intent_id = f"pi_sim{self.payment}"
        self.audit = world.folder / f"audit-{self.payment}.jsonl"
        self.hand_minor = schedule.hand_minor
        self.passed_h = 0.0
        self.key = world.stripe.key
        self.sent: dict[str, Sent] = {}
        self.claims: list[Claim] = []
        self.clicked: list[dict[str, Any]] = []
        self.moved: set[str] = set()
        self.aged: set[str] = set()
        self.known: set[str] = set()  # keys of intents from before the consoles of now
        self.rivals: dict[int, float] = {}  # amounts that were clicked, and when
        self.born_h: dict[str, float] = {}
        self.wires = Wires(world.postgres, world.stripe_at, world.pool, self.watch)
        self.operators: dict[str, Operator] = {}
        self.request = None
        if schedule.request_minor is not None:
            self.request = world.put_request(self.payment, figure(schedule.request_minor, schedule.currency))

    # -- what happens

    def play(self) -> None:
        for act in self.schedule.acts:
            self._act(act)
        self._settle()
        self._judge()

    def close(self) -> None:
        self.wires.close()
        self.world.forget(self.payment)
        self.audit.unlink(missing_ok=True)

    def wrong(self, what: str) -> None:
        self.played.violations.append(what)

    def _act(self, act: Act) -> None:
        stripe = self.world.stripe
        match act:
            case Consoles():
                if not act.if_open or self._open():
                    self._run(act)
            case Click():
                try:
                    self.clicked += [stripe.dashboard_refund(self.intent_id, act.minor) for _ in range(act.times)]
                except AssertionError:
                    return  # more than is left: Stripe says so to whoever clicks, too
                self.rivals[act.minor] = self._now_h()
                self.played.fired["a click in the Dashboard"] += 1
            case Fail():
                for refund in ours(stripe.refunds(self.intent_id))[-1:]:
                    stripe.move(refund["id"], "failed", "lost_or_stolen_card")
                    self.moved.add(refund["id"])
                    self.played.fired["a refund that fails later"] += 1
            case Rotate():
                stripe.restrict("sk_test_rotated0123456789")
                stripe.expire(self.key)
                self.key = "sk_test_rotated0123456789"
                self.played.fired["key rotated"] += 1
            case Book():
                self.world.do(
                    "UPDATE payments_payment SET refund_amount = coalesce(refund_amount, 0) + %s WHERE id = %s",
                    *(figure(act.minor, self.schedule.currency), self.payment),
                )
                self.hand_minor += act.minor
                self.played.fired["a refund booked by hand"] += 1
            case Decide():
                stripe.settled(0)  # somebody who decides has waited for what was on its way
                if self._open():
                    self._decide(act.verdict)
            case Pass():
                self._pass(act.hours)
                self.played.fired[f"{act.hours:g} h pass"] += 1

    def _pass(self, hours: float) -> None:
        stripe = self.world.stripe
        stripe.settled(0)
        for refund in stripe.refunds(self.intent_id):
            ahead_h = 0.0 if refund["id"] in self.aged else self.passed_h
            stripe.overwrite(refund["id"], created=refund["created"] - int((ahead_h + hours) * 3600))
            self.aged.add(refund["id"])
        stripe.advance(hours * 3600)
        self.world.age(self.payment, hours)
        self.passed_h += hours

    def _run(self, act: Consoles) -> None:
        before = {row.key for row in self._rows()}
        self.known = before
        if act.faults:
            self._plan(act.faults)
        consoles = [self._console(operator, number) for number, operator in enumerate(act.operators)]
        for console in consoles:
            console.start()
        try:
            self.wires.serve([console.run for console in consoles])
        finally:
            for console in consoles:
                console.finish()
        if act.faults:
            for fault in self.world.stripe.planned():
                self._count(f"Stripe: {_fault_name(fault)}", fault["has_fired"])
            self.world.stripe.forget_faults()
        for operator, console in zip(act.operators, consoles, strict=True):
            for strike in console.run.strikes:
                has_met = strike.kind == "hold" and any(strike in each.run.fired for each in consoles)  # it waits for the others' sake
                self._count(_strike_name(strike), has_met or strike in console.run.fired)
                if strike.kind == "kill" and strike in console.run.fired and operator.way == "make" and not strike.match:
                    self.played.boundaries[f"{strike.nth} {strike.when}"] += 1
            if operator.stdout != "kept":
                self._count(f"stdout {operator.stdout}", console.run.code in (74, 141))
            self._heard(operator, console, before, is_alone=len(consoles) == 1)

    def _plan(self, faults: Sequence[dict[str, Any]]) -> None:
        for fault in faults:
            self.world.stripe.faults(fault["kind"], **{name: value for name, value in fault.items() if name != "kind"})

    def _count(self, kind: str, has_fired: bool) -> None:
        (self.played.fired if has_fired else self.played.unfired)[kind] += 1

    def _console(self, operator: Operator, number: int) -> Console:
        run = Run(f"{operator.way} {operator.says or number}", operator.strikes)
        environ = self.world.environ(run.ports["pg"], run.ports["http"], self.key, self.audit)
        self.operators[run.name] = operator
        return Console(run, self._arguments(operator), environ, operator.stdout, self.mutate)

    def _arguments(self, operator: Operator) -> list[str]:
        number = str(self.payment)
        match operator.way:
            case "make":
                amount = str(figure(operator.minor, self.schedule.currency))
                words = ["refund", number, "--amount", amount, "--yes", "--accept-drift", "--note", operator.says]
                words += ["--request-id", operator.request_id] if operator.request_id else []
                return words + (["--allow-duplicate"] if operator.may_repeat else [])
            case "request":
                return ["refund", "--request", str(self.request), "--yes", "--accept-drift"]
            case "resume":
                return ["refund", "--resume"]
            case "adopt":
                return ["refund", number, "--adopt", operator.says, "--yes"]
            case way:
                return ["refund", number, f"--{way}", "--yes"]

    # -- what is seen on the wire

    def watch(self, run: Run, asked: Asked) -> None:
        """A request is on its way to Stripe, and not there yet."""
        if "led=astray" in asked.label:
            self.wrong(f"{run.name} went where a redirect led: {asked.label}")
        if not asked.label.startswith("POST"):
            return
        if asked.label != "POST /v1/refunds":
            self.wrong(f"{run.name} posts to {asked.label}")
            return
        key = asked.headers.get("idempotency-key", "")
        form = dict(parse_qsl(asked.body.decode()))
        operator = self.operators[run.name]
        if run.has_transaction:
            self.wrong(f"{run.name} asks Stripe with a transaction open")
        self._key_is_well_used(run, key, asked.body)
        rows = self._rows()
        mine = next((row for row in rows if row.key == key), None)
        if mine is None or form.get(f"metadata[{KEY}]") != key:
            self.wrong(f"{run.name} asks Stripe for a refund that is not recorded: key {key}")
            return
        # Another run may have been quicker in the very moment: that key makes no second refund.
        if mine.intent["ending"] not in (None, "accepted"):
            self.wrong(f"{run.name} asks Stripe for a refund that has ended as {mine.intent['ending']}")
        if any(not row.is_settled for row in rows if row is not mine):
            self.wrong(f"{run.name} asks Stripe while another refund of the payment is unsettled")
        if form.get("amount") != str(mine.refund_minor) or (
            operator.minor and mine.key not in self.known and mine.refund_minor != operator.minor
        ):
            self.wrong(f"{run.name} asks for {form.get('amount')}, and {operator.minor or mine.refund_minor} was wanted")
        if mine.intent["first_sent_at"] is None or mine.intent["attempts"] < self.sent[key].times:
            self.wrong(f"{run.name} asks Stripe before the attempt is recorded")
        if not any(event["event_type"] == "refund_requested" and event["details"]["key"] == key for event in audit_events(self.audit)):
            self.wrong(f"{run.name} asks Stripe before refund_requested is in the audit trail")
        if operator.way == "resume":
            if mine.intent["note"] not in {each.says for each in self.operators.values() if each.way in ("make", "request")}:
                self.wrong(f"{run.name} sends what nobody began")
            clicked_h = self.rivals.get(mine.refund_minor)
            if clicked_h is not None and clicked_h >= self.born_h.get(key, clicked_h + 1) and clicked_h < self._now_h():
                self.wrong(f"{run.name} sends although one of the same amount was made in the Dashboard meanwhile")

    def _key_is_well_used(self, run: Run, key: str, body: bytes) -> None:
        digest, now_h = hashlib.sha256(body).hexdigest(), self._now_h()
        earlier = self.sent.get(key)
        if earlier is None:
            self.sent[key] = Sent(digest, now_h)
            self.born_h.setdefault(key, now_h)
            return
        earlier.times += 1
        if earlier.digest != digest:
            self.wrong(f"{run.name} sends other bytes under the same key")
        if now_h - earlier.first_at_h >= KEY_HOURS:
            self.wrong(f"{run.name} sends a key that is {now_h - earlier.first_at_h:.1f} h old")

    # -- what a console said

    def _heard(self, operator: Operator, console: Console, before: set[str], *, is_alone: bool) -> None:
        code, words = console.run.code, f"{console.out}\n{console.err}"
        self.played.told.append(f"{console.run.name}: exit {code}, {len(console.run.labels)} requests; {console.err.strip()[-400:]}")
        if self.schedule.exit_code is not None and operator.way == "make" and code != self.schedule.exit_code:
            self.wrong(f"{console.run.name} ended with {code}, not with {self.schedule.exit_code}")
        if code in (1, 99) or "Traceback" in words:
            self.wrong(f"{console.run.name} has a bug: {console.err[-1500:]}")
        if self.key in words:
            self.wrong(f"{console.run.name} prints the key")
        rows = self._rows()
        for row in rows:
            self.born_h.setdefault(row.key, self._now_h())
        mine = [row for row in rows if row.key not in before and row.intent["note"] == operator.says]
        at_stripe = {refund["metadata"][KEY]: refund for refund in ours(self.world.stripe.refunds(self.intent_id))}
        self._output_is_true(console, rows)
        keys = frozenset(row.key for row in mine)
        if operator.way in ("make", "request"):
            if code == 0:
                self._is_made(console, operator, mine, rows, at_stripe)
            elif code in _NOT_MADE:
                self.claims.append(Claim(console.run.name, keys, f"exit {code}"))
                if any(not row.is_settled for row in mine):
                    self.wrong(f"{console.run.name} ended with {code} and left an intent unsettled")
            elif code in (74, 141) and any(not row.is_settled for row in mine):
                self.wrong(f"{console.run.name} ended with {code}, unsettled")
        said = next((each for each in _SAFE_WORDS if each in words), None)
        if said and operator.way in ("make", "request"):
            self.claims.append(Claim(console.run.name, keys, said))
        if "this run sent nothing" in words and any(label.startswith("POST") for label in console.run.labels):
            self.wrong(f"{console.run.name} says that it sent nothing, and it did")
        if operator.way == "resume" and code == 0 and is_alone and any(not row.is_settled for row in rows):
            self.wrong(f"{console.run.name} ended with 0, and something is unsettled")

    def _output_is_true(self, console: Console, rows: list[Row]) -> None:
        """Whatever it printed must have been so by then, and so it is now."""
        for id in _TOLD_ID.findall(console.out):
            if not any(row.stripe_id == id and row.is_settled for row in rows):
                self.wrong(f"{console.run.name} printed {id}, which is not recorded")
        if console.out.strip() and "Refund #" in console.out and not any(row.is_settled for row in rows):
            self.wrong(f"{console.run.name} printed an outcome that is not recorded")

    def _is_made(self, console: Console, operator: Operator, mine: list[Row], rows: list[Row], at_stripe: dict[str, Any]) -> None:
        if operator.request_id:
            mine = mine or [row for row in rows if row.intent["request_id"] == operator.request_id]
        if len(mine) != 1:
            self.wrong(f"{console.run.name} ended with 0, and {len(mine)} intents are its own")
            return
        row = mine[0]
        refund = at_stripe.get(row.key)
        clicked = [each["id"] for each in self.clicked]
        if (refund is None or refund["id"] != row.stripe_id) and row.stripe_id not in clicked:
            self.wrong(f"{console.run.name} ended with 0, and Stripe has no such refund")
        if row.status not in ("completed", "pending") or not row.is_settled or row.refund_minor != operator.minor:
            self.wrong(f"{console.run.name} ended with 0, and it is not recorded: {row}")

    # -- until all is settled

    def _settle(self) -> None:
        """What an operator does: resume; after a day, decide."""
        for refund in ours(self.world.stripe.refunds(self.intent_id)):
            if refund["status"] not in _STATES:
                self.world.stripe.move(refund["id"], "succeeded")
        for _ in range(3):
            if not self._open(also_unaudited=True):
                break
            self._run(Consoles((Operator("resume"),)))
        verdict = self.schedule.verdict
        if self._open() and verdict != "abandon":
            self._decide(verdict)
        if self._open():
            self.world.stripe.settled(0)
            self._pass(25.0)
            self._run(Consoles((Operator("resume"),)))
        if self._open():
            self._decide("abandon")
        if open_ones := self._open():
            self.wrong(f"stuck: {open_ones}")
        self.world.stripe.settled(0)
        if self.schedule.seed % 8 > 1:
            return
        self._run(Consoles((Operator("resume"),)))
        if not self.played.told[-1].split(": exit ", 1)[1].startswith("0,"):
            self.wrong("a resume when all is settled does not end with 0")

    def _decide(self, verdict: str) -> None:
        row = self._open()[0]
        if verdict == "adopt":
            since = [each for each in self.clicked if each["amount"] == row.refund_minor]
            taken = {each.stripe_id for each in self._rows()}
            free = [each for each in since if each["id"] not in taken]
            if not free:
                return
            self._pass(_UNTIL_IT_MAY_BE_ADOPTED_H)
            self._run(Consoles((Operator("adopt", free[0]["id"]),)))
        else:
            self._run(Consoles((Operator(verdict),)))
        self.played.fired[f"a person: {verdict}"] += 1

    # -- what must hold at the end

    def _judge(self) -> None:
        rows = self._rows()
        refunds = self.world.stripe.refunds(self.intent_id)
        mine = ours(refunds)
        self._each_key_once(rows, mine)
        self._each_refund_recorded(rows, mine, {refund["id"]: refund for refund in refunds})
        self._claims_hold(rows, mine)
        self._nothing_twice(mine)
        self._payment_is_right(rows)
        self._audit_is_whole(rows)

    def _each_key_once(self, rows: list[Row], mine: list[dict[str, Any]]) -> None:
        for key, times in Counter(refund["metadata"][KEY] for refund in mine).items():
            if times > 1:
                self.wrong(f"DOUBLE: {times} refunds bear the key {key}")
            if key not in {row.key for row in rows}:
                self.wrong(f"LOST: no intent has the key {key} of a refund at Stripe")
        if len({row.key for row in rows}) != len(rows):
            self.wrong("two intents have one key")

    def _each_refund_recorded(self, rows: list[Row], mine: list[dict[str, Any]], all_: dict[str, dict[str, Any]]) -> None:
        by_key = {row.key: row for row in rows}
        for refund in mine:
            row = by_key.get(refund["metadata"][KEY])
            if row is None:
                continue
            wanted = _STATES[refund["status"]]
            if row.stripe_id != refund["id"] or row.refund_stripe_id != refund["id"]:
                adopted = row.stripe_id in {each["id"] for each in self.clicked}
                self.wrong(f"{'MIXED UP' if adopted else 'LOST'}: {refund['id']} ({refund['status']}) is not recorded: {row}")
            elif (row.status != wanted or row.refund_status != wanted) and refund["id"] not in self.moved:
                self.wrong(f"{refund['id']} is {refund['status']} at Stripe and {row.status}/{row.refund_status} here")
        for row in rows:
            if row.stripe_id is not None and (row.stripe_id not in all_ or all_[row.stripe_id]["amount"] != row.refund_minor):
                self.wrong(f"{row.stripe_id} is recorded, and Stripe has no such refund")
            if row.stripe_id is None and row.status == "completed":
                self.wrong(f"completed without a refund at Stripe: {row}")

    def _claims_hold(self, rows: list[Row], mine: list[dict[str, Any]]) -> None:
        holding = {refund["metadata"][KEY] for refund in mine if refund["status"] in _MOVED}
        for claim in self.claims:
            if claim.keys & holding:
                self.wrong(f"{claim.console} said {claim.words!r}, and its refund was made")

    def _nothing_twice(self, mine: list[dict[str, Any]]) -> None:
        if any(operator.may_repeat for operator in self.operators.values()):
            return
        held = [refund for refund in mine if refund["status"] in _MOVED and refund["id"] not in self.moved]
        for one, two in combinations(held, 2):
            apart_h = abs(self.sent[one["metadata"][KEY]].first_at_h - self.sent[two["metadata"][KEY]].first_at_h)
            if one["amount"] == two["amount"] and apart_h < SAME_HOURS and not self.moved:
                self.wrong(f"DOUBLE: {one['id']} and {two['id']} of the same amount within a day")

    def _payment_is_right(self, rows: list[Row]) -> None:
        [(status, booked)] = self.world.ask("SELECT status, coalesce(refund_amount, 0) FROM payments_payment WHERE id = %s", self.payment)
        completed = sum(row.refund_minor for row in rows if row.refund_status == "completed")
        wanted = figure(self.hand_minor + completed, self.schedule.currency)
        if status != "succeeded" or booked != wanted:
            self.wrong(f"the payment is {status} and says {booked}; {wanted} were refunded, {self.hand_minor} minor units of it by hand")
        if self.request is not None and not any(row.intent["refund_id"] == self.request for row in rows):
            [(state, stripe_id)] = self.world.ask("SELECT status, stripe_refund_id FROM payments_refund WHERE id = %s", self.request)
            if state != "pending" or stripe_id:
                self.wrong(f"the backend's request became {state} {stripe_id}")

    def _audit_is_whole(self, rows: list[Row]) -> None:
        if not self.audit.exists():
            if rows:
                self.wrong("there is no audit trail")
            return
        if self.key.encode() in self.audit.read_bytes():
            self.wrong("the audit trail holds the key")
        try:
            events = chain([self.audit])
        except AssertionError:
            self.wrong("the audit chain is broken")
            return
        for row in rows:
            told = [event["event_type"] for event in events if event["details"].get("key") == row.key]
            last = [each for each in told if each not in ("refund_requested", "refund_sent")]
            wanted = ("refunded", "refund_adopted") if row.status != "failed" else ("refund_failed", "refund_abandoned")
            if not last or last[-1] not in wanted:
                self.wrong(f"the audit trail says {told} of a refund that is {row.status}")
            if row.intent["audited"] is not True:
                self.wrong(f"the last audit line of {row.key} is not known to be written")

    # -- asking

    def _rows(self) -> list[Row]:
        return self.world.rows(self.payment)

    def _open(self, *, also_unaudited: bool = False) -> list[Row]:
        return [row for row in self._rows() if not row.is_settled or (also_unaudited and not row.intent["audited"])]

    def _now_h(self) -> float:
        return time.monotonic() / 3600 + self.passed_h


def _strike_name(strike: Strike) -> str:
    if strike.kind == "hold":
        return "held until the other one is as far"
    return f"{strike.kind} {strike.when}" + (f" {strike.match}" if strike.match else "")


def _fault_name(fault: dict[str, Any]) -> str:
    acted = {True: " acted", False: " not acted"}[fault["acted"]] if fault["kind"] not in ("429", "401", "403", "409") else ""
    return f"{fault['kind']}{acted}" + (" (list)" if fault["match"].startswith("GET") else "")
