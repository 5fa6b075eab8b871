"""One run of a command on one environment of a project: its permissions, its account, its state."""
