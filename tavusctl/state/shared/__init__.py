"""State that several machines share, in a bucket or in git: a lock with a lease, and conditional writes."""
