from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest

from tests.house.tree import ROOT

HEAVY = ("pydantic", "yaml", "httpx", "jinja2", "asyncio", "ssl", "rich")

# Runs the command line in its own interpreter, as the console script does, and says what it has loaded.
PROBE = f"""
import sys
from tavusctl.cli import main
sys.argv = ["tavusctl", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    code = end.code
else:
    code = 0
print(code or 0, *sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)
"""


def loaded_by(*arguments: str) -> tuple[str, str]:
    run = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return run.stdout, run.stderr.splitlines()[-1]


def test_imports_point_downwards() -> None:
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    contracts = len(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"])
    assert f"Contracts: {contracts} kept, 0 broken." in run.stdout, (
        "An import points the wrong way; the rule and the remedy stand under [tool.importlinter] in pyproject.toml.\n"
        + run.stdout
        + run.stderr
    )


def test_help_starts_without_the_heavy_modules() -> None:
    shown, loaded = loaded_by("--help")
    assert "plan" in shown
    assert loaded == "0", f"`tavusctl --help` loads {loaded[2:]}: import it inside the command that needs it"


def test_version_starts_without_the_heavy_modules() -> None:
    shown, loaded = loaded_by("version")
    assert shown.strip()
    assert loaded == "0", f"`tavusctl version` loads {loaded[2:]}: import it inside the command that needs it"


@pytest.mark.parametrize("command", ["validate --env prod", "graph --env prod", "explain persona"])
def test_commands_that_work_offline_load_nothing_of_http(command: str) -> None:
    shown, loaded = loaded_by(*command.split())
    assert shown
    code, *modules = loaded.split()
    assert code == "0"
    assert not {"httpx", "ssl", "asyncio"}.intersection(modules), f"`tavusctl {command}` loads {modules}"


def test_what_is_right_is_found_right_without_pydantic() -> None:
    _, loaded = loaded_by("validate", "--env", "prod")
    assert "pydantic" not in loaded, "pydantic is for telling what is wrong; `fit` must see without it that nothing is"
