"""Differences of long values, for reading."""
