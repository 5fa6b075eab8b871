"""Reports where GitHub shows them: annotations, comments, summaries."""
