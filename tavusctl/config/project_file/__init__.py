"""The project file: its sections, its parser, and its JSON Schema for editors."""
