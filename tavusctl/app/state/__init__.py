"""Commands on the state itself: show it, correct it, move it."""
