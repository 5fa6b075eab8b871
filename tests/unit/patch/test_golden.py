"""Patches between documents of many shapes: as they were, and right; `make golden` writes them anew."""

from __future__ import annotations

import json

import pytest

from tavusctl.patch import apply, same
from tests.golden.patches import FAMILIES, KEPT, cases, written


@pytest.mark.parametrize("family", FAMILIES)
def test_patches_look_as_they_did(family: str) -> None:
    kept = dict(json.loads(line) for line in KEPT.read_text("utf-8").splitlines())
    for title, (before, after, untouched), patch in cases(family):
        assert written(patch) == kept[title], title
        if patch is not None:
            assert same(apply(before, patch), after), title
            assert same(before, untouched), title
