"""A command as a step of a GitHub workflow."""
