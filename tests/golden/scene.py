"""One project from its first plan to its end: the output of each command, and the files on disk in between.

Only values that differ from run to run are left out of a golden file: ids, times, salted digests, paths and URLs.  Each
of them is replaced by a placeholder, so that every key and all text around the value is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.scenarios.project import Body, Project, Result

ENVIRONMENT: Final = {
    "TAVUSCTL_SETTLE": "0.05",
    "TAVUSCTL_MAX_WAIT": "0",
    "TAVUSCTL_ENV": "staging",
    "LLM_KEY": "value-of-the-llm-key",
}
# Other environment variables that could change the output of a run.
BARE: Final = {"COLUMNS": "100", "CI": None, "GITHUB_ACTIONS": None, "TAVUSCTL_ENV": None}
PROJECT_FILE: Final = """\
version: 1
secrets: [LLM_KEY]
environments: {staging: {account: acme-staging, vars: {brand: Acme}}}
safety: {max_deletes: 2}
outputs: {COACH: persona/coach, FACES: [replica/anna], BRAND: {value: Acme}}
"""
RULE: Final = {"guardrail_name": "calm", "guardrail_prompt": "Stay calm."}
GOALS: Final = [
    {"objective_name": "greet", "objective_prompt": "Greet.", "next_required_objective": "ask"},
    {"objective_name": "ask", "objective_prompt": "Ask for the role."},
]
PRICES: Final[Body] = {
    "document_url": "https://example.com/prices",
    "crawl": {"depth": 2, "max_pages": 25},
    "tags": ["sales"],
}
COACH: Final[Body] = {
    "persona_name": "Coach",
    "system_prompt": "You coach for ${var:brand}.",
    "context": "You are kind.",
    "default_replica_id": "${ref:replica/anna}",
    "guardrails_id": "${ref:guardrails/rules}",
    "document_ids": ["${ref:document/prices}"],
    "layers": {"llm": {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "${secret:LLM_KEY}"}},
}
ANNA: Final = "r4317e64d25a"
WIDTH: Final = 118
LONG: Final = {"changes", "drift", "refused", "warnings", "resources"}

# Keys whose value differs from run to run.
KEYS: Final = (
    *("mac", "checksum", "lineage", "key_digest", "key", "seal", "fingerprint", "created", "expires", "time"),
    *("LLM_KEY", "updated_at", "created_at", "tavusctl_version"),
)
# Patterns of texts that differ from run to run, replaced in this order.
TEXTS: Final = (
    ("uuid", r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"),
    ("time", r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?"),
    ("stamp", r"\b\d{8}T\d{6}(?:\.?\d+)?Z?\b"),
    ("machine", r"(?<=Python )\d\S+, \w+ \w+"),
    ("git", r"(?<=\bgit )\d+\.\d[\w.]*"),
    ("errno", r"\[Errno \d+\]"),
    ("secret", r"\bscrypt:[0-9a-f]{64}\b"),
    ("mark", r"\btavusctl-[0-9a-f]{32}\b"),
    ("lineage", r"\b[0-9a-f]{8}(?=-\d{6}-)"),
    ("id", rf"\b(?!{ANNA})(?:(?:[a-z]|d\d-)[0-9a-f]{{12}}|[g-z][0-9a-f]{{11}})\b"),
    ("run", r"\b[0-9a-f]{12}\b"),
)


@dataclass
class Names:
    """The placeholders of one file; values of a sort are numbered in the order in which they appear."""

    places: dict[str, str]
    known: dict[str, list[str]] = field(default_factory=dict)

    def of(self, sort: str, value: str) -> str:
        """The placeholder of a value; times and stamps have no number."""
        values = self.known.setdefault(sort, [])
        if value not in values:
            values.append(value)
        return f"<{sort}>" if sort in ("time", "stamp") else f"<{sort} {values.index(value) + 1}>"

    def in_text(self, text: str) -> str:
        """A text with placeholders."""
        for location, name in self.places.items():
            text = text.replace(location, name)
        for sort, pattern in TEXTS:
            text = re.sub(pattern, lambda match, sort=sort: self.of(sort, match[0]), text)  # type: ignore[misc]
        return text

    def in_value(self, value: Any, key: str = "") -> Any:
        """A JSON value with placeholders."""
        if key in KEYS and value:
            return shape(key, value)
        if key == "keys":
            return {shape("key", name): shape("share", inner) for name, inner in value.items()}
        if isinstance(value, dict):
            return {self.in_text(name): self.in_value(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.in_value(inner) for inner in value]
        return self.in_text(value) if isinstance(value, str) else value


def shape(name: str, value: str) -> str:
    """The placeholder of the value of a key; that of a digest keeps the algorithm and the number of digits."""
    digest = re.fullmatch(r"([a-z0-9-]+:)?([0-9a-f]{16,})", value)
    return f"<{name} {digest[1] or ''}{len(digest[2])}>" if digest else f"<{name}>"


def laid_out(value: Any, indent: str = "") -> str:
    """A JSON value as text: a collection on one line if it fits, otherwise as many short items on a line as fit."""
    whole = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(whole) <= WIDTH or not isinstance(value, dict | list) or not value:
        return whole
    if isinstance(value, dict):
        inner = [
            f"{json.dumps(key, ensure_ascii=False)}: {laid_out(item, indent + '  ')}" for key, item in value.items()
        ]
    else:
        inner = [laid_out(item, indent + "  ") for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return "\n".join([opening, *_filled(inner, indent + "  "), indent + closing])


def _filled(parts: list[str], indent: str) -> Iterator[str]:
    """Lines of parts with commas between them, as many short parts on a line as fit."""
    line = indent
    for number, part in enumerate(parts):
        text = part if number == len(parts) - 1 else f"{part},"
        if line != indent and ("\n" in text or len(line) + len(text) > WIDTH):
            yield line.rstrip()
            line = indent
        line += f"{text} "
        if "\n" in text:
            yield line.rstrip()
            line = indent
    if line != indent:
        yield line.rstrip()


@dataclass
class Scene:
    """The project, and its golden files so far, by name."""

    project: Project
    seen: dict[str, str] = field(default_factory=dict)
    long: dict[str, str] = field(default_factory=dict)  # values of the keys `LONG`: the file that has each

    def run(self, name: str, *args: str, **environment: str | None) -> Result:
        """Run a command; its exit code and output become a golden file."""
        result = self.project.run(*args, **{**BARE, **ENVIRONMENT, **environment})
        names, lines = self.names(), [f"$ tavusctl {' '.join(args)}"]
        lines = [names.in_text(lines[0]), f"exit {result.code}"]
        if result.out:
            lines += ["-- standard output", self._shown(result.out, names, f"said/{name}.txt")]
        if result.err:
            lines += ["-- standard error", names.in_text(result.err).rstrip("\n")]
        assert f"said/{name}.txt" not in self.seen, name
        self.seen[f"said/{name}.txt"] = "\n".join(lines) + "\n"
        return result

    def names(self) -> Names:
        """A new set of placeholders, for one golden file."""
        places = {str(self.project.root): "PROJECT", self.project.account.url: "http://EMULATOR"}
        return Names({**places, self.project.account.url.removeprefix("http://"): "EMULATOR"})

    def _shown(self, out: str, names: Names, file: str) -> str:
        if out.startswith("{"):
            return laid_out(self._once(names.in_value(json.loads(out)), file))
        return names.in_text(out).rstrip("\n")

    def _once(self, document: Body, file: str) -> Body:
        """A document in which a long value that another file has already is replaced by the name of that file."""
        for key in LONG & document.keys():
            text = json.dumps(document[key])
            first_file = self.long.setdefault(text, file)
            if first_file != file and len(text) > WIDTH:
                document[key] = f"<as in {first_file}>"
        return document

    def disk(self, moment: str, *patterns: str) -> None:
        """Make a golden file of each file of the project that matches a pattern."""
        for pattern in patterns:
            for number, path in enumerate(self._files(pattern), start=1):
                name = re.sub(r"[^a-z]+", "-", pattern.replace(".tavusctl/", "")).strip("-")
                file, names = f"disk/{moment}-{name}-{number}.txt", self.names()
                lines = [f"# {names.in_text(str(path.relative_to(self.project.root)))}"]
                lines += self._records(path.read_text("utf-8"), names, file)
                self.seen[file] = "\n".join(lines) + "\n"

    def list_disk(self, moment: str) -> None:
        """Make a golden file of the names of all files that are not manifests."""
        names = self.names()
        files = [path.relative_to(self.project.root) for path in self._files("**/*")]
        lines = [names.in_text(str(path)) for path in files if path.parts[0] != "manifests"]
        self.seen[f"disk/{moment}.txt"] = "\n".join(lines) + "\n"

    def _files(self, pattern: str) -> list[Path]:
        """The files in an order that does not depend on ids: by name without ids, then by age."""
        paths = [path for path in self.project.root.glob(pattern) if path.is_file()]
        return sorted(paths, key=lambda path: (self._without_ids(path), path.stat().st_mtime_ns))

    def _without_ids(self, path: Path) -> str:
        return re.sub(r"<\w+ \d+>", "", self.names().in_text(str(path)))

    def _records(self, content: str, names: Names, file: str) -> Iterator[str]:
        """The lines of a file with placeholders: one JSON document, or one record per line after length and digest."""
        if content.startswith("{\n"):
            yield laid_out(self._once(names.in_value(json.loads(content)), file))
            return
        for line in content.splitlines():
            record = re.fullmatch(r"(\d+ [0-9a-f]{32} )?(\{.*\})", line)
            if record:
                yield ("<length> <digest> " if record[1] else "") + laid_out(names.in_value(json.loads(record[2])))
            else:
                yield names.in_text(line)
