"""Programs and services other than Tavus: git and GitHub."""
