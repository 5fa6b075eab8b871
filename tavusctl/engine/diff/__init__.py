"""Compare manifests, state and account: every managed object becomes a change, or is up to date.  Pure."""

from tavusctl.engine.diff.applied_base import applied, with_applied
from tavusctl.engine.diff.changes import Comparison, asked, compare_all
from tavusctl.engine.diff.duplicate_names import namesakes
from tavusctl.engine.diff.ownership import spelled, without_externals
from tavusctl.engine.diff.replacement import finishing, without_given_up

__all__ = [
    "Comparison",
    "applied",
    "asked",
    "compare_all",
    "finishing",
    "namesakes",
    "spelled",
    "with_applied",
    "without_externals",
    "without_given_up",
]
