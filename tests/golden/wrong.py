"""Wrong manifests and project files, and the full output of `validate` for each.

The cases are in wrong/*.yaml: a title, and the text of manifests/m.yaml or a mapping of files.  The diagnostics are in
wrong/messages.txt; `python -m tests.golden.surface` writes that file again.
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
    """The title and the files of each case; a valid manifest is added to a case that has none."""
    for path in sorted(FOLDER.glob("*.yaml")):
        for title, content in yaml.safe_load(path.read_text("utf-8")).items():
            files = {"manifests/m.yaml": content} if isinstance(content, str) else content
            has_manifest = any(name.startswith("manifests/") for name in files)
            yield f"{path.name}: {title}", files if has_manifest else {**files, "manifests/m.yaml": RIGHT}


def said(title: str, project: Project, files: Mapping[str, str]) -> Iterator[str]:
    """The output of `validate` for a project with these files: exit code, and two or three lines per diagnostic."""
    for name, text in files.items():
        path = project.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    result = project.run("validate", "--format", "json", **BARE)
    yield f"{title} (exit {result.code})"
    document = result.document
    for diagnostic in document.get("error", document)["complaints"]:
        yield from _lines(diagnostic)


def _lines(diagnostic: Body) -> Iterator[str]:
    location = ":".join(str(diagnostic[key]) for key in ("path", "line", "column") if diagnostic.get(key) is not None)
    yield "  " + " ".join(filter(None, [diagnostic["id"], diagnostic["severity"], location, diagnostic.get("address")]))
    yield f"    says: {diagnostic['message']}"
    if diagnostic.get("hint"):
        yield f"    help: {diagnostic['hint']}"


def messages() -> str:
    """The output of `validate` for all cases."""
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (title, files) in enumerate(cases()):
            root = Path(folder, str(number))
            lines += (line.replace(str(root), "PROJECT") for line in said(title, Project(root, NOWHERE), files))
    return "\n".join(lines) + "\n"
