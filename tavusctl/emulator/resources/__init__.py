"""The kinds of objects and the calls that each of them has."""
