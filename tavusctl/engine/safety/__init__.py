"""Checks that keep a plan from doing harm: the right account, protected objects, and first uses of variables."""
