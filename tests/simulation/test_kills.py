"""A hundred exports that are killed at random moments: under the final name there is the old file or the whole new one, never a part."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from support.backend import Backend
from support.console import process

KILLS = 100
ROWS = """
INSERT INTO payments_payment
    (id, amount, platform_fee, cleaner_payout, currency, stripe_payment_intent_id, status, refund_amount, created_at)
SELECT n, 10, 1.50, 8.50, 'usd', 'pi_' || n, 'succeeded', 0, timestamp '2025-01-01' + n * interval '1 minute'
FROM generate_series(1000, 200999) AS n; ANALYZE payments_payment
"""


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_no_moment_to_be_killed_leaves_a_partial_file(own_backend: Backend, tmp_path: Path, signum: int) -> None:
    own_backend.run(ROWS)
    environ = {"DATABASE_URL": own_backend.conninfo}
    command = ("export", "-o", "payments.csv", "--force", "--jobs", "2", "--manifest")
    started = time.monotonic()
    assert process(*command, environ=environ, cwd=tmp_path).code == 0
    takes_s = time.monotonic() - started
    whole = (tmp_path / "payments.csv").read_bytes()
    moments = random.Random(20250127)
    outcomes: Counter[str] = Counter()
    for number in range(KILLS):
        (tmp_path / "payments.csv").write_bytes(b"old")
        with subprocess.Popen(
            [sys.executable, "-m", "ecloud_pay", *command],
            env={"PATH": os.environ["PATH"], **environ},
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
        ) as running:
            time.sleep(moments.uniform(0, takes_s * 1.1))
            running.send_signal(signum)
        found = (tmp_path / "payments.csv").read_bytes()
        assert found in (b"old", whole), f"kill {number} left {len(found)} bytes of {len(whole)}"
        left = [name for name in os.listdir(tmp_path) if name.endswith(".part")]
        outcomes["new" if found == whole else "old"] += 1
        outcomes["with parts left" if left else "without parts left"] += 1
        assert signum == signal.SIGKILL or not left, f"signal {number} left {left}"
    assert process(*command, environ=environ, cwd=tmp_path).code == 0
    assert sorted(os.listdir(tmp_path)) == ["payments.csv", "payments.csv.manifest.json"]
    assert process("export", "--verify", "payments.csv", environ={}, cwd=tmp_path).code == 0
    # A kill that never met the export at work would prove nothing.
    assert outcomes["old"] > KILLS // 3, outcomes
    print(f"\n{signal.Signals(signum).name}: {dict(outcomes)}")  # noqa: T201  (the proof is read by a person)
