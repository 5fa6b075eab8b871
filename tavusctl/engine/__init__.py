"""The engine: load, resolve, observe, diff, plan, apply; one file per stage, joined by `reconcile` alone."""
