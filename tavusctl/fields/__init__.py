"""What kinds declare of their fields, applied: which values are equal, which are secrets."""
