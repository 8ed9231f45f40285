"""Many refunds from a file."""

from ecloud_pay.commands.refund_options import Typed
from ecloud_pay.wiring import Wiring


def run_batch(wiring: Wiring, typed: Typed) -> None:
    raise NotImplementedError
