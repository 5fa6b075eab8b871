"""The files of a project that a command writes: whole or not at all, and never through a link that leads out of it."""
