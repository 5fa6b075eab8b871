"""Live edits spliced into YAML, every untouched byte kept."""
