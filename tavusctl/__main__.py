"""`python -m tavusctl`."""

from __future__ import annotations

import os
import sys

# Python looks for modules in the folder that we stand in first, and that may be anybody's checkout.  Before anything
# else is imported; what runs before this line is Python's own: `python -I -m tavusctl` keeps all of it apart.
sys.path[:] = [one for one in sys.path if os.path.isabs(one) and one != os.getcwd()]  # noqa: PTH109, PTH117 - pathlib would be imported

from tavusctl.cli import main  # noqa: E402 - the path first

if __name__ == "__main__":
    main()
