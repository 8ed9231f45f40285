"""`make bench`: how fast the console is beside its peers, measured in one run. Nothing here is asserted; the reader judges."""
