"""`spec:` against its kind: what does not fit, unknown keys, pointers into it."""
