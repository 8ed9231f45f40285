"""Nothing of the environment changes what is sent, where it goes, or what is printed: each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.stripe.orders import KEY, REFUND
from adapters.stripe.raw_server import RawServer, http

NOBODY = "54321"  # a user that has no entry in the passwd file
CODE = """
import encodings.idna, os, sys
from adapters.stripe.orders import gateway, intent
opened = gateway(sys.argv[1])
if sys.argv[2:]:
    os.setuid(int(sys.argv[2]))
print(opened.account(), type(opened.send(intent())).__name__)
opened.close()
"""

FORKING = """
import os, sys
from adapters.stripe.orders import gateway
opened = gateway(sys.argv[1])
opened.account()
child = os.fork()
if child == 0:
    os._exit(opened.account() != "acct_1")
print(os.waitpid(child, 0)[1], opened.account())
opened.close()
"""


def run(server: RawServer, environment: dict[str, str], folder: Path, *user: str, code: str = CODE) -> str:
    """What a process says that reads the account and sends a refund; it must end well and in silence on stderr.

    `user` is the number of the user that it becomes before it asks anything.
    """
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": ":".join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, server.url, *user],
        env=kept | environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert sorted(path.name for path in folder.rglob("*")) == ([".netrc"] if (folder / ".netrc").exists() else [])
    return ended.stdout


def a_server() -> RawServer:
    return RawServer(http(200, {"object": "account", "id": "acct_1"}), http(200, REFUND))


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"HTTP_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"},
        {"http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1", "all_proxy": "socks5://127.0.0.1:1"},
        {"STRIPE_LOG": "debug"},
        {"STRIPE_LOG": "info"},
        {"REQUESTS_CA_BUNDLE": "/nonexistent", "CURL_CA_BUNDLE": "/nonexistent"},
        {"XDG_CONFIG_HOME": "/nonexistent/config"},
    ],
    ids=lambda environment: "+".join(environment) or "none",
)
def test_it_does_not_matter(environment: dict[str, str], tmp_path: Path) -> None:
    with a_server() as server:
        assert run(server, {"HOME": str(tmp_path)} | environment, tmp_path) == "acct_1 Accepted\n"
    assert [b"\r\nAuthorization: Bearer " + KEY.encode() + b"\r\n" in request for request in server.requests] == [True, True]


def test_netrc_does_not_replace_the_key(tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\ndefault login somebody password else\n")
    netrc.chmod(0o600)
    with a_server() as server:
        assert run(server, {"HOME": str(tmp_path), "NETRC": str(netrc)}, tmp_path) == "acct_1 Accepted\n"
    assert [b"\r\nAuthorization: Bearer " + KEY.encode() + b"\r\n" in request for request in server.requests] == [True, True]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody unknown")
def test_nobody_without_a_home_can_use_it(tmp_path: Path) -> None:
    with a_server() as server:
        assert run(server, {}, tmp_path, NOBODY) == "acct_1 Accepted\n"


def test_a_forked_child_does_not_talk_into_its_parents_connection(tmp_path: Path) -> None:
    with RawServer(http(200, {"object": "account", "id": "acct_1"}), keeps=True) as server:
        assert run(server, {"HOME": str(tmp_path)}, tmp_path, code=FORKING) == "0 acct_1\n"
    assert (len(server.requests), server.connections) == (3, 2)
