"""Colour and weight of words on a terminal; no other module below the command line styles text."""

from __future__ import annotations

from click import style, unstyle

__all__ = ["style", "unstyle"]
