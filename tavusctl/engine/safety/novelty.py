"""What an environment reads or opens for the first time.  Pure.

Whoever edits the files of a project names in them which variables of the machine are read and sent, and where files go.
What was named before, at the last apply or in the branch that a pull request is for, somebody has agreed to; what is
new is told with the plan, and is a risk of every change that makes use of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.json_tree import leaves, pattern_of
from tavusctl.core.model import Desired, Manifest
from tavusctl.core.project_settings import Environment, Known, Project
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.fields import secret_fields
from tavusctl.lib.json_types import Json, KeyPath
from tavusctl.secrets.values import SecretText

Place = tuple[Address, KeyPath, Json]  # a field, with `*` for places in lists, and what is written there
# What a key of Tavus is usually kept in; nothing is told of such a name where nobody knows what was there before.
_USUAL: Final = re.compile(r"(?!TAVUSCTL_).*TAVUS", re.IGNORECASE)


def known(project: Project, environment: Environment, manifests: Sequence[Manifest]) -> Known:
    """What the files of a project make an environment read and open."""
    used = {name for one in manifests for _, leaf in one.marks if isinstance(leaf, SecretText) for name in leaf.names}
    stores = {one.file.upload for one in manifests if one.file} | {environment.uploads}
    secrets = tuple(sorted(set(project.secrets)))
    return Known(environment.api_key_env, secrets, tuple(sorted(used)), tuple(sorted(filter(None, stores))))


def places(manifests: Sequence[Manifest], kinds: Mapping[str, ResourceKind]) -> frozenset[Place]:
    """What manifests write where secrets stand, or are named."""
    return frozenset(
        (one.address, pattern_of(path), leaf)
        for one in manifests
        for secret_places in [{spot.path for spot in secret_fields.secret_places(kinds[one.address.kind], one.spec)}]
        for path, leaf in leaves(one.spec)
        if isinstance(leaf, SecretText) or (isinstance(leaf, str) and path in secret_places)
    )


def told(before: Known | None, now: Known) -> tuple[Diagnostic, ...]:
    """What is read or opened for the first time, as a plan says it."""
    return tuple(_complaint(*one) for one in _news(before, now))


def _news(before: Known | None, now: Known) -> Iterator[tuple[str, str]]:
    if before is None:
        if not _USUAL.match(now.key):
            yield (
                f"`{now.key}` is sent to Tavus as the API key",
                "check that `api_key_env` in tavusctl.yaml names the right variable",
            )
        return
    if now.key != before.key:
        was = f"before, it was {before.key}; " if before.key else ""
        hint = f"{was}check that `api_key_env` in tavusctl.yaml names the right variable"
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


def _complaint(message: str, hint: str) -> Diagnostic:
    return Diagnostic("TV341", message, None, hint, None, Severity.WARNING)


def untried(before: Known | None, now: Known) -> frozenset[str]:
    """Variables and stores that were not used before; none where nobody knows what was."""
    return frozenset() if before is None else frozenset({*now.used, *now.uploads} - {*before.used, *before.uploads})


def marked(desired: Sequence[Desired], new: frozenset[str]) -> tuple[Desired, ...]:
    """Desired objects, with what they are the first to use."""
    return tuple(replace(one, untried=found) if (found := _uses(one) & new) else one for one in desired)


def _uses(desired: Desired) -> frozenset[str]:
    upload = {desired.file.upload} if desired.file else set()
    return frozenset({name for names in desired.reads.values() for name in names} | upload)
