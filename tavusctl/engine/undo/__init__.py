"""Plan to reverse one apply, from the records that were kept of it.  Pure.

Every object is judged by itself: what the run left must still be there, or nothing of that object is touched.
Updates are reversed by their recorded inverse, creates by deletes, deletes by new objects made from what was kept, and
replacements by replacements.
"""

from __future__ import annotations

from tavusctl.engine.undo.context import UndoContext, UndoPlan
from tavusctl.engine.undo.reverse import restored, reverse

__all__ = ["UndoContext", "UndoPlan", "restored", "reverse"]
