"""Workflows of `init --github` for projects of every shape; run as a module, it writes them for linters."""

from __future__ import annotations

import sys
from pathlib import Path

from tavusctl.core.project_settings import Environment
from tavusctl.integrations.github.workflow_files import Shape, workflows

DEFAULT = Environment()
STAGING = Environment("staging", api_key_env="TAVUS_API_KEY_STAGING", state="s3://acme/staging")
EUROPE = Environment("eu-1", api_key_env="TAVUS_API_KEY_EU", state="az://acme/eu", uploads="gs://acme/files")
PROD = Environment("prod", state="s3://acme/prod", uploads="s3://acme/files")
SHAPES = {
    "one": Shape([DEFAULT], []),
    "two": Shape([STAGING, PROD], ["OPENAI_API_KEY", "CARTESIA_KEY"], branch="master"),
    "three": Shape([STAGING, EUROPE, PROD], ["OPENAI_API_KEY"], folder="bots/sales-team", branch="release/1.x"),
    "local": Shape([DEFAULT], ["OPENAI_API_KEY"], action="./"),
    "odd": Shape([PROD], [], folder="a b#c: 'd'", action=f"acme/fork@{'ab' * 20}"),
}


def written(folder: Path) -> None:
    """Every shape in a repository of its own."""
    for name, shape in SHAPES.items():
        place = folder / name / ".github/workflows"
        place.mkdir(parents=True, exist_ok=True)
        for file, text in workflows(shape, {}).items():
            (place / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    written(Path(sys.argv[1]))
