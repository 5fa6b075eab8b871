from __future__ import annotations

import math
import resource
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.tree import ROOT

# Pydantic loads `importlib.metadata` to look for plugins.
HEAVY = ("pydantic", "yaml", "httpx", "jinja2", "asyncio", "ssl", "rich", "importlib.metadata")

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


def loaded_by(*arguments: str, code: Path = ROOT) -> tuple[str, str]:
    run = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], cwd=code, capture_output=True, text=True, timeout=60, check=True
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


def test_a_check_that_had_nothing_to_say_loads_no_models(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "tavusctl.yaml").write_text("version: 1\n", "utf-8")
    (tmp_path / "manifests" / "it.yaml").write_text(MANIFEST.format(1), "utf-8")
    for loaded in ("0 pydantic yaml", "0"):
        assert loaded_by("-C", str(tmp_path), "validate") == ("Valid.\n", loaded)


def test_other_code_looks_at_everything_anew(tmp_path: Path) -> None:
    code, project = tmp_path / "code", tmp_path / "project"
    shutil.copytree(ROOT / "tavusctl", code / "tavusctl", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "manifests").mkdir(parents=True)
    (project / "tavusctl.yaml").write_text("version: 1\n", "utf-8")
    (project / "manifests" / "it.yaml").write_text(MANIFEST.format(1), "utf-8")
    changed = code / "tavusctl" / "lint" / "core.py"
    for loaded in ("0 pydantic yaml", "0", "0 pydantic yaml"):
        assert loaded_by("-C", str(project), "validate", code=code) == ("Valid.\n", loaded)
        if loaded == "0":
            changed.write_text(changed.read_text("utf-8") + "\n", "utf-8")


BUILD = """
import yaml, pydantic
from tavusctl.config.project_file.sections import ProjectFile
from tavusctl.kinds import KINDS
for model in [ProjectFile, *(kind.model for kind in KINDS.values())]:
    model.model_rebuild()
"""
MANIFEST = "kind: persona\nname: it-{}\nspec:\n  system_prompt: Be kind.\n  layers: {{llm: {{model: tavus-gpt-oss}}}}\n"


def processor_time(command: list[str], folder: Path) -> float:
    """Seconds that a command takes of a processor; others on the machine do not count."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_validating_ten_files_costs_little_more_than_building_the_models(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "tavusctl.yaml").write_text("version: 1\n", "utf-8")
    for number in range(10):
        (tmp_path / "manifests" / f"{number}.yaml").write_text(MANIFEST.format(number), "utf-8")
    build, validate = [sys.executable, "-c", BUILD], [sys.executable, "-m", "tavusctl", "validate"]
    models = whole = math.inf
    for _ in range(5):  # a busy machine takes longer now and then
        models, whole = (
            min(models, processor_time(build, tmp_path)),
            min(whole, processor_time(validate, tmp_path)),
        )
        if whole < 2 * models:
            break
    assert whole < 2 * models, f"`validate` takes {whole:.2f} s of a processor, and the models {models:.2f} s"
