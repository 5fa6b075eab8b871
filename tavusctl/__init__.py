"""tavusctl: the assets of a Tavus account as code."""

__version__ = "0.1.0"
