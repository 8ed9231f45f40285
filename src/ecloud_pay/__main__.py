"""The program's entry: `ecloud-pay` and `python -m ecloud_pay` alike."""

import gc
import signal

# A command lives for a fraction of a second, a tenth of which would go into looking for garbage among the modules it imports.
gc.disable()
# Until main() installs handlers of its own, Ctrl-C simply ends us: there is nothing to tidy up, and nobody wants to read a traceback.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from ecloud_pay.cli import main  # noqa: E402  (imported after the lines above, which are for its sake)

if __name__ == "__main__":
    main()
