"""A state that several machines share: a lock with a lease, and writes on conditions; bucket or git hold it."""
