"""Write files of a project: completely or not at all, and never through a symbolic link that leads out of it."""
