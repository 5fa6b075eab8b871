"""Plan the reversal of one apply, from its records.  Pure.

Every object is judged by itself: it must still be as the run left it, or nothing of it is changed.  Updates are
reversed by their recorded inverse, creates by deletes, deletes by new objects created from the trash, and
replacements by replacements.
"""

from __future__ import annotations

from tavusctl.engine.undo.context import UndoContext, UndoPlan
from tavusctl.engine.undo.restored_references import restored_references
from tavusctl.engine.undo.reverse import reverse, without_run_changes

__all__ = ["UndoContext", "UndoPlan", "restored_references", "reverse", "without_run_changes"]
