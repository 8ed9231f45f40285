"""The stand-in as a process: `python -m ecloud_pay.demo.standin --state FILE`. It ends when its stdin does, so it outlives nobody."""

import os
import signal
import sys
import threading

from ecloud_pay.demo.standin.desk import Desk
from ecloud_pay.demo.standin.environment import ACCOUNT, KEY, LIVE_KEY, TOKEN
from ecloud_pay.demo.standin.keys import Key, KeyRing
from ecloud_pay.demo.standin.server import Server
from ecloud_pay.demo.standin.store import Store


def main(arguments: list[str]) -> None:
    """Serve until stdin ends. The secrets come in the environment, where no list of processes shows them."""
    # The console's Ctrl-C is the console's: it may be waiting for our answer to settle a refund.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    path = arguments[1] if arguments[:1] == ["--state"] and len(arguments) == 2 else ""
    if not path:
        sys.exit("usage: python -m ecloud_pay.demo.standin --state FILE   (FILE may be :memory:)")
    if missing := [name for name in (TOKEN, KEY, LIVE_KEY, ACCOUNT) if not os.environ.get(name)]:
        sys.exit(f"not in the environment: {', '.join(missing)}")
    keys = {os.environ[KEY]: Key(livemode=False), os.environ[LIVE_KEY]: Key(livemode=True)}
    server = Server(Desk(Store(path), KeyRing(os.environ[ACCOUNT], keys)), os.environ[TOKEN])
    threading.Thread(target=server.serve, daemon=True).start()
    sys.stdout.write(f"listening http://127.0.0.1:{server.port}\n")
    sys.stdout.flush()
    while os.read(0, 4096):
        pass
    # Nothing is to be tidied up: the database undoes what is half done, and threads may be stalled on purpose.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
