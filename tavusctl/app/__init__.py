"""Use cases without click and without printing."""
