"""State in a git repository: refs of its own, one commit per write, pushed on the condition that nobody was first."""
