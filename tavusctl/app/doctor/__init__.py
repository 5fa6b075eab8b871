"""Check everything that commands need, item by item, for a person whose commands fail."""
