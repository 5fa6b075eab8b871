"""Manifests and project files that are wrong, and all that `validate` says about each.

The cases stand in wrong/*.yaml: a title, and the text of manifests/m.yaml or a mapping of files.  What is said of them
is in wrong/messages.txt; `python -m tests.golden.surface` writes that anew.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from tests.golden.scene import BARE
from tests.scenarios.project import Account, Body, Project

FOLDER = Path(__file__).parent / "wrong"
NOWHERE = Account("http://127.0.0.1:9", "key-of-nobody")
RIGHT = "kind: persona\nname: it\nspec: {system_prompt: Be brief.}\n"


def cases() -> Iterator[tuple[str, Mapping[str, str]]]:
    """Title and files of each case."""
    for path in sorted(FOLDER.glob("*.yaml")):
        for title, found in yaml.safe_load(path.read_text("utf-8")).items():
            files = {"manifests/m.yaml": found} if isinstance(found, str) else found
            others = any(name.startswith("manifests/") for name in files)
            yield f"{path.name}: {title}", files if others else {**files, "manifests/m.yaml": RIGHT}


def said(title: str, project: Project, files: Mapping[str, str]) -> Iterator[str]:
    """What `validate` says about a project of these files: its exit code, and three lines at most for a complaint."""
    for name, text in files.items():
        path = project.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    result = project.run("validate", "--format", "json", **BARE)
    yield f"{title} (exit {result.code})"
    document = result.document
    for one in document.get("error", document)["complaints"]:
        yield from _lines(one)


def _lines(one: Body) -> Iterator[str]:
    where = ":".join(str(one[key]) for key in ("path", "line", "column") if one.get(key) is not None)
    yield "  " + " ".join(filter(None, [one["id"], one["severity"], where, one.get("address")]))
    yield f"    says: {one['message']}"
    if one.get("hint"):
        yield f"    help: {one['hint']}"


def messages() -> str:
    """All that is said about all cases."""
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (title, files) in enumerate(cases()):
            root = Path(folder, str(number))
            lines += (line.replace(str(root), "PROJECT") for line in said(title, Project(root, NOWHERE), files))
    return "\n".join(lines) + "\n"
