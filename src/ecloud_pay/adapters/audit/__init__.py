"""The audit trail: a file in which every event is one line that carries the hash of the line before."""
