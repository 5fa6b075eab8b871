"""One module for each command: its options, one call of the application, and a report."""
