"""ecloud-pay: the payments console of a cleaning marketplace."""

__version__ = "0.1.0"
