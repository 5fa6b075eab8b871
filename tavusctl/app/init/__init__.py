"""A project is begun: its files, its workflows, or what an account has already."""
