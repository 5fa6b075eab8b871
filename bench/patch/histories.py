"""Pairs from real histories: successive versions of JSON and YAML files in git repositories on this machine.

The repositories are arguments of run.py.  The published figures use these, cloned from GitHub:
OAI/OpenAPI-Specification, microsoft/vscode-eslint, docker/awesome-compose, modelcontextprotocol/modelcontextprotocol.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from bench.patch.pairs import Pair

MOST_BYTES = 100_000
MOST_VERSIONS = 25  # per file
MOST_PAIRS = 700  # per repository
LOCKS = ("package-lock.json", "npm-shrinkwrap.json")


def from_histories(repositories: list[Path]) -> list[Pair]:
    """The changes of every JSON and YAML file in some repositories, up to the limits."""
    return [pair for repository in repositories for pair in changes(repository)]


def changes(repository: Path) -> list[Pair]:
    """The changes of the JSON and YAML files in one repository."""
    pairs: list[Pair] = []
    for name in sorted(
        set(git(repository, "log", "--format=", "--no-renames", "--name-only", "--diff-filter=M").splitlines())
    ):
        if len(pairs) >= MOST_PAIRS:
            break
        if name.endswith((".json", ".yaml", ".yml")) and not name.endswith(LOCKS):
            for before, after in pairwise(versions(repository, name)):
                if json.dumps(before) != json.dumps(after):
                    pairs.append(Pair(f"history of {name.rpartition('.')[2]}", before, after))
    return pairs[:MOST_PAIRS]


def versions(repository: Path, name: str) -> Iterator[Any]:
    """The versions of a file that can be parsed, the oldest first."""
    commits = git(repository, "log", f"-{MOST_VERSIONS}", "--format=%H", "--", name).split()
    for commit in reversed(commits):
        try:
            text = git(repository, "show", f"{commit}:{name}")
            document = json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
        except (subprocess.CalledProcessError, ValueError, yaml.YAMLError):
            continue
        if len(text) <= MOST_BYTES and isinstance(document, dict | list) and is_json(document):
            yield document


def is_json(value: Any) -> bool:
    """Whether a document read from YAML could have been JSON."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_json(inner) for key, inner in value.items())
    if isinstance(value, list):
        return all(map(is_json, value))
    return not isinstance(value, date | bytes | set)


def git(repository: Path, *arguments: str) -> str:
    """The output of a git command in a repository."""
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout
