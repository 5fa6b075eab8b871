"""Modules that are independent of Tavus: each could be a package of its own."""
