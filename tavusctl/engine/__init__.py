"""The engine: stages that resolve, observe, diff, plan and apply; none imports another, `reconcile` joins them."""
