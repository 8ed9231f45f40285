"""THE VERBS that move money or change a row: what is in here, and nothing else, can."""
