"""`python -m tavusctl`."""

from __future__ import annotations

from tavusctl.cli import main

if __name__ == "__main__":
    main()
