"""Carry out a plan: run its steps in the order of their dependencies, and record every id before the next call.

This stage knows the plan only, and no manifests.  Every step ends with one of five outcomes; a step that fails stops
only the steps that depend on it.  Deletes start when all other steps have succeeded.
"""

from __future__ import annotations

from tavusctl.engine.apply.context import ApplyContext, Dependencies, DraftConsent, SaveBody, Stop, UploadFile
from tavusctl.engine.apply.walk import run

__all__ = ["ApplyContext", "Dependencies", "DraftConsent", "SaveBody", "Stop", "UploadFile", "run"]
