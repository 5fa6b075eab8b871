"""What an emulated world keeps: objects, a clock, and what has happened."""
