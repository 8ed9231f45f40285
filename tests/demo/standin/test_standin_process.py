"""The process: how it starts, what it survives and when it ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ecloud_pay.demo.standin.process import DEMO_ACCOUNT, running_standin
from ecloud_pay.domain.errors import Unavailable
from support.standin import Api, Stripe, running_stripe

ENVIRONMENT = {
    "ECLOUD_PAY_STANDIN_TOKEN": "t",
    "ECLOUD_PAY_STANDIN_KEY": "sk_test_k",
    "ECLOUD_PAY_STANDIN_LIVE_KEY": "sk_live_k",
    "ECLOUD_PAY_STANDIN_ACCOUNT": "acct_1",
}


def by_hand(*arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    """The program as the operating system starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "ecloud_pay.demo.standin", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    )


def test_it_prints_where_it_listens_and_ends_with_its_stdin() -> None:
    with by_hand("--state", ":memory:", **ENVIRONMENT) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        line = child.stdout.readline().decode()
        host, _, port = line.removeprefix("listening http://").strip().partition(":")
        with socket.create_connection((host, int(port)), timeout=5):
            child.stdin.close()
            assert child.wait(5) == 0
        assert (host, child.stdout.read()) == ("127.0.0.1", b"")


def test_it_does_not_start_without_its_secrets_or_a_state() -> None:
    for arguments, environment, word in ((("--state", ":memory:"), {}, b"ECLOUD_PAY_STANDIN_TOKEN"), ((), ENVIRONMENT, b"usage:")):
        with by_hand(*arguments, **environment) as child:
            said = child.communicate(timeout=10)[1]
        assert (child.returncode, word in said) == (1, True)


def test_sigint_does_not_end_it() -> None:
    with running_stripe() as stripe:
        os.kill(stripe.pid, signal.SIGINT)
        time.sleep(0.05)
        with Api(stripe) as api:
            assert api.get("/v1/account").status == 200


def test_it_is_gone_after_the_block_even_while_requests_stall() -> None:
    with running_stripe() as stripe:
        stripe.faults("stall_before", match="GET /v1/account", seconds=60)
        with Api(stripe, timeout_s=0.05) as api, pytest.raises(TimeoutError):
            api.get("/v1/account")
        started = time.monotonic()
    assert time.monotonic() - started < 1.5
    with pytest.raises(ProcessLookupError):
        os.kill(stripe.pid, 0)


def test_a_killed_parent_leaves_nothing_behind(tmp_path: Path) -> None:
    script = (
        "import time\n"
        "from ecloud_pay.demo.standin.process import running_standin\n"
        "with running_standin(None) as running:\n"
        "    print(running.pid, running.url, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=tmp_path) as parent:
        assert parent.stdout is not None
        _, url = parent.stdout.readline().split()
        host, _, port = url.decode().removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=5) as line:
            parent.kill()
            parent.wait(5)
            assert line.recv(1) == b""  # the kernel closes what the process had open


def test_its_secrets_are_not_on_its_command_line() -> None:
    with running_standin(None) as running:
        shown = subprocess.run(["ps", "-o", "args=", "-p", str(running.pid)], capture_output=True, text=True, check=True).stdout
        assert "ecloud_pay.demo.standin --state :memory:" in shown
        assert [secret for secret in (running.key, running.live_key, running.token) if secret in shown] == []
        assert (running.account, running.key[:8], running.live_key[:8]) == (DEMO_ACCOUNT, "sk_test_", "sk_live_")


def test_every_start_has_keys_of_its_own() -> None:
    with running_standin(None) as one, running_standin(None) as other:
        assert len({one.key, other.key, one.live_key, other.live_key, one.token, other.token}) == 6


def test_a_module_of_the_current_folder_is_not_what_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "socket.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(tmp_path)
    with running_stripe() as stripe:
        assert stripe.now() > 0


def test_a_state_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="did not start"), running_standin(tmp_path / "nowhere" / "stripe.sqlite"):
        pass


def test_the_state_outlives_the_process_and_is_the_owners_alone(tmp_path: Path) -> None:
    state = tmp_path / "stripe.sqlite"
    with running_stripe(state) as stripe, Api(stripe) as api:
        stripe.put_payment("pi_1", 100_00)
        made = api.refund("k", payment_intent="pi_1", amount=1)
    with running_stripe(state) as stripe, Api(stripe) as api:
        again = api.refund("k", payment_intent="pi_1", amount=1)
        assert (again.raw, again.headers["idempotent-replayed"]) == (made.raw, "true")
    assert state.stat().st_mode & 0o777 == 0o600


def test_a_killed_standin_leaves_the_whole_refund_or_none(tmp_path: Path) -> None:
    state = tmp_path / "stripe.sqlite"
    with running_stripe(state) as stripe:
        stripe.put_payment("pi_1", 100_00)
        stripe.faults("stall_after", seconds=60)
        with Api(stripe, timeout_s=0.1) as api, pytest.raises(TimeoutError):
            api.refund("k", payment_intent="pi_1", amount=1)
        os.kill(stripe.pid, signal.SIGKILL)
    with running_stripe(state) as stripe, Api(stripe) as api:
        assert api.refund("k", payment_intent="pi_1", amount=1).headers["idempotent-replayed"] == "true"
        assert len(stripe.refunds("pi_1")) == 1


def test_a_forked_child_uses_a_connection_of_its_own(stripe: Stripe) -> None:
    stripe.put_payment("pi_1", 100_00)
    pid = os.fork()
    if pid == 0:
        stripe.dashboard_refund("pi_1", 1)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert [refund["amount"] for refund in stripe.refunds("pi_1")] == [1]
