"""git as a process: blame, and the tree of another commit."""
