"""A console in a process of its own, for tests that share the server or kill its user. Usage: server_console.py STATE_DIR [hang].

Writes "preparing" and "inside CONNINFO"; stays inside until its stdin ends. With `hang` it stays in prepare instead.
"""

import signal
import sys
from pathlib import Path

from ecloud_pay.demo.server import running, server_folder


def prepare(_: str) -> None:
    print("preparing", flush=True)
    if "hang" in sys.argv:
        signal.pause()


with running(server_folder(Path(sys.argv[1])), prepare, lambda note: print("note", note, flush=True)) as conninfo:
    print("inside", conninfo, flush=True)
    sys.stdin.read()
