"""One HTTP exchange with an end to it, and the knowledge whether its request may have left.

caller ──▶ thread: resolve, connect, TLS ──▶ depart ──▶ send, receive
   └── waits until the deadline; then `give_up`: a request that has not departed never will, and one that has is cut off

The wait stands still while the machine sleeps or the process is stopped, and the thread may be the first to go on; so `depart` looks
at the deadline itself.

Requests' and urllib3's exceptions do not tell for certain whether a byte was sent: a broken TLS record of the answer raises the same
as a failed handshake. So the connection itself notes it, in the instant before it sends.
"""

import contextvars
import http.cookiejar
import os
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import requests
import requests.adapters
import urllib3.connection
import urllib3.connectionpool

from ecloud_pay.adapters.stripe.deadline import Deadline

LONGEST_ANSWER_BYTES = 32 * 1024 * 1024
_CHUNK_BYTES = 65536
_CLEANING_UP_S = 1.0  # for the thread of a call that was cut off
_TOO_LATE = "no connection in time"
_CONNECTIONS = 8  # kept open for reads; a bulk run has four threads


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer, whoever gave it. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """There is no whole answer. `has_left`: a byte of the request may have been sent. `words` are the network's and not scrubbed."""

    has_left: bool
    words: str


Outcome = HttpAnswer | Broken


class _GivenUp(Exception):  # it passes through urllib3, which closes the connection on it
    """It is too late for this call, or nobody waits for it any more; so it must not be sent."""


class _Call:
    """What the caller and the thread of one exchange know of each other."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._lock = threading.Lock()
        self._connection: _Plain | _Encrypted | None = None
        self._is_given_up = False
        self.outcome: Outcome | None = None
        self.has_left = False
        self.is_over = threading.Event()

    def depart(self, connection: "_Plain | _Encrypted") -> None:
        """From here on the request may have left. Raises _GivenUp where it may not."""
        with self._lock:
            if self._is_given_up or self._deadline.has_passed:
                raise _GivenUp(_TOO_LATE)
            self._connection = connection
            self.has_left = True

    def give_up(self) -> None:
        """Nothing is sent from here on, and what is under way ends."""
        with self._lock:
            self._is_given_up = True
        sock = None if self._connection is None else self._connection.sock
        if sock is not None:
            with suppress(OSError):
                # The plain socket's own method: the one of TLS would pull the session from under the thread that reads.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


_CALL: contextvars.ContextVar[_Call] = contextvars.ContextVar("call")


class _Plain(urllib3.connection.HTTPConnection):
    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        if self.is_closed:
            self.connect()
        _CALL.get().depart(self)
        super().request(method, url, *args, **kwargs)


class _Encrypted(urllib3.connection.HTTPSConnection):
    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        if self.is_closed:
            self.connect()
        _CALL.get().depart(self)
        super().request(method, url, *args, **kwargs)


class _PlainPool(urllib3.connectionpool.HTTPConnectionPool):
    ConnectionCls = _Plain


class _EncryptedPool(urllib3.connectionpool.HTTPSConnectionPool):
    ConnectionCls = _Encrypted


_POOLS = {"http": _PlainPool, "https": _EncryptedPool}


class _Adapter(requests.adapters.HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _Session(requests.Session):
    """Neither the environment nor ~/.netrc nor a cookie nor a redirect changes what is sent, or where."""

    def __init__(self, proxy: str | None) -> None:
        super().__init__()
        self.trust_env = False
        self.max_redirects = 0
        self.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        if proxy is not None:
            self.proxies = {"https": proxy}  # a stand-in on loopback is asked directly
        self.mount("http://", _Adapter(pool_maxsize=_CONNECTIONS))
        self.mount("https://", _Adapter(pool_maxsize=_CONNECTIONS))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None ever: a redirect is an answer like any other."""
        return None


class Transport:
    """Carries requests. Reads keep their connections; each POST has a fresh one, which no server can have closed meanwhile."""

    def __init__(self, proxy: str | None, ca_bundle: str, connect_s: float) -> None:
        self._proxy = proxy
        self._ca_bundle = ca_bundle
        self._connect_s = connect_s
        self._reading = _Session(proxy)
        self._owner = os.getpid()

    def exchange(self, method: str, url: str, headers: Mapping[str, str], body: str | None, deadline: Deadline) -> Outcome:
        """Send once and wait for the whole answer, at most until the deadline; a signal handler of the caller may raise meanwhile."""
        call = _Call(deadline)
        context = contextvars.copy_context()
        context.run(_CALL.set, call)
        thread = threading.Thread(
            target=context.run, args=(self._run, call, method, url, headers, body, deadline), name="stripe", daemon=True
        )
        try:
            thread.start()
            is_over = call.is_over.wait(deadline.left_s())
        except BaseException:
            call.give_up()
            raise
        if not is_over:
            call.give_up()
            thread.join(_CLEANING_UP_S)
            return Broken(call.has_left, f"no answer within {deadline.seconds:g} s" if call.has_left else _TOO_LATE)
        thread.join(_CLEANING_UP_S)
        assert call.outcome is not None, "a call that is over has an outcome"
        return call.outcome

    def close(self) -> None:
        """Hang up."""
        self._reading.close()

    def _run(self, call: _Call, method: str, url: str, headers: Mapping[str, str], body: str | None, deadline: Deadline) -> None:
        try:
            if method == "post":
                with _Session(self._proxy) as session:
                    call.outcome = self._ask(session, method, url, headers, body, deadline)
            else:
                call.outcome = self._ask(self._kept(), method, url, headers, body, deadline)
        except BaseException as error:  # in a thread of its own: nothing goes on up from here
            call.outcome = Broken(call.has_left, _words(error))
        call.is_over.set()

    def _ask(
        self, session: _Session, method: str, url: str, headers: Mapping[str, str], body: str | None, deadline: Deadline
    ) -> HttpAnswer:
        # The time of one socket operation only; the whole ends with the caller's wait.
        timeout_s = (min(self._connect_s, deadline.left_s()) or 0.001, deadline.left_s() or 0.001)
        with session.request(
            method, url, data=body, headers=headers, timeout=timeout_s, stream=True, allow_redirects=False, verify=self._ca_bundle
        ) as response:
            parts: list[bytes] = []
            left = LONGEST_ANSWER_BYTES
            for part in response.iter_content(_CHUNK_BYTES):
                parts.append(part)
                left -= len(part)
                if left < 0:
                    raise ValueError("the answer is too long")
            answer_headers = {name.lower(): value for name, value in response.headers.items()}
            return HttpAnswer(response.status_code, answer_headers, b"".join(parts))

    def _kept(self) -> _Session:
        # A forked child would talk into its parent's connections.
        if self._owner != os.getpid():
            self._reading, self._owner = _Session(self._proxy), os.getpid()
        return self._reading


def _words(error: BaseException) -> str:
    """What the innermost error says, which is the operating system's or TLS's; the outer ones quote addresses."""
    seen = {id(error)}
    while (inner := error.__cause__ or error.__context__) is not None and id(inner) not in seen:
        seen.add(id(inner))
        error = inner
    if isinstance(error, TimeoutError):
        return "timed out"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
