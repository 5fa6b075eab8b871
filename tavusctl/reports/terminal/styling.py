"""Colour and weight of words on a terminal: the one place below the command line that knows how."""

from __future__ import annotations

from click import style, unstyle

__all__ = ["style", "unstyle"]
