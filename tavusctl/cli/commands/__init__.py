"""One module per command: options, a call, a report."""
