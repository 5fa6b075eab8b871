"""Reports of plans, outcomes, drift and diagnostics, for people and for programs."""
