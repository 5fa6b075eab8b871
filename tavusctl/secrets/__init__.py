"""Secret values, their detection, and their redaction from everything that people read."""
