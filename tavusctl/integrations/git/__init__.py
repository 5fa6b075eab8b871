"""git as a child process: blame, and the files of another commit."""
