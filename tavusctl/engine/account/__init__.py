"""What the engine asks of the account: all of it or one kind, whether it is ready, and a conversation."""
