"""What people and programs read of plans, outcomes, drift and diagnostics."""
