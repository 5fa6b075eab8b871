"""Checks of the folders that environments name as overlays, and of unused folders beside them."""

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


def check_overlays(
    environments: Mapping[str, Environment], root: Path, manifests: Path, collector: DiagnosticCollector
) -> Mapping[str, Environment]:
    """The environments with their overlays as paths from the root; invalid overlays are reported and left out."""
    valid = {name: _checked(one, root, manifests, collector) for name, one in environments.items()}
    _warn_of_unused(valid, root, manifests, collector)
    return valid


def are_valid(project: Project) -> bool:
    """Whether the folders of a project, read earlier, still give no diagnostics."""
    root, manifests = Path(project.root), Path(project.manifests)
    folders = [root / one.overlay for one in project.environments.values() if one.overlay]
    faults = any(_fault(folder, root, manifests)[0] for folder in folders)
    return (
        is_inside(manifests, root) and not faults and not any(_unused_siblings(project.environments, root, manifests))
    )


def is_inside(folder: Path, root: Path) -> bool:
    """Whether a folder lies in the project after all links are resolved."""
    return Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(root))


def _checked(environment: Environment, root: Path, manifests: Path, collector: DiagnosticCollector) -> Environment:
    if not environment.overlay:
        return environment
    pointer = _pointer(environment)
    folder = Path(os.path.normpath(root / environment.overlay))
    fault, hint = _fault(folder, root, manifests)
    if fault:
        message = f"{dotted(pointer)}: the folder {shown(environment.overlay)} {fault}"
        collector.error("TV110", message, collector.value_at(pointer), hint)
    return replace(environment, overlay="" if fault else folder.relative_to(root).as_posix())


def _fault(folder: Path, root: Path, manifests: Path) -> tuple[str, str]:
    """Why a folder cannot be an overlay, and a hint; two empty texts if it can."""
    real = Path(os.path.realpath(folder))
    if not (folder.is_relative_to(root) and real.is_relative_to(os.path.realpath(root))):
        return "is outside the project", "use a folder of the project, such as `overlays/prod`"
    if Path(os.path.realpath(manifests)).is_relative_to(real):
        return "holds the manifests of every environment", "use a folder of its own, such as `overlays/prod`"
    if any(part.startswith(".") for part in folder.relative_to(root).parts):
        return "has a name that starts with a dot, which is never read", "use a folder such as `overlays/prod`"
    if not os.path.isdir(folder):  # noqa: PTH112 - never raises
        similar = files.similar_path(folder, root, os.path.isdir)
        hint = f"did you mean `{similar}`?" if similar else "create the folder, or remove the key `overlay`"
        return "is not a folder" if os.path.lexists(folder) else "does not exist", hint
    return "", ""


def _warn_of_unused(
    environments: Mapping[str, Environment], root: Path, manifests: Path, collector: DiagnosticCollector
) -> None:
    """Warn of folders beside overlays that no environment uses: a folder or an environment may be misnamed."""
    without = [name for name, environment in environments.items() if not environment.overlay]
    for environment, folder in _unused_siblings(environments, root, manifests):
        name = folder.relative_to(root).as_posix()
        message = f"no environment has the overlay {shown(name)}, which lies beside {shown(environment.overlay)}"
        advice = f"write `overlay: {name}` under the environment that it is for"
        hint = (
            f"{advice} (environments without an overlay: {listed(without)})"
            if without
            else f"{advice}, or move the folder"
        )
        collector.warning("TV133", message, collector.value_at(_pointer(environment)), hint=hint)


def _unused_siblings(
    environments: Mapping[str, Environment], root: Path, manifests: Path
) -> Iterator[tuple[Environment, Path]]:
    """Unused folders beside overlays, each with an environment whose overlay lies in the same parent folder."""
    used_folders = [root / environment.overlay for environment in environments.values() if environment.overlay]
    by_parent = {
        (root / environment.overlay).parent: environment
        for environment in reversed(list(environments.values()))
        if environment.overlay
    }
    for parent, environment in by_parent.items():
        for folder in _unused(parent, [*used_folders, manifests]) if parent != root else ():
            yield environment, folder


def _unused(parent: Path, used: list[Path]) -> Iterator[Path]:
    """Folders in `parent` that contain YAML files, and that neither contain a used folder nor lie in one.

    Links are resolved: the folder that a used link leads to is in use, too.
    """
    try:
        siblings = sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return
    real_used = [Path(os.path.realpath(path)) for path in used] if siblings else []
    for folder in siblings:
        real = Path(os.path.realpath(folder))
        is_apart = not any(real.is_relative_to(path) or path.is_relative_to(real) for path in real_used)
        if is_apart and any(path.suffix.lower() in (".yaml", ".yml") for path in folder.rglob("*")):
            yield folder


def _pointer(environment: Environment) -> str:
    return f"/environments/{escape(environment.name)}/overlay"
