"""Compare one object three ways: last applied, desired, live.  Pure."""
