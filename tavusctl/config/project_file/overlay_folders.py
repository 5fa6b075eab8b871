"""The folders that environments name as overlays: whether each can be one, and which were probably meant to be."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec.structs import replace

from tavusctl.config import files
from tavusctl.config.collector import DiagnosticCollector, dotted
from tavusctl.core.messages import listed, shown
from tavusctl.core.project_settings import Environment, Project
from tavusctl.patch.pointer import escape


def checked(
    environments: Mapping[str, Environment], root: Path, manifests: Path, notes: DiagnosticCollector
) -> Mapping[str, Environment]:
    """Environments with their overlays as paths from the root; without those that cannot be read."""
    found = {name: _checked(one, root, manifests, notes) for name, one in environments.items()}
    _tell_unused(found, root, manifests, notes)
    return found


def are_right(project: Project) -> bool:
    """Whether the folders of a project that was read are still such as nothing is to be said of."""
    root, manifests = Path(project.root), Path(project.manifests)
    folders = [root / one.overlay for one in project.environments.values() if one.overlay]
    faults = any(_fault(folder, root, manifests)[0] for folder in folders)
    return is_inside(manifests, root) and not faults and not any(_unused_beside(project.environments, root, manifests))


def is_inside(folder: Path, root: Path) -> bool:
    """Whether a folder lies in the project once all links are followed."""
    return Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root))


def _checked(one: Environment, root: Path, manifests: Path, notes: DiagnosticCollector) -> Environment:
    if not one.overlay:
        return one
    pointer = _pointer(one)
    folder = Path(os.path.normpath(root / one.overlay))
    fault, hint = _fault(folder, root, manifests)
    if fault:
        message = f"{dotted(pointer)}: the folder {shown(one.overlay)} {fault}"
        notes.error("TV110", message, notes.value_at(pointer), hint)
    return replace(one, overlay="" if fault else folder.relative_to(root).as_posix())


def _fault(folder: Path, root: Path, manifests: Path) -> tuple[str, str]:
    """Why a folder cannot be an overlay, and what would be right; two empty texts where it can."""
    real = Path(os.path.realpath(folder))
    if not (folder.is_relative_to(root) and real.is_relative_to(os.path.realpath(root))):
        return "is outside the project", "use a folder of the project, such as `overlays/prod`"
    if Path(os.path.realpath(manifests)).is_relative_to(real):
        return "holds the manifests of every environment", "use a folder of its own, such as `overlays/prod`"
    if any(part.startswith(".") for part in folder.relative_to(root).parts):
        return "has a name that starts with a dot, which is never read", "use a folder such as `overlays/prod`"
    if not os.path.isdir(folder):  # noqa: PTH112 - never raises
        there = files.otherwise_spelled(folder, root)
        hint = f"did you mean `{there}`?" if there else "create the folder, or remove the key `overlay`"
        return "is not a folder" if os.path.lexists(folder) else "does not exist", hint
    return "", ""


def _tell_unused(
    environments: Mapping[str, Environment], root: Path, manifests: Path, notes: DiagnosticCollector
) -> None:
    """Say of folders beside overlays that nothing reads them: a name of theirs, or of an environment, may be wrong."""
    without = [name for name, one in environments.items() if not one.overlay]
    for one, folder in _unused_beside(environments, root, manifests):
        name = folder.relative_to(root).as_posix()
        message = f"no environment has the overlay {shown(name)}, which lies beside {shown(one.overlay)}"
        right = f"write `overlay: {name}` under the environment that it is for"
        hint = f"{right} (without one: {listed(without)})" if without else f"{right}, or move the folder"
        notes.warning("TV133", message, notes.value_at(_pointer(one)), hint=hint)


def _unused_beside(
    environments: Mapping[str, Environment], root: Path, manifests: Path
) -> Iterator[tuple[Environment, Path]]:
    """Folders that nothing reads, each with an environment beside whose overlay it lies."""
    used = [root / one.overlay for one in environments.values() if one.overlay]
    named = {(root / one.overlay).parent: one for one in reversed(list(environments.values())) if one.overlay}
    for parent, one in named.items():
        for folder in _unused(parent, [*used, manifests]) if parent != root else ():
            yield one, folder


def _unused(parent: Path, used: list[Path]) -> Iterator[Path]:
    """Folders with YAML files in them that are not used, and do not lie in or around what is."""
    try:
        beside = sorted(one for one in parent.iterdir() if one.is_dir() and not one.name.startswith("."))
    except OSError:
        return
    for folder in beside:
        alone = not any(folder.is_relative_to(one) or one.is_relative_to(folder) for one in used)
        if alone and any(one.suffix.lower() in (".yaml", ".yml") for one in folder.rglob("*")):
            yield folder


def _pointer(one: Environment) -> str:
    return f"/environments/{escape(one.name)}/overlay"
