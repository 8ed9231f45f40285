"""ecloud-pay: the payments console of a cleaning marketplace."""

__version__ = "0.3.0"

PROGRAM = "ecloud-pay"
COMPLETION_VARIABLE = "_ECLOUD_PAY_COMPLETE"  # what a shell sets when it asks for completions, as Typer derives it
