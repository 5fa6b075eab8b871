"""State in a bucket; every write is conditional, so that it fails if another run has written first."""
