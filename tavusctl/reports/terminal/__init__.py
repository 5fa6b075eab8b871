"""The layout of reports on a terminal: lines that fit, colours, and fields line by line."""
