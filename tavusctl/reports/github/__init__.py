"""Reports for GitHub: annotations, comments, summaries."""
