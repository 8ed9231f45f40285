"""`python -m ecloud_pay` is the same program as the `ecloud-pay` script."""

from ecloud_pay.cli import main

if __name__ == "__main__":
    main()
