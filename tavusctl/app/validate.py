"""Check manifests without the network, and fix what can be fixed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from tavusctl import lint
from tavusctl.app.session import unchanged
from tavusctl.app.session.applied import last_applied
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.manifests import check, unknown_outputs
from tavusctl.core.diagnostics import Diagnostic, Severity, errors_in, place
from tavusctl.core.model import Manifest
from tavusctl.core.project_settings import FILE, Environment


def validate(
    sessions: Sequence[LocalSession],
    paths: Sequence[Path],
    select: Sequence[str] = (),
    ignore: Sequence[str] = (),
    *,
    count: int,
    fix: bool,
) -> Sequence[Diagnostic]:
    """The diagnostics of the selected checks; with `fix`, those that remain after the fixes.

    `count` is the number of environments of the command, also of those without a session, which have no diagnostics.
    """
    groups: dict[tuple[str | int, ...], tuple[Diagnostic, list[Environment]]] = {}
    for session in sessions:
        for diagnostic in _selected_diagnostics(session, paths, select, ignore, fix=fix):
            # A diagnostic that several environments share is shown once.
            groups.setdefault((*place(diagnostic), diagnostic.hint), (diagnostic, []))[1].append(session.environment)
    return sorted(
        (_with_environments(diagnostic, environments, count) for diagnostic, environments in groups.values()), key=place
    )


def _with_environments(diagnostic: Diagnostic, environments: Sequence[Environment], count: int) -> Diagnostic:
    """A diagnostic that names its environments, unless it applies to all of them or already names them."""
    names = [f"`{one.name}`" for one in environments]
    path = diagnostic.source.path if diagnostic.source else ""
    is_in_overlay = any(one.overlay and path.startswith(f"{one.overlay}/") for one in environments)
    if len(environments) == count or is_in_overlay or path == FILE or any(one in diagnostic.message for one in names):
        return diagnostic
    *most, last = names
    phrase = f"environments {', '.join(most)} and {last}" if most else f"environment {last}"
    return replace(diagnostic, message=f"in the {phrase}: {diagnostic.message}")


def _selected_diagnostics(
    session: LocalSession, paths: Sequence[Path], select: Sequence[str], ignore: Sequence[str], *, fix: bool
) -> Sequence[Diagnostic]:
    digest = unchanged.check_settings_digest(session)
    manifests, all_diagnostics = _checked(session, paths)
    if not (all_diagnostics or paths):
        unchanged.keep_validated(session, digest)
    diagnostics = [one for one in all_diagnostics if _is_selected(one, select, ignore)]
    if fix:
        from tavusctl.app.files import autofix  # noqa: PLC0415 - most runs write nothing, and should start fast

        if autofix.fix(session, manifests, diagnostics):
            _, all_diagnostics = _checked(session, paths)
            diagnostics = [one for one in all_diagnostics if _is_selected(one, select, ignore)]
    return diagnostics


def _checked(session: LocalSession, paths: Sequence[Path]) -> tuple[Sequence[Manifest], Sequence[Diagnostic]]:
    """The manifests and their diagnostics; the outputs are checked too, if there is no error and all files are read."""
    applied = last_applied(session)
    manifests, diagnostics = check(session, paths, applied)
    if paths or errors_in(diagnostics):
        return manifests, diagnostics
    if not session.project.outputs:
        return manifests, diagnostics
    known = {str(one) for one in (*applied, *(manifest.address for manifest in manifests))}
    return manifests, [*unknown_outputs(session.project.outputs, known, manifests), *diagnostics]


def _is_selected(diagnostic: Diagnostic, select: Sequence[str], ignore: Sequence[str]) -> bool:
    """Whether a diagnostic is shown; an error of no lint rule, such as an unreadable manifest, always is."""
    if diagnostic.id not in lint.IDS and diagnostic.severity is Severity.ERROR:
        return True
    chosen = not select or diagnostic.id.startswith(tuple(select))
    return chosen and not (ignore and diagnostic.id.startswith(tuple(ignore)))
