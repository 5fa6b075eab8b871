"""State in a git repository: its own refs, one commit per write, pushed only if no other run has moved them."""
