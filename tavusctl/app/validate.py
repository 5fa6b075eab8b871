"""Check manifests without the network, and put right what can be."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from tavusctl import lint
from tavusctl.app.session import unchanged
from tavusctl.app.session.applied import last_applied
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.manifests import check
from tavusctl.app.session.outputs import unknown_outputs
from tavusctl.core.diagnostics import Diagnostic, Severity, place
from tavusctl.core.model import Manifest
from tavusctl.core.project_settings import FILE, Environment


def validate(
    sessions: Sequence[LocalSession],
    paths: Sequence[Path],
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    *,
    fix: bool,
) -> Sequence[Diagnostic]:
    """All that is wrong or unwise in environments, of the checks that are asked for; with `fix`, what is left of it."""
    found: dict[tuple[str | int, ...], tuple[Diagnostic, list[Environment]]] = {}
    for session in sessions:
        for one in _judged(session, paths, select, ignore, fix=fix):
            # What several have in common is told once.
            found.setdefault((*place(one), one.hint), (one, []))[1].append(session.environment)
    return sorted((_placed(one, where, len(sessions)) for one, where in found.values()), key=place)


def _placed(found: Diagnostic, where: Sequence[Environment], judged: int) -> Diagnostic:
    """A complaint with the environments that it is about, unless it is about all, or tells that by itself."""
    names = [f"`{one.name}`" for one in where]
    path = found.source.path if found.source else ""
    inside = any(one.overlay and path.startswith(f"{one.overlay}/") for one in where)
    if len(where) == judged or inside or path == FILE or any(one in found.message for one in names):
        return found
    *most, last = names
    told = f"environments {', '.join(most)} and {last}" if most else f"environment {last}"
    return replace(found, message=f"in the {told}: {found.message}")


def _judged(
    session: LocalSession, paths: Sequence[Path], select: Sequence[str], ignore: Sequence[str], *, fix: bool
) -> Sequence[Diagnostic]:
    about = unchanged.about_files(session)
    manifests, found = _checked(session, paths)
    if not (found or paths):
        unchanged.keep_validated(session, about)
    diagnostics = [one for one in found if _wanted(one, select, ignore)]
    if fix:
        from tavusctl.app.files import autofix  # noqa: PLC0415 - most runs write nothing, and are to start at once

        if autofix.fix(session, manifests, diagnostics):
            _, found = _checked(session, paths)
            diagnostics = [one for one in found if _wanted(one, select, ignore)]
    return diagnostics


def _checked(session: LocalSession, paths: Sequence[Path]) -> tuple[Sequence[Manifest], Sequence[Diagnostic]]:
    """The manifests and all that is wrong; of a project that is right, what its outputs refer to as well."""
    applied = last_applied(session)
    manifests, found = check(session, paths, applied)
    if paths or any(one.severity is Severity.ERROR for one in found):
        return manifests, found
    if not session.project.outputs:
        return manifests, found
    known = {str(one) for one in (*applied, *(manifest.address for manifest in manifests))}
    return manifests, [*unknown_outputs(session.project.outputs, known, manifests), *found]


def _wanted(diagnostic: Diagnostic, select: Sequence[str], ignore: Sequence[str]) -> bool:
    """Whether a complaint is shown; what makes a manifest unreadable always is."""
    if diagnostic.id not in lint.IDS and diagnostic.severity is Severity.ERROR:
        return True
    chosen = not select or diagnostic.id.startswith(tuple(select))
    return chosen and not (ignore and diagnostic.id.startswith(tuple(ignore)))
