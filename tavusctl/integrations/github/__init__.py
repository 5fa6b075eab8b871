"""GitHub: its REST API, the environment of a workflow step, pull requests."""
