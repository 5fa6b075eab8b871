"""Programs and services beside Tavus: git and GitHub."""
