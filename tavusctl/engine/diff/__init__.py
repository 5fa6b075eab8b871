"""Compare manifests, state and account: every managed object becomes a change, or is as it should be.  Pure."""

from tavusctl.engine.diff.changes import Comparison, asked, compare_all
from tavusctl.engine.diff.memory import applied, remembering
from tavusctl.engine.diff.namesakes import namesakes
from tavusctl.engine.diff.ownership import disowned, spelled

__all__ = ["Comparison", "applied", "asked", "compare_all", "disowned", "namesakes", "remembering", "spelled"]
