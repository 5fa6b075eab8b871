"""Compare manifests, state and account: every managed object becomes a change, or is as it should be.  Pure."""

from tavusctl.engine.diff.changes import Comparison, applied, asked, compare_all, remembering
from tavusctl.engine.diff.namesakes import namesakes
from tavusctl.engine.diff.ownership import disowned

__all__ = ["Comparison", "applied", "asked", "compare_all", "disowned", "namesakes", "remembering"]
