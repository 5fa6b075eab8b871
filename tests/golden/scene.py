"""One project from its first plan to its end: what each command says, and what lies on disk on the way.

Nothing is left out of a file but what differs from run to run: ids, times, digests with a salt, places.  Each of these
is replaced by its name, so that every key, and all that stands beside it, is as it was.
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
# What else the environment of a run may have an effect by.
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

# What differs from run to run, where it stands as the value of a key.
KEYS: Final = (
    *("mac", "checksum", "lineage", "key_digest", "key", "seal", "fingerprint", "created", "expires", "time"),
    *("LLM_KEY", "updated_at", "created_at", "tavusctl_version"),
)
# The same within texts, in this order.
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
    """The names that stand for what differs; the second value of a sort in a file is number 2."""

    places: dict[str, str]
    known: dict[str, list[str]] = field(default_factory=dict)

    def of(self, sort: str, value: str) -> str:
        """The name of a value."""
        seen = self.known.setdefault(sort, [])
        if value not in seen:
            seen.append(value)
        return f"<{sort}>" if sort in ("time", "stamp") else f"<{sort} {seen.index(value) + 1}>"

    def in_text(self, text: str) -> str:
        """A text with names in it."""
        for place, name in self.places.items():
            text = text.replace(place, name)
        for sort, pattern in TEXTS:
            text = re.sub(pattern, lambda found, sort=sort: self.of(sort, found[0]), text)  # type: ignore[misc]
        return text

    def in_value(self, value: Any, key: str = "") -> Any:
        """A JSON value with names in it."""
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
    """What stands for a value: its name, and of a digest how it is made and how many digits it has."""
    digest = re.fullmatch(r"([a-z0-9-]+:)?([0-9a-f]{16,})", value)
    return f"<{name} {digest[1] or ''}{len(digest[2])}>" if digest else f"<{name}>"


def laid_out(value: Any, indent: str = "") -> str:
    """A JSON value as text, each collection on one line where it fits, and several scalars on a line."""
    whole = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(whole) <= WIDTH or not isinstance(value, dict | list) or not value:
        return whole
    if isinstance(value, dict):
        inner = [f"{json.dumps(key, ensure_ascii=False)}: {laid_out(one, indent + '  ')}" for key, one in value.items()]
    else:
        inner = [laid_out(one, indent + "  ") for one in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return "\n".join([opening, *_filled(inner, indent + "  "), indent + closing])


def _filled(parts: list[str], indent: str) -> Iterator[str]:
    """Parts with commas between them, several short ones on a line."""
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
    """The project, and what was seen of it: golden files by name."""

    project: Project
    seen: dict[str, str] = field(default_factory=dict)
    long: dict[str, str] = field(default_factory=dict)  # values of `LONG`: in which file each stands

    def run(self, name: str, *args: str, **environment: str | None) -> Result:
        """Run a command; all that it says is a golden file."""
        result = self.project.run(*args, **{**BARE, **ENVIRONMENT, **environment})
        names, said = self.names(), [f"$ tavusctl {' '.join(args)}"]
        said = [names.in_text(said[0]), f"exit {result.code}"]
        if result.out:
            said += ["-- standard output", self._shown(result.out, names, f"said/{name}.txt")]
        if result.err:
            said += ["-- standard error", names.in_text(result.err).rstrip("\n")]
        assert f"said/{name}.txt" not in self.seen, name
        self.seen[f"said/{name}.txt"] = "\n".join(said) + "\n"
        return result

    def names(self) -> Names:
        """Names for one golden file."""
        places = {str(self.project.root): "PROJECT", self.project.account.url: "http://EMULATOR"}
        return Names({**places, self.project.account.url.removeprefix("http://"): "EMULATOR"})

    def _shown(self, out: str, names: Names, file: str) -> str:
        if out.startswith("{"):
            return laid_out(self._once(names.in_value(json.loads(out)), file))
        return names.in_text(out).rstrip("\n")

    def _once(self, document: Body, file: str) -> Body:
        """A document in which nothing long stands that stands in another file already."""
        for key in LONG & document.keys():
            text = json.dumps(document[key])
            there = self.long.setdefault(text, file)
            if there != file and len(text) > WIDTH:
                document[key] = f"<as in {there}>"
        return document

    def disk(self, moment: str, *patterns: str) -> None:
        """Golden files of what lies on disk: each file that matches, under a name of its own."""
        for pattern in patterns:
            for number, path in enumerate(self._files(pattern), start=1):
                name = re.sub(r"[^a-z]+", "-", pattern.replace(".tavusctl/", "")).strip("-")
                file, names = f"disk/{moment}-{name}-{number}.txt", self.names()
                lines = [f"# {names.in_text(str(path.relative_to(self.project.root)))}"]
                lines += self._records(path.read_text("utf-8"), names, file)
                self.seen[file] = "\n".join(lines) + "\n"

    def list_disk(self, moment: str) -> None:
        """A golden file of the names of all files that are not manifests."""
        names = self.names()
        files = [path.relative_to(self.project.root) for path in self._files("**/*")]
        lines = [names.in_text(str(path)) for path in files if path.parts[0] != "manifests"]
        self.seen[f"disk/{moment}.txt"] = "\n".join(lines) + "\n"

    def _files(self, pattern: str) -> list[Path]:
        """Files in an order that ids have no part in: by name, and those of one name by age."""
        found = [path for path in self.project.root.glob(pattern) if path.is_file()]
        return sorted(found, key=lambda path: (self._without_ids(path), path.stat().st_mtime_ns))

    def _without_ids(self, path: Path) -> str:
        return re.sub(r"<\w+ \d+>", "", self.names().in_text(str(path)))

    def _records(self, content: str, names: Names, file: str) -> Iterator[str]:
        """The content of a file: one document, or a record a line with its length and digest before it."""
        if content.startswith("{\n"):
            yield laid_out(self._once(names.in_value(json.loads(content)), file))
            return
        for line in content.splitlines():
            framed = re.fullmatch(r"(\d+ [0-9a-f]{32} )?(\{.*\})", line)
            if framed:
                yield ("<length> <digest> " if framed[1] else "") + laid_out(names.in_value(json.loads(framed[2])))
            else:
                yield names.in_text(line)
