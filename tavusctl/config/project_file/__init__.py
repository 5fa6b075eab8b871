"""The project file: the sections that it may have, how it is read, and its JSON Schema for editors."""
