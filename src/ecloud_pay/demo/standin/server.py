"""The server: a thread per connection on a loopback port, which hands requests to the desk or to the control area."""

import contextlib
import socket
import sys
import threading
import time
import traceback

from ecloud_pay.demo.standin.control import AREA, Control
from ecloud_pay.demo.standin.desk import Desk, LineCut
from ecloud_pay.demo.standin.messages import NotHttp, Reply, Request, requests, reset

_BACKLOG = 256
_DRIP_BYTES = 16
_BROKEN = b'{"error":{"message":"The stand-in itself failed; see its stderr.","type":"api_error"}}'


class Server:
    """Listens from the moment it is made."""

    def __init__(self, desk: Desk, token: str) -> None:
        self._desk = desk
        self._control = Control(desk, token, self)
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._door = self._listen(0)
        self.port: int = self._door.getsockname()[1]
        self._is_open = threading.Event()
        self._is_open.set()

    def serve(self) -> None:
        """Take connections, for ever."""
        while True:
            self._is_open.wait()
            try:
                connection, _ = self._door.accept()
            except OSError:
                time.sleep(0.01)  # the door was closed, or there are too many connections
                continue
            threading.Thread(target=self._attend, args=(connection,), daemon=True).start()

    def open_connections(self) -> int:
        """How many there are but those that use the control area."""
        with self._lock:
            return len(self._connections)

    def drop_connections(self) -> None:
        """Hang up on everybody but those who use the control area."""
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._connections.clear()

    def open_door(self, is_open: bool) -> None:
        """Closed, the port refuses connections and those that there were are dropped."""
        if is_open is self._is_open.is_set():
            return
        if is_open:
            self._door = self._listen(self.port)
            self._is_open.set()
        else:
            self._is_open.clear()
            # accept() goes on in the kernel until the socket is shut down.
            with contextlib.suppress(OSError):
                self._door.shutdown(socket.SHUT_RDWR)
            self._door.close()
            self.drop_connections()

    def _listen(self, port: int) -> socket.socket:
        door = socket.socket()
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(("127.0.0.1", port))
        door.listen(_BACKLOG)
        return door

    def _attend(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.add(connection)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for request in requests(connection):
                if not self._answer(connection, request):
                    break
        except (NotHttp, LineCut, OSError):
            with contextlib.suppress(OSError):
                reset(connection)
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _answer(self, connection: socket.socket, request: Request) -> bool:
        """Whether the connection goes on."""
        try:
            if request.path.startswith(AREA):
                with self._lock:
                    self._connections.discard(connection)
                reply = self._control.attend(request)
            else:
                reply = self._desk.attend(request)
        except LineCut:
            raise
        except Exception:
            traceback.print_exc(file=sys.stderr)
            reply = Reply(500, _BROKEN)
        if reply.drip_s:
            self._drip(connection, reply)
        else:
            connection.sendall(reply.raw)
        return not reply.missing_bytes and request.headers.get("connection", "").lower() != "close"

    def _drip(self, connection: socket.socket, reply: Reply) -> None:
        raw = reply.raw
        pieces = [raw[start : start + _DRIP_BYTES] for start in range(0, len(raw), _DRIP_BYTES)]
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(reply.drip_s / len(pieces))
