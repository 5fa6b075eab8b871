"""The reference page of all checks: what each check finds, and its diagnostic for an example."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tavusctl.core.diagnostic_ids import CHECKS
from tavusctl.emulator import running
from tests.golden.scene import BARE
from tests.pages.check_scenes import SCENES
from tests.pages.markdown import table
from tests.scenarios.project import Account, Body, Project, Result

NOWHERE = Account("http://127.0.0.1:9", "key-of-nobody")

EXAMPLES: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("checks.yaml").read_text("utf-8"))
MANIFEST = "manifests/coach.yaml"
# Parts of a message that differ from run to run, and the fixed text that replaces each.
VOLATILE = (
    (r"\b([rpdgov])[0-9a-f]{8,}\b", r"\g<1>0123456789"),
    (r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?( UTC|Z)?", "2026-01-05 12:00 UTC"),
    (r"\b[0-9a-f]{12}\b", "0123456789ab"),
    (r"\([0-9a-f]{7}\)$", "(0123456)"),
)
ABOUT = """\
# Checks

`validate`, `plan` and the other commands name what they find by an id and a slug, such as `TV263 invalid-url`. Neither
changes. An **error** stops a command (exit 10); a **warning** stops nothing.

- `--select` and `--ignore` of `validate` take ids, slugs, or beginnings of ids: `--ignore TV21,duplicate-block`.
- A comment `# tavusctl: ignore=duplicate-block`, on the line or alone on the line before, silences one diagnostic. A
  comment that silences nothing is reported. Only `TV129` and `TV2xx` can be silenced.
- `validate --fix` makes the safe edits that hints propose.
- `--format github` marks the lines of a pull request; `--format sarif` is for code scanning and editors.

A plan that would newly write what an error is about ends with exit 10, too. What the account has like that already, and
the plan leaves alone, is shown and stops nothing.
"""


def page() -> str:
    """The Markdown text of the page."""
    rows = [
        (f"[{id_}](#{id_.lower()}-{check.slug})", check.slug, check.severity.value, check.title)
        for id_, check in CHECKS.items()
    ]
    lines = [ABOUT, *table(("Id", "Slug", "Severity", "What is found"), rows), ""]
    with running() as server, tempfile.TemporaryDirectory() as folder:
        for id_, check in CHECKS.items():
            root = Path(folder, id_).resolve()
            root.mkdir()
            lines += [f"## {id_} {check.slug}", "", f"{check.severity.value.capitalize()}: {check.title}.", ""]
            example = (
                _scene_example(id_, Project(root, Account(server.url, f"key-of-{id_}")))
                if id_ in SCENES
                else _file_example(id_, root)
            )
            lines += (_normalized(line, root) for line in example)
    return "\n".join(lines)


def _file_example(id_: str, root: Path) -> Iterator[str]:
    """The example files of a check, and the diagnostic that `validate` reports for them."""
    example = EXAMPLES[id_]
    files = {MANIFEST: example} if isinstance(example, str) else example
    project = Project(root, NOWHERE)
    for name, content in files.items():
        text = content if isinstance(content, str) else content["repeat"] * content["times"]
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o600)
        yield from _file_block(name, content)
    if not (root / "manifests").exists():
        project.manifest("persona", "coach", {"system_prompt": "You coach."})
    yield from _diagnostic_block(id_, project.run("validate", "--format", "json", **BARE))


def _file_block(name: str, content: str | Body) -> Iterator[str]:
    if not isinstance(content, str):
        yield f"`{name}`: `{content['repeat']}`, {content['times']:,} times."
        yield ""
        return
    yield "```yaml"
    yield f"# {name}"
    yield content.rstrip("\n")
    yield "```"
    yield ""


def _scene_example(id_: str, project: Project) -> Iterator[str]:
    project.account.reset()
    scene = SCENES[id_]
    result = scene(project)
    yield scene.__doc__ or ""
    yield ""
    yield from _diagnostic_block(id_, result)


def _diagnostic_block(id_: str, result: Result) -> Iterator[str]:
    """The first diagnostic with this id, as a code block; an AssertionError if the command reported none."""
    document = result.document
    reported = [*document.get("error", document).get("complaints", ()), *document.get("warnings", ())]
    matches = [diagnostic for diagnostic in reported if diagnostic["id"] == id_]
    assert matches, f"the example of {id_} does not show it: {result.out}{result.err}"
    diagnostic = matches[0]
    location = ":".join(str(diagnostic[key]) for key in ("path", "line", "column") if diagnostic.get(key) is not None)
    yield "```text"
    yield f"{location}: {diagnostic['message']}" if location else diagnostic["message"]
    if diagnostic.get("hint"):
        yield f"  help: {diagnostic['hint']}"
    yield "```"
    yield ""


def _normalized(line: str, root: Path) -> str:
    line = line.replace(str(root), "PROJECT")
    for pattern, word in VOLATILE:
        line = re.sub(pattern, word, line)
    return line
