"""The disk as the outside: files that are whole or not there at all, and what they are written in."""
