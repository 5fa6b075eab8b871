"""Pydantic models of manifests and of the project file: their fields, rules and JSON Schemas."""

from __future__ import annotations

import sys
from types import ModuleType

# Pydantic looks through all installed packages for plugins of its validators, which takes longer than to build these.
# None is wanted: a plugin would see all values of manifests.
_NO_PLUGINS = ModuleType("pydantic.plugin._loader")
vars(_NO_PLUGINS)["get_plugins"] = tuple
sys.modules.setdefault(_NO_PLUGINS.__name__, _NO_PLUGINS)
