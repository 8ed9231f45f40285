"""A console in a process of its own, for tests that share the server or kill its user. Usage: server_console.py STATE_DIR [hang].

Writes "preparing" and "inside CONNINFO"; stays inside until its stdin ends. With `hang` it stays in prepare instead.
"""

import signal
import sys
from pathlib import Path

from ecloud_pay.demo.server import running, server_folder


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def prepare(_: str) -> None:
    say("preparing")
    if "hang" in sys.argv:
        signal.pause()


with running(server_folder(Path(sys.argv[1])), prepare, say) as conninfo:
    say(f"inside {conninfo}")
    sys.stdin.read()
