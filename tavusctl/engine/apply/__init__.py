"""Carry out a plan: walk its steps, respect what they wait for, and record every id before anything else happens.

The plan is all this stage knows; there are no manifests to look at.  Every step ends in one of five outcomes, and one
that fails takes only its dependants with it.  Deletes start when everything else has succeeded.
"""

from __future__ import annotations

from tavusctl.engine.apply.context import ApplyContext, Dependencies, DraftConsent, Keep, Link, Stop
from tavusctl.engine.apply.walk import run

__all__ = ["ApplyContext", "Dependencies", "DraftConsent", "Keep", "Link", "Stop", "run"]
