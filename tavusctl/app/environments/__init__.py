"""Environments of a project beside one another: how they differ, and what one carries over to another."""
