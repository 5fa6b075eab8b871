"""What an environment reads or opens for the first time.  Pure.

Whoever edits the files of a project decides which variables of the machine are read and sent, and where files are
uploaded.  Names that were there at the last apply, or in the base branch of a pull request, count as approved.  New
names are shown with the plan, and are a risk of every change that uses them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Diagnostic, warning
from tavusctl.core.json_tree import leaves, pattern_of
from tavusctl.core.model import Desired, Manifest
from tavusctl.core.project_settings import ApprovedInputs, Environment, Project
from tavusctl.fields import secret_fields
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.lib.patterns import pattern
from tavusctl.secrets.values import SecretText

Place = tuple[Address, KeyPath, Json]  # a field, with `*` for indices of lists, and its value
# Usual names of a variable with a Tavus API key: no warning about one if the names used before are not known.
_USUAL_KEY_NAME: Final = pattern(r"(?!TAVUSCTL_).*TAVUS", re.IGNORECASE)


def used_inputs(project: Project, environment: Environment, manifests: Sequence[Manifest]) -> ApprovedInputs:
    """The variables and upload stores that the files of a project make an environment use."""
    used = {
        name
        for manifest in manifests
        for _, leaf in manifest.special_leaves
        if isinstance(leaf, SecretText)
        for name in leaf.names
    }
    stores = {manifest.file.upload for manifest in manifests if manifest.file} | {environment.uploads}
    secrets = tuple(sorted(set(project.secrets)))
    return ApprovedInputs(environment.api_key_env, secrets, tuple(sorted(used)), tuple(sorted(filter(None, stores))))


def places(manifests: Sequence[Manifest]) -> frozenset[Place]:
    """The fields of manifests that hold secrets, or name them, with their values."""
    return frozenset(
        (manifest.address, pattern_of(path), leaf)
        for manifest in manifests
        for secret_places in [
            {spot.path for spot in secret_fields.secret_places(KINDS[manifest.address.kind], manifest.spec)}
        ]
        for path, leaf in leaves(manifest.spec)
        if isinstance(leaf, SecretText) or (isinstance(leaf, str) and path in secret_places)
    )


def warnings(before: ApprovedInputs | None, now: ApprovedInputs) -> tuple[Diagnostic, ...]:
    """The warnings of a plan about what is read or opened for the first time."""
    return tuple(warning("TV341", *texts) for texts in _new_names(before, now))


def _new_names(before: ApprovedInputs | None, now: ApprovedInputs) -> Iterator[tuple[str, str]]:
    if before is None:
        if not _USUAL_KEY_NAME.match(now.key):
            yield (
                f"`{now.key}` is sent to Tavus as the API key",
                "check that `api_key_env` in tavusctl.yaml names the right variable",
            )
        return
    if now.key != before.key:
        previous = f"before, it was {before.key}; " if before.key else ""
        hint = f"{previous}check that `api_key_env` in tavusctl.yaml names the right variable"
        yield f"`{now.key}` is sent to Tavus as the API key for the first time", hint
    for name in sorted({*now.secrets} - {*before.secrets}):
        yield (
            f"`{name}` is read as a secret for the first time",
            "check that `secrets:` in tavusctl.yaml should list it",
        )
    for name in sorted({*now.used} & {*before.secrets} - {*before.used}):
        yield f"a manifest sends `{name}` for the first time", f"check that `${{secret:{name}}}` is in the right place"
    for url in sorted({*now.uploads} - {*before.uploads}):
        yield (
            f"files of documents are uploaded to {url} for the first time",
            "check that `upload:` and `uploads:` name a folder of yours",
        )


def mark_first_uses(
    desired: Sequence[Desired], before: ApprovedInputs | None, now: ApprovedInputs
) -> tuple[Desired, ...]:
    """Desired objects, each with the variables and stores that it is the first to use, if earlier uses are known."""
    new = {*now.used, *now.uploads} - {*before.used, *before.uploads} if before else set()
    return tuple(replace(item, new_inputs=names) if (names := _names_used(item) & new) else item for item in desired)


def _names_used(desired: Desired) -> frozenset[str]:
    upload = {desired.file.upload} if desired.file else set()
    return frozenset({name for names in desired.secret_names.values() for name in names} | upload)
