"""The manifests of a session, with all their diagnostics at once."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from tavusctl import lint
from tavusctl.app.session.applied import Applied
from tavusctl.app.session.local import LocalSession
from tavusctl.config import files, loading
from tavusctl.config.cache.disk_answers import Disk
from tavusctl.config.cache.manifest_cache import ManifestCache
from tavusctl.config.limits import LIMITS, LIMITS_OF_PART
from tavusctl.config.reading import may_declare
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Diagnostic, Severity, errors_in, place
from tavusctl.core.errors import ConfigError, RefusedError
from tavusctl.core.messages import shown, suggestion
from tavusctl.core.model import Manifest
from tavusctl.core.project_settings import FILE, Output
from tavusctl.engine import resolve
from tavusctl.kinds import KINDS
from tavusctl.lint import suppressions
from tavusctl.secrets.values import Values

# Lint errors about values that an account may already have: they stop a plan only if it would write the value.
LENIENT: Final = lint.IDS - lint.BLOCKING_IDS
# Diagnostics about manifests that may only result from an error in a part of the project file.
_RESULTING: Final[Mapping[str, str]] = {"environments": "TV111", "vars": "TV111", "secrets": "TV112"}
_NOT_APPLIED: Final = Applied()
WITHOUT: Final = "E420"  # the error if there is no manifest
_UNREAD: Final = "TV134"


def check(
    session: LocalSession,
    paths: Sequence[Path] = (),
    applied: Applied = _NOT_APPLIED,
    *,
    advice: bool = True,
    secrets: Values | None = None,
    needs_values: bool = True,
    needs_manifests: bool = True,
    others: Sequence[Manifest] = (),
) -> tuple[tuple[Manifest, ...], tuple[Diagnostic, ...]]:
    """The valid manifests and all diagnostics; RefusedError if manifests are needed and there are none.

    With `paths`, only these files are read, and references are not checked, unless `others` has the manifests of all
    other files; of these, only addresses, names and ids count.

    `applied` is for lint rules that compare with the last apply.  Without `advice`, lint warnings are left out.  With
    `secrets`, invalid ones are diagnosed, and with `needs_values` also those without a value.
    """
    is_cached = session.cache and (others or not paths)
    manifest_cache = session.cache.load_manifests(is_part=bool(others)) if session.cache and is_cached else None
    limits = LIMITS_OF_PART if others else LIMITS
    loaded = loading.read(session.project, session.environment, KINDS, paths, limits, cache=manifest_cache)
    errors = errors_in((*session.project_diagnostics, *loaded.diagnostics))
    if needs_manifests and not (loaded.files or paths or errors):
        raise without_manifests(session, [one for one in loaded.diagnostics if one.id == _UNREAD])
    all_manifests = (*loaded.manifests, *loaded.invalid_manifests)
    # References may lead anywhere in the project, so they cannot be checked if only some files are read.
    declared = loaded.declared | _hidden(all_manifests, loaded) | {other.address for other in others}
    links = (
        resolve.diagnostics(all_manifests, secrets=secrets, declared=declared, needs_values=needs_values)
        if others or not paths
        else ()
    )
    diagnostics = [*loaded.diagnostics, *links]
    remarks = [*_remarks(session, loaded, diagnostics, applied, manifest_cache, others, advice=advice)]
    if manifest_cache:
        manifest_cache.save()
    unread = session.env_file_warnings if advice and not paths else ()
    return loaded.manifests, _with_project(session, [*suppressions.unsuppressible(diagnostics), *remarks, *unread])


def _remarks(
    session: LocalSession,
    loaded: loading.LoadResult,
    diagnostics: Sequence[Diagnostic],
    applied: Applied,
    manifest_cache: ManifestCache | None,
    others: Sequence[Manifest],
    *,
    advice: bool,
) -> Iterator[Diagnostic]:
    """The lint diagnostics, without those that a comment suppresses or that only result from an error."""
    manifests = (*loaded.manifests, *loaded.invalid_manifests)
    lint_project = lint.Project(
        tuple(sorted((*manifests, *others), key=lambda one: one.address)) if others else manifests,
        applied,
        loaded.origins,
        session.environment.crawl_limit,
        variables=frozenset(session.environment.vars),
        secrets=frozenset(session.project.secrets),
        kinds=KINDS,
    )
    unchecked = {other.address for other in others}
    lint_remarks = _lint_remarks(session, lint_project, applied.version, manifest_cache, unchecked, advice=advice)
    error_sources = {one.source for one in errors_in(diagnostics)}
    remarks = [
        *suppressions.suppressible(diagnostics),
        *(one for one in lint_remarks if one.suppression_source not in error_sources),
    ]
    return suppressions.without_suppressed(
        remarks, {path: suppressions.in_text(text) for path, text in loaded.suppression_texts.items()}
    )


def _lint_remarks(
    session: LocalSession,
    lint_project: lint.Project,
    applied: str,
    manifest_cache: ManifestCache | None,
    unchecked: AbstractSet[Address],
    *,
    advice: bool,
) -> Sequence[lint.Remark]:
    """The remarks of all lint rules; the rules are skipped if the cache knows that they have no remark."""
    disk, rule_set = Disk(session.project), "all" if advice else "errors"
    if manifest_cache and manifest_cache.is_known_clean(rule_set, applied, disk):
        return ()
    lint_project = replace(lint_project, file_named=disk.file_named, similar_file=disk.similar_file)
    remarks = [*lint.check(lint_project, KINDS, advice=advice, unchecked=unchecked)]
    if manifest_cache:
        manifest_cache.record_run(rule_set, applied, disk, is_clean=not remarks)
    return remarks


def load(
    session: LocalSession,
    secrets: Values | None = None,
    *,
    needs_values: bool = False,
    needs_manifests: bool = True,
    paths: Sequence[Path] = (),
    others: Sequence[Manifest] = (),
) -> tuple[tuple[Manifest, ...], tuple[Diagnostic, ...]]:
    """All manifests, and the warnings about them; ConfigError with every error.  `paths` and `others` as for `check`.

    With `needs_values`, a secret without a value is listed among other errors; if there is no other error, the plan
    decides whether it needs the value.

    A lenient lint error is returned as a diagnostic, because only the plan shows whether the value would be written.
    Lint warnings are left to `validate`.
    """
    manifests, unfiltered = check(
        session,
        paths,
        advice=False,
        secrets=secrets,
        needs_values=False,
        needs_manifests=needs_manifests,
        others=others,
    )
    diagnostics = tuple(one for one in unfiltered if not _is_advice(one))
    if any(one.id not in LENIENT for one in errors_in(diagnostics)):
        all_diagnostics = check(session, advice=False, secrets=secrets)[1] if needs_values else unfiltered
        raise ConfigError([one for one in all_diagnostics if not _is_advice(one)])
    return manifests, diagnostics


def without_manifests(session: LocalSession, unread: Sequence[Diagnostic] = ()) -> RefusedError:
    """The error for a project, or a folder without one, in which there is no manifest.

    `unread` are warnings about files that look like manifests.
    """
    message = f"no manifest found in {_relative(session.project.manifests)}"
    folder = files.similar_path(Path(session.project.manifests), session.root, os.path.isdir)
    hint = (
        "write one there, export those of the account with `tavusctl export`, or set `manifests:` in tavusctl.yaml "
        "to the folder that holds them"
    )
    if not (session.root / FILE).is_file():
        message = f"there is no {FILE} here or above, and {message}"
        hint = "run `tavusctl init`, or change to the folder of the project with `-C`"
    for one in unread[:1]:
        path = one.source.path if one.source else ""
        hint = f"{shown(path)} looks like a manifest, but is not read: {one.hint}"
    return RefusedError(
        message, f"found the folder `{folder}`: set `manifests: {folder}`" if folder else hint, id=WITHOUT
    )


def _with_project(session: LocalSession, diagnostics: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Diagnostics including those about the project file, without those that may only result from the latter."""
    resulting = {_RESULTING.get(part, "") for part in session.project.doubtful}
    diagnostics = [one for one in diagnostics if one.id not in resulting]
    return tuple(sorted([*session.project_diagnostics, *diagnostics], key=place))


def _hidden(manifests: Sequence[Manifest], loaded: loading.LoadResult) -> frozenset[Address]:
    """Addresses that are referred to, and that a file which cannot be parsed completely may declare."""
    targets = {leaf for one in manifests for _, leaf in one.special_leaves if isinstance(leaf, Address)}
    return frozenset(
        target for target in targets - loaded.declared if may_declare(loaded.unreadable_texts, target.name)
    )


def _is_advice(diagnostic: Diagnostic) -> bool:
    return diagnostic.id in lint.IDS and diagnostic.severity is Severity.WARNING


def _relative(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path


def unknown_outputs(
    outputs: Mapping[str, Output], known: Collection[str], manifests: Sequence[Manifest]
) -> list[Diagnostic]:
    """A diagnostic for each unknown address in outputs; for a renamed resource, the hint has the new address."""
    moved = {str(old): one.address for one in manifests for old in one.moved_from}
    return [
        Diagnostic(
            "TV119",
            f"outputs.{name}: unknown resource `{address}`",
            Source(FILE, *place),
            f"write `{moved[address]}`, its new address" if address in moved else suggestion(address, known),
        )
        for name, output in outputs.items()
        for address, place in zip(output.addresses, output.places, strict=True)
        if address not in known
    ]
