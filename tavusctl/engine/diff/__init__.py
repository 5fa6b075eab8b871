"""Compare manifests, state and account: every managed object becomes a change, or is up to date.  Pure."""

from tavusctl.engine.diff.applied_base import applied, with_applied
from tavusctl.engine.diff.changes import Comparison, compare_all, on_request
from tavusctl.engine.diff.ownership import referrers_by_id, without_externals
from tavusctl.engine.diff.replacement import finish_changes, without_given_up

__all__ = [
    "Comparison",
    "applied",
    "compare_all",
    "finish_changes",
    "on_request",
    "referrers_by_id",
    "with_applied",
    "without_externals",
    "without_given_up",
]
