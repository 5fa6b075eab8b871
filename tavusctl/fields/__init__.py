"""Apply what kinds declare about their fields: which values are equal, and which are secrets."""
