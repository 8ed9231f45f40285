"""The console as a test calls it: what was typed in, what came out."""

import json
import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from ecloud_pay.cli import run
from ecloud_pay.logs import LOGGERS
from support.backend import Backend
from support.canaries import LOOSE, Canaries


@dataclass(frozen=True)
class Result:
    """What one command did."""

    code: int
    out: str
    err: str

    def __post_init__(self) -> None:
        assert Canaries(LOOSE).heard_in(self.out + self.err) == [], "a secret was printed"

    @property
    def json(self) -> Any:
        """stdout as the one JSON document it must be."""
        return json.loads(self.out)


class Console:
    """Runs commands in this process, with pipes for streams."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str, on: Backend | None = None, **environ: str) -> Result:
        """`console("list", "--limit", "3", on=backend, ECLOUD_PAY_TZ="Asia/Tokyo")`"""
        with self.monkeypatch.context() as patch:
            if on is not None:
                patch.setenv("DATABASE_URL", on.conninfo)
            for name, value in environ.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["ecloud-pay", *arguments])
            self._capsys.readouterr()
            code = run(arguments)
            printed = self._capsys.readouterr()
        # One process runs one command in real life; here the next one must not log to this one's stderr.
        for name in LOGGERS:
            logging.getLogger(name).handlers.clear()
            logging.getLogger(name).setLevel(logging.NOTSET)
        return Result(code, printed.out, printed.err)


def process(*arguments: str, environ: dict[str, str], timeout_s: float = 60, **options: Any) -> Result:
    """The console as a process of its own, with nothing in its environment but `environ`."""
    done = subprocess.run(
        [sys.executable, "-m", "ecloud_pay", *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout_s,
        check=False,
        **options,
    )
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())
