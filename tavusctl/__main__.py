"""The console script, and `python -m tavusctl`."""

from __future__ import annotations

import gc
import os
import sys

if __name__ == "__main__":
    # Python looks for modules in the folder that we stand in first, and that may be anybody's checkout.  This is before
    # anything else is imported; what runs earlier is Python's own: `python -I -m tavusctl` keeps all of it apart.
    sys.path[:] = [one for one in sys.path if os.path.isabs(one) and one != os.getcwd()]  # noqa: PTH109, PTH117 - pathlib would be imported

# Thresholds of the garbage collector.  Documents are trees, which reference counting frees: a run on ten thousand
# manifests leaves a few hundred objects in cycles, and each search for them would go through all that it holds.
_GC_THRESHOLDS = (1_000_000, 10, 10)


def main() -> None:
    """Run a command and exit with its code; Ctrl-C while modules are imported ends the process without a traceback."""
    gc.set_threshold(*_GC_THRESHOLDS)
    try:
        from tavusctl import cli  # noqa: PLC0415 - Ctrl-C may come here

        cli.main()
    except KeyboardInterrupt:
        os._exit(130)


if __name__ == "__main__":
    main()
