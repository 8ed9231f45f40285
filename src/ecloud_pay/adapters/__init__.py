"""The outside world, one package each; only `wiring` imports from here."""
