"""Personas: their fields and layers, and their drafts."""
