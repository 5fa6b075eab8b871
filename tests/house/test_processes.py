"""Every process that is started before tavusctl or by it: isolated, in a folder of ours, without secrets.

A checkout of anybody could give another meaning to modules of the folder that Python stands in and to programs that
settings of git name, and read variables with keys in them.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.house.tree import ROOT, files, name, nodes

pytestmark = pytest.mark.xdist_group("source")

# The only places that start a process, and how often.
STARTS = {"tavusctl/integrations/git/process.py": 1, ".ci/environment.py": 1}
OTHER_WAYS = re.compile(
    r"(os|posix|asyncio|pty)\.(system|popen|exec\w*|spawn\w*|posix_spawn\w*|fork\w*|create_subprocess\w*)"
    r"|click\.(launch|edit|echo_via_pager)"
)
MODULES = {"subprocess", "multiprocessing", "pty", "webbrowser"}
# A Python and what follows it on a command line.
PYTHON = re.compile(r"""(?:python[\d.]*|\$\(PYTHON\)|\$\$found)"?[ \t]+(?P<first>[-"$./\w][^\s;|&]*)""")


def scripts() -> list[Path]:
    made = [*(ROOT / ".ci").iterdir(), ROOT / "action.yml", ROOT / "Makefile", *files(".github", suffix=".yml")]
    return [path for path in made if path.is_file()]


def commands(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are no comment, by number."""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.lstrip().startswith(("#", '"""', "- name:", "name:")):
            yield number, line


def calls(path: Path) -> Iterator[ast.Call]:
    """Calls that start a process."""
    for node in nodes(path):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("subprocess."):
            yield node


def program_files() -> list[Path]:
    return [*files("tavusctl", ".ci", suffix=".py")]


def test_processes_are_started_in_two_places_only() -> None:
    found = {name(path): len(list(calls(path))) for path in program_files()}
    assert {path: count for path, count in found.items() if count} == STARTS


@pytest.mark.parametrize("path", program_files(), ids=name)
def test_no_other_way_to_start_one_is_used(path: Path) -> None:
    text = path.read_text("utf-8")
    imported = {
        one.split(".")[0]
        for node in nodes(path)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for one in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
    }
    assert not OTHER_WAYS.search(text)
    assert not imported & MODULES or name(path) in STARTS


def test_no_process_goes_through_a_shell_or_gets_our_variables() -> None:
    for path in map(ROOT.joinpath, STARTS):
        for call in calls(path):
            given = {one.arg for one in call.keywords}
            assert "shell" not in given
            assert given & {"env", "cwd"}, f"{name(path)}:{call.lineno} runs where we stand, with all that we know"


@pytest.mark.parametrize("path", [*files("bench", "tavusctl", ".ci", suffix=".py")], ids=name)
def test_a_module_that_a_program_runs_is_not_one_of_the_folder(path: Path) -> None:
    lists = [node for node in nodes(path) if isinstance(node, ast.List | ast.Tuple)]
    for node in lists:
        words = [one.value if isinstance(one, ast.Constant) else "" for one in node.elts]
        for place in [at for at, word in enumerate(words) if word == "-m"]:
            assert {"-I", "-P"} & set(words[:place]), f"{name(path)}:{node.lineno} runs python -m without -I"


def test_every_python_of_a_script_is_isolated() -> None:
    wrong = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in scripts()
        if path.suffix != ".py"
        for number, line in commands(path)
        for found in PYTHON.finditer(line)
        if found["first"] != "-I" and not found["first"].startswith("python")  # a list of names
    ]
    assert not wrong, "write python -I, or modules of the working folder are run:\n" + "\n".join(wrong)


def test_the_action_installs_in_a_folder_of_its_own_without_secrets() -> None:
    *before, last = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["steps"]

    assert before
    for step in before:
        assert step["working-directory"] == "${{ runner.temp }}"
        assert step["env"].items() >= {"TAVUS_API_KEY": "", "GITHUB_TOKEN": ""}.items()
        assert not re.search(r"token|secrets\.|inputs\.", json.dumps(step).replace('"GITHUB_TOKEN": ""', ""))
    assert last["run"].endswith('github "$TAVUSCTL_COMMAND"')


@pytest.mark.parametrize(
    ("system", "told"),
    [("Windows", "a runner with Linux or macOS"), ("Linux", "a step before, such as with actions/setup-python")],
)
def test_the_action_says_what_a_runner_lacks(tmp_path: Path, system: str, told: str) -> None:
    step, *_ = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["steps"]
    environment = {"RUNNER_OS": system, "PATH": "", "RUNNER_TEMP": str(tmp_path), "ACTION": str(tmp_path / "none")}
    bash = [shutil.which("bash") or "", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]

    done = subprocess.run(bash, env=environment, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout.count("::error::"), told in done.stdout) == (1, 1, True), done


SHADOWS = ("pip", "venv", "re", "time", "click", "msgspec", "tavus", "ensurepip", "sitecustomize", "usercustomize")


def checkout(folder: Path) -> Path:
    """A folder with modules that say that they were run; where they say it."""
    ran = folder.parent / "ran"
    for one in SHADOWS:
        (folder / f"{one}.py").write_text(f"open({str(ran)!r}, 'a').write({one!r})\n")
    return ran


Make = Callable[[str, Path], "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes one environment with a list of packages, started in a folder; all but the download: there is no index."""
    place = tmp_path_factory.mktemp("environment")
    wheels = place / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "tiny-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n")
        wheel.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "")
    known = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "TAVUS_API_KEY": "canary"}

    def make(packages: str, folder: Path) -> subprocess.CompletedProcess[str]:
        script, wanted = ROOT / ".ci/environment.py", place / "wanted.txt"
        wanted.write_text(packages)
        command = [sys.executable, "-I", str(script), str(place / "made"), str(wanted)]
        return subprocess.run(command, cwd=folder, env=known, capture_output=True, text=True, check=False, timeout=120)

    return make


def test_what_installs_packages_stands_in_the_environment_and_knows_no_secret(tmp_path: Path) -> None:
    """Asked of a program in place of the environment's Python; the environment is there, so it is not made anew."""
    made, wanted = tmp_path / "made", tmp_path / "wanted.txt"
    (made / "bin").mkdir(parents=True)
    (made / "pyvenv.cfg").write_text(f"version = {'.'.join(map(str, sys.version_info[:3]))}\n")
    (made / "bin/python").write_text('#!/bin/sh\n{ pwd; echo "$@"; env; } > "$0.told"\nexit 1\n')
    (made / "bin/python").chmod(0o755)
    wanted.write_text("")
    secrets = {"TAVUS_API_KEY": "canary", "GITHUB_TOKEN": "canary", "PYTHONPATH": "canary", "GIT_DIR": "canary"}
    command = [sys.executable, "-I", str(ROOT / ".ci/environment.py"), str(made), str(wanted)]

    subprocess.run(command, cwd=tmp_path, env={**os.environ, **secrets}, capture_output=True, check=False, timeout=60)

    place, words, *variables = (made / "bin/python.told").read_text("utf-8").splitlines()
    assert Path(place).resolve() == made.resolve()
    assert words.startswith("-I -m pip ")
    assert not [one for one in variables if "canary" in one]
    assert any(one.startswith("PATH=") for one in variables)


@pytest.mark.sweep
def test_nothing_of_the_folder_is_run_while_the_environment_is_made(tmp_path: Path, make: Make) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    ran = checkout(folder)

    done = make(f"nothing-of-this-name==1 --hash=sha256:{'0' * 64}\n", folder)

    assert "pip failed" in done.stdout, done.stdout + done.stderr
    assert not ran.exists(), ran.read_text()


@pytest.mark.sweep
@pytest.mark.parametrize(
    ("hash_", "words"), [("", "--require-hashes"), (f" --hash=sha256:{'0' * 64}", "DO NOT MATCH THE HASHES")]
)
def test_a_package_without_its_hash_is_not_installed(tmp_path: Path, make: Make, hash_: str, words: str) -> None:
    done = make(f"tiny==1{hash_}\n", tmp_path)

    assert (done.returncode, "installing tavusctl" in done.stdout) == (1, False), done.stdout
    assert words in done.stderr


@pytest.mark.parametrize("path", ["", ".", "lib", ":"])
@pytest.mark.parametrize("folder", [".", "project"])
@pytest.mark.sampled(3)
def test_nothing_of_the_checkout_is_run_by_the_step_with_the_key(tmp_path: Path, path: str, folder: str) -> None:
    """A job may well set PYTHONPATH for programs of its own, and then it leads into the checkout."""
    step = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["steps"][-1]
    place = tmp_path / "checkout" / folder
    (place / "lib").mkdir(parents=True)
    ran = [checkout(place), checkout(place / "lib")]
    (place / "manifests").mkdir()
    (place / "manifests/a.yaml").write_text("kind: persona\nname: a\nspec: {persona_name: A, system_prompt: B}\n")
    (tmp_path / "tavusctl").symlink_to(sys.prefix)
    known = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": path,
        "PYTHONSTARTUP": "pip.py",
        "RUNNER_TEMP": str(tmp_path),
        "TAVUSCTL_COMMAND": "validate",
        "GITHUB_REPOSITORY": "owner/name",
    }

    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
        cwd=place,
        env=known,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert [one.read_text() for one in ran if one.exists()] == []


def test_what_is_installed_gets_no_secret() -> None:
    script = (
        "import json, os, runpy\n"
        f"runpy.run_path({str(ROOT / '.ci/environment.py')!r})['keep_what_is_needed']()\n"
        "print(json.dumps(dict(os.environ)))\n"
    )
    secrets = [
        "TAVUS_API_KEY",
        "GITHUB_TOKEN",
        "OPENAI",
        "AWS_SECRET_ACCESS_KEY",
        "PYTHONPATH",
        "ACTIONS_RUNTIME_TOKEN",
    ]
    known = {
        "PATH": os.environ["PATH"],
        "HOME": "/h",
        "PIP_NO_INDEX": "1",
        "https_proxy": "p",
        **dict.fromkeys(secrets, "canary"),
    }

    told = subprocess.run(
        [sys.executable, "-I", "-c", script], env=known, capture_output=True, text=True, check=True
    ).stdout

    assert "canary" not in told
    assert (
        json.loads(told).items()
        >= {"PATH": os.environ["PATH"], "HOME": "/h", "PIP_NO_INDEX": "1", "https_proxy": "p"}.items()
    )


@pytest.mark.parametrize("path", ["", ".", ":"])
@pytest.mark.parametrize("begin", [["-m", "tavusctl"], ["-I", "-m", "tavusctl"]], ids=" ".join)
def test_no_module_of_the_folder_is_run_by_the_module_of_ours(tmp_path: Path, begin: list[str], path: str) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    for one in ("click", "msgspec", "pathlib", "typing", "logging"):
        (folder / f"{one}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({one!r})\n")
    if path:  # such a path is Python's own to follow, long before us
        for one in ("pathlib", "typing", "logging"):
            (folder / f"{one}.py").unlink()
    known = {**{k: v for k, v in os.environ.items() if not k.startswith("COVERAGE")}, "PYTHONPATH": path}

    done = subprocess.run(
        [sys.executable, *begin, "version"], cwd=folder, env=known, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "ran").exists(), (tmp_path / "ran").read_text()


def test_only_an_apply_has_a_pool_of_threads() -> None:
    """Ctrl-C waits for the threads of a pool; an apply decides itself how long, all others use `run_all`."""
    sources = {name(path): path.read_text("utf-8") for path in files("tavusctl", suffix=".py")}

    assert [one for one in sources if "ThreadPoolExecutor" in sources[one]] == ["tavusctl/lib/concurrency.py"]
    assert [one for one in sources if "concurrency.pool(" in sources[one]] == ["tavusctl/engine/apply/walk.py"]


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-c", "import os, tests.conftest; print(os.environ.get('GIT_DIR', ''))"],
        ["make", "--no-print-directory", "--eval", "shown: ; @echo $$GIT_DIR", "shown"],
    ],
    ids=["pytest", "make"],
)
def test_a_hook_of_git_can_run_the_tests(command: list[str]) -> None:
    """Its variables name the repository that everything in it would work on."""
    environment = {**os.environ, "GIT_DIR": "/the-repository-of-the-hook"}
    shown = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert shown.strip() == ""
