"""The manifests of a session: read, checked, and complained about all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from tavusctl import lint
from tavusctl.app.session.applied import Applied
from tavusctl.app.session.local import LocalSession
from tavusctl.config import files, loading
from tavusctl.config.cache.disk_answers import Disk
from tavusctl.config.cache.manifest_cache import ManifestCache
from tavusctl.config.reading import may_declare
from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Diagnostic, Severity, place
from tavusctl.core.errors import ConfigError, RefusedError
from tavusctl.core.model import Manifest
from tavusctl.core.project_settings import FILE
from tavusctl.engine import resolve
from tavusctl.kinds import KINDS
from tavusctl.lint import suppressions
from tavusctl.secrets.values import Values

# What rules call an error, and an account may hold: it stops a plan only where that would write it.
LENIENT: Final = lint.IDS - lint.STOPPING
# Complaints about manifests that may only follow from what is wrong with a part of the project file.
_FOLLOWING: Final[Mapping[str, str]] = {"environments": "TV111", "vars": "TV111", "secrets": "TV112"}
_NOTHING: Final = Applied()
WITHOUT: Final = "E420"  # there is no manifest


def check(
    session: LocalSession,
    paths: Sequence[Path] = (),
    applied: Applied = _NOTHING,
    *,
    advice: bool = True,
    secrets: Values | None = None,
    needs_values: bool = True,
    needs_manifests: bool = True,
) -> tuple[tuple[Manifest, ...], tuple[Diagnostic, ...]]:
    """The manifests that are right and all that is wrong; RefusedError when some are needed and there are none.

    Rules that look back see what was applied last.  Without advice, nothing is said of what is merely unwise; with
    `secrets`, those that cannot be one are complained about, and those without a value where values are needed.
    """
    kept = session.cache.opened() if session.cache and not paths else None
    loaded = loading.read(session.project, session.environment, KINDS, paths, cache=kept)
    wrong_files = any(one.severity is Severity.ERROR for one in (*session.found, *loaded.diagnostics))
    if needs_manifests and not (loaded.files or paths or wrong_files):
        raise _without_manifests(session)
    every = (*loaded.manifests, *loaded.drafts)
    # References lead anywhere in the project: a part of it cannot be checked for them.
    declared = loaded.declared | _hidden(every, loaded)
    links = (
        resolve.diagnostics(every, KINDS, secrets=secrets, declared=declared, needs_values=needs_values)
        if not paths
        else ()
    )
    diagnostics = [*loaded.diagnostics, *links]
    remarks = [*_remarks(session, loaded, diagnostics, applied, kept, advice=advice)]
    if kept:
        kept.save()
    unread = session.unread if advice and not paths else ()
    return loaded.manifests, _with_project(session, [*suppressions.beyond(diagnostics), *remarks, *unread])


def _remarks(
    session: LocalSession,
    loaded: loading.LoadResult,
    diagnostics: Sequence[Diagnostic],
    applied: Applied,
    kept: ManifestCache | None,
    *,
    advice: bool,
) -> Iterator[Diagnostic]:
    """What rules say of manifests, less what comments suppress and what only follows from errors."""
    looked_at = lint.Project(
        (*loaded.manifests, *loaded.drafts),
        applied,
        loaded.origins,
        session.environment.crawl_limit,
        variables=frozenset(session.environment.vars),
        secrets=frozenset(session.project.secrets),
        kinds=KINDS,
    )
    found = _found(session, looked_at, applied.version, kept, advice=advice)
    wrong = {one.source for one in diagnostics if one.severity is Severity.ERROR}
    remarks = [*suppressions.as_remarks(diagnostics), *(one for one in found if one.written not in wrong)]
    return suppressions.without_suppressed(
        remarks, {path: suppressions.in_text(text) for path, text in loaded.marked.items()}
    )


def _found(
    session: LocalSession, looked_at: lint.Project, applied: str, kept: ManifestCache | None, *, advice: bool
) -> Sequence[lint.Remark]:
    """What rules say of manifests; they are not asked where the cache knows that they would say nothing."""
    disk, rules = Disk(session.project), "all" if advice else "errors"
    if kept and kept.is_silent(rules, applied, disk):
        return ()
    found = [*lint.check(replace(looked_at, file_named=disk.file_named), KINDS, advice=advice)]
    if kept and not found:
        kept.keep_silence(rules, applied, disk)
    return found


def load(
    session: LocalSession,
    secrets: Values | None = None,
    *,
    needs_values: bool = False,
    needs_manifests: bool = True,
) -> tuple[tuple[Manifest, ...], tuple[Diagnostic, ...]]:
    """All manifests, and the warnings about them; ConfigError with every error.

    That a secret has no value is told with other errors where values are needed; alone, the plan judges it.

    An error of a rule stands until a plan has shown whether anything would be written of what it is about; what is
    merely unwise is for validate to say, and no news to whoever looks at a plan.
    """
    manifests, found = check(
        session, advice=False, secrets=secrets, needs_values=False, needs_manifests=needs_manifests
    )
    diagnostics = tuple(one for one in found if not _is_advice(one))
    if any(one.severity is Severity.ERROR and one.id not in LENIENT for one in diagnostics):
        every = check(session, advice=False, secrets=secrets)[1] if needs_values else found
        raise ConfigError([one for one in every if not _is_advice(one)])
    return manifests, diagnostics


def _without_manifests(session: LocalSession) -> RefusedError:
    message = f"no manifest found in {_relative(session.project.manifests)}"
    there = files.otherwise_spelled(Path(session.project.manifests), session.root)
    hint = "run `tavusctl init`, or set `manifests:` in tavusctl.yaml to the folder that holds them"
    if not (session.root / FILE).is_file():
        message = f"there is no {FILE} here or above, and {message}"
        hint = "run `tavusctl init`, or change to the folder of the project with `-C`"
    return RefusedError(message, f"found the folder `{there}`: set `manifests: {there}`" if there else hint, id=WITHOUT)


def _with_project(session: LocalSession, told: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Complaints, those about the project file before them, without those that may only follow from these."""
    following = {_FOLLOWING.get(part, "") for part in session.project.doubtful}
    told = [one for one in told if one.id not in following]
    return tuple(sorted([*session.found, *told], key=place))


def _hidden(manifests: Sequence[Manifest], loaded: loading.LoadResult) -> frozenset[Address]:
    """Addresses that are referred to and may well be declared, in a file that cannot be read as a whole."""
    targets = {leaf for one in manifests for _, leaf in one.marks if isinstance(leaf, Address)}
    return frozenset(target for target in targets - loaded.declared if may_declare(loaded.unread, target.name))


def _is_advice(diagnostic: Diagnostic) -> bool:
    return diagnostic.id in lint.IDS and diagnostic.severity is Severity.WARNING


def _relative(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
