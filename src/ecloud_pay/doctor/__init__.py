"""The checks behind `doctor`: each asks one question, none stops the others, and every failure says the line that mends it."""
