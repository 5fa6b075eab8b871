"""Compare environments of a project, and carry values over from one to another."""
