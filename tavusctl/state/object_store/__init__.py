"""State in a bucket: every write on a condition that another run would break."""
