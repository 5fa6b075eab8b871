"""Crawling: its status, its schedule, its limits, and starting it."""
