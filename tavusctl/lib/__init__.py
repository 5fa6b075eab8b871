"""What knows nothing of Tavus: each module could be a package of its own."""
