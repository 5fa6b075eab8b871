"""The state itself, as people look at it and put it right."""
