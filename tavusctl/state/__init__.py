"""State, journal, records of runs, and the stores for them."""
