"""Short transactions that write: repeated where the server or the line gave way, honest where a COMMIT got no answer.

A COMMIT whose answer was lost may have happened. Every `work` given here is harmless to repeat: it locks the payment first, which waits
for a session that is still committing, and then looks at what is there. So doing it again is also how we find out.
"""

import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
import sqlalchemy.exc

from ecloud_pay.adapters.postgres.engine import Database, Snapshot
from ecloud_pay.adapters.postgres.failures import of_write, original
from ecloud_pay.domain.errors import EcloudPayError, NotConfigured, OutcomeUnknown, Unavailable

PAUSES_S = (0.1, 0.3, 1.0, 3.0)  # between the tries, so there is one more of these
# https://www.postgresql.org/docs/current/errcodes-appendix.html: serialization failure, deadlock
_REPEATABLE = frozenset({"40001", "40P01"})
_LOCKED = "55P03"

_T = TypeVar("_T")


class Writer:
    """Runs `work` in transactions of `database`; `pause` lets seconds pass between tries."""

    def __init__(self, database: Database, pause: Callable[[float], None] = time.sleep) -> None:
        self._database = database
        self._pause = pause

    def run(self, work: Callable[[Snapshot], _T]) -> _T:
        """What `work` returns, committed. Raises what `work` raises, NotConfigured, Busy, Unavailable where nothing was committed, or
        OutcomeUnknown where that cannot be found out."""
        may_be_committed = False
        for pause_s in (*PAUSES_S, None):
            try:
                is_committing = False
                with self._database.transaction() as transaction:
                    result = work(transaction)
                    is_committing = True
                    transaction.connection.commit()
                return result
            except (Unavailable, NotConfigured) as error:  # no connection to be had
                failure: EcloudPayError = error
                if isinstance(error, NotConfigured):
                    break
            except (sqlalchemy.exc.DBAPIError, psycopg.Error) as error:
                foreign = original(error)
                if foreign is None:
                    raise
                may_be_committed |= is_committing and _is_cut(foreign)
                failure = of_write(foreign)
                failure.__cause__ = error
                is_worth_a_try = _is_cut(foreign) or foreign.sqlstate in _REPEATABLE or (may_be_committed and foreign.sqlstate == _LOCKED)
                if not is_worth_a_try:
                    break
            if pause_s is not None:
                self._pause(pause_s)
        if may_be_committed:
            raise OutcomeUnknown(
                "the database broke off while it was writing down what happened, and has not answered since",
                now="It may or may not have been written.",
                to_do="When the database is back: ecloud-pay refund --resume",
            ) from failure
        raise failure


def _is_cut(error: psycopg.Error) -> bool:
    """Whether the connection is gone: libpq's own errors have no SQLSTATE; class 08 and 57P are a line or a server that ends."""
    state = error.sqlstate
    return (state is None and isinstance(error, psycopg.OperationalError)) or (state or "").startswith(("08", "57P"))
