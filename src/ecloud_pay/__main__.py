"""The program's entry: `ecloud-pay` and `python -m ecloud_pay` alike."""

import gc

# A command lives for a fraction of a second, a tenth of which would go into looking for garbage among the modules it imports.
gc.disable()

from ecloud_pay.cli import main  # noqa: E402  (imported after the line above, which is for its sake)

if __name__ == "__main__":
    main()
