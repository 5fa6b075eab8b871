"""The objects of an account: list them, check that they are ready, and begin a conversation with one."""
