"""One run of a command on one environment of a project: what it may read, its account, its store."""
