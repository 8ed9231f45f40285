"""Two doors for each console, before PostgreSQL and before Stripe, that read along, and strike at the boundary they are told.

    console ──▶ its own port ──▶ whole request ──▶ strike? ──▶ the server
            ◀────────────────◀── whole answer ◀── strike? ◀──

All of it happens in one thread that waits for every line at once: the process forks, so it must have no other. Connections to
PostgreSQL that end idle are kept for the next console, as pgbouncer would: beginning one costs the server more than all that follows.
"""

import contextlib
import os
import selectors
import signal
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

CHUNK_BYTES = 1 << 18
LONGEST_RUN_S = 40.0
HOLD_S = 0.25  # where the other one may be waiting for a lock of this one's
LONG_HOLD_S = 2.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_IDLE = b"I"  # ReadyForQuery: no transaction is open


@dataclass(frozen=True, slots=True)
class Strike:
    """What happens at the `nth` request of a console whose label begins with `match`.

    kill       SIGKILL                                 before it goes on │ after it went on │ instead of its answer ("answered")
    cut        that line breaks                        the same three moments
    gone       PostgreSQL is out of reach from then on
    shut       Stripe takes no new connections from then on
    stop stop2 SIGTERM once, twice
    hold       it waits until each other console has made its `nth` such request, too (or the `until_nth` that begins with
               `until`), has ended, or some time has passed
    """

    kind: str
    match: str = ""
    nth: int = 1
    when: str = "before"
    until: str | None = None
    until_nth: int = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """One request on its way. For PostgreSQL the label is how its statement begins; for Stripe it is such as `POST /v1/refunds`."""

    label: str
    raw: bytes
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Run:
    """One console from its fork to its end, with what went through its doors."""

    def __init__(self, name: str, strikes: Sequence[Strike] = ()) -> None:
        self.name = name
        self.strikes = list(strikes)
        self.fired: list[Strike] = []
        self.labels: list[str] = []
        self.pid = 0
        self.end_fd = -1
        self.code: int | None = None
        self.was_killed = False
        self.lines: list[Line] = []
        self.doors: dict[str, socket.socket] = {kind: socket.create_server(("127.0.0.1", 0), backlog=64) for kind in ("pg", "http")}
        self.ports: dict[str, int] = {kind: door.getsockname()[1] for kind, door in self.doors.items()}
        self._counted: Counter[Strike] = Counter()

    @property
    def unfired(self) -> list[Strike]:
        """Strikes that did not happen yet."""
        return [strike for strike in self.strikes if strike not in self.fired]

    @property
    def has_transaction(self) -> bool:
        """Whether the server has a transaction of this console open, or is still busy with one of its statements."""
        return any(line.kind == "pg" and (line.state != _IDLE or line.asked is not None) for line in self.lines)

    def due(self, label: str) -> list[Strike]:
        """The strikes whose turn it is with this request."""
        self.labels.append(label)
        due = []
        for strike in self.unfired:
            if label.startswith(strike.match):
                self._counted[strike] += 1
                if self._counted[strike] == strike.nth:
                    due.append(strike)
        return due

    def reached(self, match: str, nth: int) -> bool:
        """Whether it has made so many such requests."""
        return sum(label.startswith(match) for label in self.labels) >= nth


class Line:
    """One connection of a console and the one behind it."""

    def __init__(self, run: Run, kind: str, client: socket.socket) -> None:
        self.run = run
        self.kind = kind
        self.client: socket.socket | None = client
        self.server: socket.socket | None = None
        self.state = _IDLE
        self.asked: Asked | None = None  # what the server has not answered yet
        self.at_answer: list[Strike] = []
        self.held: tuple[Asked, Strike, float] | None = None
        self.greeting = b""  # how PostgreSQL answered the start of this connection
        self.hello = b""
        self._from_client = b""
        self._from_server = b""
        self._has_greeted = False
        self._statement = ""

    def requests(self, data: bytes) -> list[Asked]:
        """The whole requests that are there now."""
        self._from_client += data
        found = []
        while (asked := self._http() if self.kind == "http" else self._postgres()) is not None:
            found.append(asked)
        return found

    def answer(self, data: bytes) -> bytes:
        """What may be handed on: of PostgreSQL whole answers only, up to the word that it is ready."""
        if self.kind == "http":
            return data
        self._from_server += data
        at, end = 0, 0
        while len(self._from_server) >= at + 5:
            (size,) = struct.unpack_from("!I", self._from_server, at + 1)
            if len(self._from_server) < at + 1 + size:
                break
            if self._from_server[at : at + 1] == b"Z":
                self.state, end = self._from_server[at + 5 : at + 6], at + 1 + size
            at += 1 + size
        whole, self._from_server = self._from_server[:end], self._from_server[end:]
        return whole

    def rest(self) -> bytes:
        """What the server said last, before it hung up."""
        return self._from_server

    def _http(self) -> Asked | None:
        head, found, rest = self._from_client.partition(b"\r\n\r\n")
        if not found:
            return None
        first, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return None
        method, target, _ = first.split(" ")
        self._from_client = rest[length:]
        return Asked(f"{method} {target}", head + found + rest[:length], headers, rest[:length])

    def _postgres(self) -> Asked | None:
        if not self._has_greeted:
            if len(self._from_client) < 4 or len(self._from_client) < struct.unpack("!I", self._from_client[:4])[0]:
                return None
            raw, self._from_client, self._has_greeted = self._from_client, b"", True
            return Asked("connect", raw)
        at = 0
        while len(self._from_client) >= at + 5:
            kind, (size,) = self._from_client[at : at + 1], struct.unpack_from("!I", self._from_client, at + 1)
            end = at + 1 + size
            if len(self._from_client) < end:
                return None
            if kind == b"X":
                self._from_client = b""
                return Asked("", b"X\x00\x00\x00\x04")
            if kind in b"QP":
                text = self._from_client[at + 5 : end]
                text = text if kind == b"Q" else text.partition(b"\x00")[2]
                self._statement = " ".join(text.partition(b"\x00")[0].decode(errors="replace").split())
            at = end
            if kind in b"QS":
                raw, self._from_client = self._from_client[:at], self._from_client[at:]
                return Asked(self._statement, raw)
        return None


Watch = Callable[[Run, Asked], None]
Pool = dict[bytes, list[tuple[socket.socket, bytes]]]  # idle connections to PostgreSQL by how they were begun, and its answer to that


class Wires:
    """Serves the doors of consoles until they have ended. `stripe` is where Stripe listens."""

    def __init__(self, postgres: tuple[str, int], stripe: tuple[str, int], pool: Pool, watch: Watch) -> None:
        self._postgres = postgres
        self._stripe = stripe
        self._pool = pool
        self._watch = watch
        self._selector = selectors.DefaultSelector()
        self._runs: list[Run] = []

    def serve(self, runs: Sequence[Run]) -> None:
        """Until every one of them has ended, and what a killed one had under way is answered."""
        self._runs = list(runs)
        give_up_at = time.monotonic() + LONGEST_RUN_S
        for run in runs:
            self._selector.register(run.end_fd, selectors.EVENT_READ, (run, "end"))
            for kind, door in run.doors.items():
                self._selector.register(door, selectors.EVENT_READ, (run, kind))
        while any(run.code is None or run.lines for run in runs):
            for key, _ in self._selector.select(0.02):
                subject, what = key.data
                if isinstance(subject, Line):
                    self._hear(subject, what)
                elif what == "end":
                    self._ended(subject)
                else:
                    self._admit(subject, what)
            self._let_go()
            if time.monotonic() > give_up_at:
                for run in runs:
                    if run.code is None:
                        os.kill(run.pid, signal.SIGKILL)
                raise TimeoutError(f"still running: {[(run.name, run.labels[-3:]) for run in runs if run.code is None]}")

    def close(self) -> None:
        """No more."""
        self._selector.close()

    def _admit(self, run: Run, kind: str) -> None:
        if kind not in run.doors:
            return
        client, _ = run.doors[kind].accept()
        line = Line(run, kind, client)
        self._register(line, client, "client")
        if kind == "http":
            self._connect(line)
        run.lines.append(line)

    def _register(self, line: Line, sock: socket.socket, end: str) -> None:
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(sock, selectors.EVENT_READ, (line, end))

    def _connect(self, line: Line) -> None:
        line.server = self._connected(line.kind)
        self._register(line, line.server, "server")

    def _connected(self, kind: str) -> socket.socket:
        host, port = self._postgres if kind == "pg" else self._stripe
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _hear(self, line: Line, end: str) -> None:
        sock = line.client if end == "client" else line.server
        if sock is None:
            return  # hung up on in this very round
        try:
            data, is_reset = sock.recv(CHUNK_BYTES), False
        except OSError:
            data, is_reset = b"", True
        if end == "client":
            if not data:
                self._hang_up(line)
                return
            for asked in line.requests(data):
                self._ask(line, asked)
        elif not data:
            self._send(line.client, line.rest())
            self._hang_up(line, is_reset=is_reset)
        elif whole := line.answer(data):
            self._answer(line, whole)

    def _ask(self, line: Line, asked: Asked) -> None:
        run = line.run
        if not asked.label:
            return  # it says good-bye, and hangs up at once
        if line.kind == "http":
            self._watch(run, asked)
        strikes = run.due(asked.label)
        for strike in strikes:
            if strike.kind == "hold":
                run.fired.append(strike)
                line.held = (asked, strike, time.monotonic() + (HOLD_S if strike.until is None else LONG_HOLD_S))
                return
        if any(strike.when == "before" and self._struck(line, strike) for strike in strikes):
            return
        greeting = self._forward(line, asked)
        line.at_answer = [strike for strike in strikes if strike.when == "answered"]
        for strike in strikes:
            if strike.when == "after":
                self._struck(line, strike)
        if greeting:
            self._answer(line, greeting)

    def _forward(self, line: Line, asked: Asked) -> bytes:
        """Hand the request on; the answer, where it is known already."""
        if line.kind == "pg" and line.server is None:
            line.hello = asked.raw
            if self._pool.get(asked.raw):
                line.server, line.greeting = self._pool[asked.raw].pop()
                self._register(line, line.server, "server")
                return line.greeting
            self._connect(line)
        self._send(line.server, asked.raw)
        line.asked = asked
        return b""

    def _answer(self, line: Line, whole: bytes) -> None:
        if line.asked is not None and line.asked.label == "connect":
            line.greeting = whole
        line.asked = None
        if line.client is None:  # a killed console's: it has been executed, and nobody hears of it
            self._hang_up(line)
            return
        strikes, line.at_answer = line.at_answer, []
        if any(self._struck(line, strike) for strike in strikes):
            return
        self._send(line.client, whole)

    def _struck(self, line: Line, strike: Strike) -> bool:
        """Let it happen; whether the line, or the console, is no more."""
        run = line.run
        run.fired.append(strike)
        match strike.kind:
            case "kill":
                run.was_killed = True
                os.kill(run.pid, signal.SIGKILL)
                for each in list(run.lines):
                    self._orphan(each)
                return True
            case "cut":
                self._orphan(line)
                return True
            case "gone":
                self._shut(run, "pg")
                for each in [each for each in run.lines if each.kind == "pg"]:
                    self._orphan(each)
                return line.kind == "pg"
            case "shut":
                self._shut(run, "http")
            case "stop" | "stop2":
                os.kill(run.pid, signal.SIGTERM)
                if strike.kind == "stop2":
                    time.sleep(0.005)  # two at the same time would be one
                    os.kill(run.pid, signal.SIGTERM)
        return False

    def _let_go(self) -> None:
        """Let held requests go on once what they wait for has come."""
        for run in self._runs:
            for line in run.lines:
                if line.held is None:
                    continue
                asked, strike, until = line.held
                others = [other for other in self._runs if other is not run]
                if time.monotonic() > until or all(other.code is not None or _is_as_far(other, strike) for other in others):
                    line.held = None
                    if greeting := self._forward(line, asked):
                        self._answer(line, greeting)

    def _orphan(self, line: Line) -> None:
        """The console's side is no more. What was handed on already is executed to its end."""
        self._drop(line.client)
        line.client = None
        if line.asked is None or line.kind == "http":  # Stripe goes on with what it has read, whoever listens
            self._hang_up(line)

    def _hang_up(self, line: Line, *, is_reset: bool = False) -> None:
        if is_reset and line.client is not None:
            with contextlib.suppress(OSError):
                line.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._drop(line.client)
        if line.server is not None and line.greeting and line.state == _IDLE and line.asked is None:
            self._selector.unregister(line.server)
            self._pool.setdefault(line.hello, []).append((line.server, line.greeting))
        else:
            self._drop(line.server)
        line.client = line.server = None
        if line in line.run.lines:
            line.run.lines.remove(line)

    def _shut(self, run: Run, kind: str) -> None:
        door = run.doors.pop(kind, None)
        if door is not None:
            self._selector.unregister(door)
            door.close()

    def _ended(self, run: Run) -> None:
        self._selector.unregister(run.end_fd)
        os.close(run.end_fd)
        _, status = os.waitpid(run.pid, 0)
        run.code = os.waitstatus_to_exitcode(status)
        for kind in list(run.doors):
            self._shut(run, kind)
        for line in list(run.lines):
            self._orphan(line)

    def _drop(self, sock: socket.socket | None) -> None:
        if sock is not None:
            self._selector.unregister(sock)
            sock.close()

    def _send(self, sock: socket.socket | None, data: bytes) -> None:
        if sock is not None and data:
            with contextlib.suppress(OSError):  # the other end has gone, which its own end of the line will say
                sock.sendall(data)


def _is_as_far(other: Run, strike: Strike) -> bool:
    return other.reached(strike.match, strike.nth) if strike.until is None else other.reached(strike.until, strike.until_nth)
