"""Runs a stand-in as a child process for as long as a block lasts."""

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ecloud_pay.demo.standin.environment import ACCOUNT, KEY, LIVE_KEY, TOKEN
from ecloud_pay.domain.errors import Unavailable

DEMO_ACCOUNT = "acct_1EcloudPayDemoOne"
START_LIMIT_S = 20.0
END_LIMIT_S = 2.0
_GREETING = b"listening "


@dataclass(frozen=True, slots=True)
class StandIn:
    """A running stand-in: `url` without a slash at its end, the keys of both modes, and the token of its control area."""

    url: str
    account: str
    key: str = field(repr=False)
    live_key: str = field(repr=False)
    token: str = field(repr=False)
    pid: int


@contextmanager
def running_standin(state: Path | None, *, errors_to: int | None = subprocess.DEVNULL) -> Iterator[StandIn]:
    """Start one on that state file (None: in memory) and end it with the block. Raises Unavailable where it does not start."""
    secrets = {
        TOKEN: os.urandom(16).hex(),
        KEY: "sk_test_standin" + os.urandom(12).hex(),
        LIVE_KEY: "sk_live_standin" + os.urandom(12).hex(),
        ACCOUNT: DEMO_ACCOUNT,
    }
    kept = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    # -P keeps modules of the current folder out.
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "ecloud_pay.demo.standin", "--state", os.fspath(state) if state else ":memory:"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors_to,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", **kept, **secrets},
        start_new_session=True,
        umask=0o077,
    )
    try:
        yield StandIn(_url(child), DEMO_ACCOUNT, secrets[KEY], secrets[LIVE_KEY], secrets[TOKEN], child.pid)
    finally:
        _end(child)


def _url(child: subprocess.Popen[bytes]) -> str:
    """What it prints once it listens."""
    assert child.stdout is not None
    give_up_at = time.monotonic() + START_LIMIT_S
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([child.stdout], [], [], max(0.0, give_up_at - time.monotonic()))
        data = os.read(child.stdout.fileno(), 256) if ready else b""
        if not data:
            raise Unavailable("the demo's stand-in for Stripe did not start", to_do="repeat it; then see that Python can be run from here")
        line += data
    return line.removeprefix(_GREETING).decode().strip()


def _end(child: subprocess.Popen[bytes]) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    with contextlib.suppress(OSError):
        child.stdin.close()
    try:
        child.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    child.stdout.close()
