"""The smallest JSON Patch (RFC 6902) between two documents; knows nothing of Tavus."""

from tavusctl.patch.applier import apply
from tavusctl.patch.differ import diff
from tavusctl.patch.equality import Pinned, same
from tavusctl.patch.pointer import MisfitError, escape, join, resolve, split

__all__ = ["MisfitError", "Pinned", "apply", "diff", "escape", "join", "resolve", "same", "split"]
