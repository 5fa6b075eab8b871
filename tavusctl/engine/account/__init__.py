"""Reads of the account: all objects or those of one kind, whether they are ready, and conversations."""
