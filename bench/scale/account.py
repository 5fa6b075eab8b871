"""An account of any size on an emulator, and the manifests that declare it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PROMPT_BYTES = 5_000
PROJECT = "version: 1\nsecrets: []\nsafety: {max_deletes: 5, max_delete_ratio: 0.3}\n"
SENTENCE = "You are number {number}, a patient guide who answers question {line} in one short sentence. "


@dataclass(frozen=True)
class Project:
    """A folder of manifests, and the seed file of the account that they declare."""

    folder: Path
    seed: Path
    objects: int

    def environment(self, url: str) -> dict[str, str]:
        """The environment variables of a command on the account at a URL."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        own = {"TAVUS_BASE_URL": url, "TAVUS_API_KEY": "bench", "NO_COLOR": "1", "CI": "true"}
        return {**inherited, **own, "TAVUSCTL_LOCAL_STATE": "1"}  # the state is a file on this machine


def prompt(number: int, size: int = PROMPT_BYTES) -> str:
    """A prompt of several lines and about `size` bytes, different for every number."""
    lines: list[str] = []
    length = 0
    while length < size:
        lines.append(SENTENCE.format(number=number, line=len(lines)).strip())
        length += len(lines[-1]) + 1
    return "\n".join(lines)


def persona(number: int) -> dict[str, Any]:
    """The body of a persona with several layers, as the API accepts it."""
    return {
        "persona_name": f"Guide {number:05}",
        "pipeline_mode": "full",
        "system_prompt": prompt(number),
        "layers": {
            "llm": {"model": "tavus-gpt-4o", "speculative_inference": True, "tools": [tool(number)]},
            "stt": {"stt_engine": "tavus-advanced", "hotwords": f"Room {number}"},
            "perception": {"perception_model": "raven-0", "ambient_awareness_queries": [f"Is room {number} full?"]},
        },
    }


def tool(number: int) -> dict[str, Any]:
    """A function tool for the model."""
    return {
        "type": "function",
        "function": {
            "name": "open_room",
            "description": f"Open room {number} for the visitor.",
            "parameters": {
                "type": "object",
                "properties": {"door": {"type": "string", "description": "Which door."}},
                "required": ["door"],
            },
        },
    }


def project(folder: Path, objects: int, changed: int = 0) -> Project:
    """Write manifests of so many personas; the first `changed` differ from the account in one word of the prompt."""
    (folder / "manifests" / "prompts").mkdir(parents=True, exist_ok=True)
    (folder / "tavusctl.yaml").write_text(PROJECT)
    bodies = [persona(number) for number in range(objects)]
    seed = folder / "seed.json"
    seed.write_text(json.dumps({"*": {"personas": bodies}}))
    for number, body in enumerate(bodies):
        write(folder, number, body, edited=number < changed)
    return Project(folder, seed, objects)


def write(folder: Path, number: int, body: dict[str, Any], *, edited: bool = False) -> None:
    """Write the manifest and the prompt file of one persona."""
    name = f"guide-{number:05}"
    text = body["system_prompt"].replace("patient", "brisk", 1) if edited else body["system_prompt"]
    (folder / "manifests" / "prompts" / f"{name}.md").write_text(text)
    spec = {**body, "system_prompt": f"${{file:prompts/{name}.md}}"}
    manifest = {"kind": "persona", "name": name, "spec": spec}
    (folder / "manifests" / f"{name}.yaml").write_text(_yaml(manifest))


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, width=120)


@contextmanager
def served(project: Project, latency_ms: float = 0) -> Iterator[str]:
    """Serve the account by an emulator in its own process; yield its base URL."""
    command = [str(BIN / "tavusctl"), "emulator", "--seed", str(project.seed), "--latency", str(latency_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
