"""What a reader types: every shell line of README and of the tutorials, in order, as it is printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tavusctl.emulator import running
from tests.house.tree import ROOT
from tests.pages.shell import blocks, run
from tests.scenarios.project import Account

KEY = "key-of-a-reader-0123456789"
HOME = "https://github.com/tavusctl/tavusctl"
OURS = re.compile(r"TAVUS\w*|CI|GITHUB_\w+|PYTHON\w+|VIRTUAL_ENV|GIT_\w+|COLUMNS|NO_COLOR|FORCE_COLOR")
IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "Reader"), ("EMAIL", "reader@example.com"))
}


def bare(folder: Path, **more: str) -> dict[str, str]:
    """The environment of somebody who has Python, git, and nothing of ours."""
    kept = {name: value for name, value in os.environ.items() if not OURS.fullmatch(name)}
    # What is installed is run once or twice: pip need not compile all of it.
    return {**kept, **IDENTITY, "HOME": str(folder), "TAVUSCTL_MAX_WAIT": "1", "PIP_NO_COMPILE": "1", **more}


def with_tavusctl(folder: Path, **more: str) -> dict[str, str]:
    """The same with the program of this checkout installed."""
    found = bare(folder, **more)
    return {**found, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{found['PATH']}"}


def instead(url: str, repository: Path) -> dict[str, str]:
    """Lets git find a repository of this machine under an address of the page."""
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{repository.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": url,
    }


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words], env=os.environ | IDENTITY, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """An empty folder."""
    (tmp_path / "desk").mkdir()
    return tmp_path / "desk"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """This checkout as the repository that the page names, with what is not committed yet."""
    copy = tmp_path / "tavusctl"
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    git(copy.parent, "init", "-q", "-b", "main", str(copy))
    git(copy, "add", "-A")
    git(copy, "commit", "-q", "-m", "All")
    return copy


@pytest.mark.external
def test_the_readme(desk: Path, checkout: Path) -> None:
    """From an empty folder: install, a demo, an account."""
    with running() as server:
        # The demo takes no address from the environment, and the account of the last block is one of the emulator.
        lines = blocks(ROOT / "README.md")
        account = f"export TAVUS_BASE_URL={server.url} KEY={KEY}\ncd ..\n"
        code, said = run([*lines[:3], account, *lines[3:]], desk, bare(desk, **instead(HOME, checkout)))
        made = Account(server.url, KEY).objects("personas")
    assert code == 0, said
    assert said.count("Apply: 1 done") == 3
    assert "No changes. 1 object up to date." in said
    assert "Doctor: " in said
    assert [one["persona_name"] for one in made.values()] == ["Assistant"]


@pytest.mark.sweep
def test_the_tutorial_on_the_emulator(desk: Path) -> None:
    code, said = run(blocks(ROOT / "docs/tutorials/emulator.md"), desk, with_tavusctl(desk))
    assert code == 0, said
    assert '/persona_name: "Assistant" -> "Helper"' in said
    assert "adopted persona/assistant /persona_name in manifests/personas/assistant.yaml" in said
    assert "delete persona/assistant" in said
    assert "persona_name: Helper" in (desk / "demo/manifests/personas/assistant.yaml").read_text("utf-8")


@pytest.mark.sweep
def test_the_tutorial_with_an_existing_account(desk: Path) -> None:
    prompt = "You coach people who sell things to other people.\nYou are patient, and you never promise a price.\n" * 4
    coach = {"persona_name": "Käufer-Coach", "system_prompt": prompt}
    with running() as server:
        account = Account(server.url, KEY)
        (known,) = account.seed(documents=[{"document_name": "Prices", "document_url": "https://example.com/p.pdf"}])[
            "documents"
        ]
        account.seed(
            personas=[{**coach, "document_ids": [known]}, {"persona_name": "Guide", "system_prompt": "You guide."}]
        )
        environment = with_tavusctl(desk, KEY=KEY, TAVUS_BASE_URL=server.url)
        code, said = run(blocks(ROOT / "docs/tutorials/existing-account.md"), desk, environment)
        prompts = [one["system_prompt"] for one in account.objects("personas").values()]
    assert code == 0, said
    assert said.count("No changes.") == 2
    assert sorted("\n\nAnswer in two sentences at most.\n" in one for one in prompts) == [False, True]
    written = (desk / "my-agents/manifests/personas/kaufer-coach.yaml").read_text("utf-8")
    assert "${ref:document/prices}" in written
    assert git(desk / "my-agents", "status", "--short", "--", "tavusctl.yaml", ".gitignore") == ""


@pytest.mark.sweep
def test_the_tutorial_with_github(desk: Path, tmp_path: Path) -> None:
    hub = tmp_path / "hub.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(hub))
    environment = with_tavusctl(desk, **instead("https://github.com/acme/my-agents.git", hub))
    code, said = run(blocks(ROOT / "docs/tutorials/github.md"), desk, environment)
    assert code == 0, said
    assert "TAVUS_API_KEY" in said
    assert git(hub, "branch", "--list", "--format=%(refname:short)").split() == ["main", "patience"]
    assert ".github/workflows/tavus-apply.yml" in git(hub, "ls-tree", "-r", "--name-only", "main")
    assert (
        git(hub, "diff", "--stat", "main", "patience")
        .splitlines()[0]
        .startswith(" manifests/prompts/assistant.md | 2 ")
    )


@pytest.mark.parametrize(
    "page", ["README.md", *(f"docs/tutorials/{name}.md" for name in ("emulator", "existing-account", "github"))]
)
def test_a_page_hides_no_shell_line_in_another_sort_of_block(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    assert set(re.findall(r"^```(\w*)$", text, re.MULTILINE)) <= {"sh", "yaml", "text", ""}
    others = re.findall(r"^```(?!sh\b)\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert not [one for one in others if re.search(r"^(\$ )?(tavusctl|git|pip|make) ", one, re.MULTILINE)]
    assert blocks(ROOT / page)
