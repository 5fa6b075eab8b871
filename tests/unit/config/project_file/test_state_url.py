"""Which `state:` leads somewhere, and what is probably meant by one that does not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tavusctl.config.project_file.state_scheme import is_file
from tavusctl.config.project_file.state_url import state_fault
from tavusctl.state.file.store import FileStore
from tavusctl.state.stores import open_store

RIGHT = [
    "",
    "git",
    "git?ref=refs/heads/tavusctl-state",
    "git+https://example.com/acme/state.git",
    "git+git@example.com:acme/state.git?ref=refs/tavusctl/prod",
    "s3://acme/staging",
    "gs://acme",
    "az://acme/prod/",
    "file:///srv/state.json",
    "file://state.json",
    "state.json",
    "./gti",
    "states/prod",
    "/srv/states/prod",
    "./a:b",
    "git/state.json",
    "git.json",
]
WRONG = {
    "gti": "did you mean `git`? Write `./gti` for a file",
    "Git": "did you mean `git`?",
    "GIT?ref=refs/heads/x": "did you mean `git`?",
    "local": "known: `git`, `git+URL`, `s3://BUCKET/PREFIX`",
    "s3": "did you mean `s3://BUCKET/PREFIX`?",
    "s3:/b/x": "did you mean `s3://BUCKET/PREFIX`?",
    "file:state.json": "did you mean `file://PATH`?",
    "S3://b/x": "did you mean `s3://BUCKET/PREFIX`?",
    "gcs://b/x": "did you mean `gs://BUCKET/PREFIX`?",
    "ftp://x/y": "known: `git`",
    "https://example.com/acme/state.git": "write `git+` before",
    "git@example.com:acme/state.git": "write `git+` before",
    "s3://": "write it like `s3://BUCKET/PREFIX`",
    "s3:///team": "write it like `s3://BUCKET/PREFIX`",
    "az:///prefix": "write it like `az://CONTAINER/PREFIX`",
    "gs://bucket/x?y": "write it like `gs://BUCKET/PREFIX`",
    "file://": "write it like `file://PATH`",
    "git+": "write `git` for the remote",
    "git?rev=main": "git?ref=refs/heads/tavusctl-state",
    "git?ref=main": "git?ref=refs/heads/tavusctl-state",
    "git?ref=refs/heads/a.lock": "git?ref=refs/heads/tavusctl-state",
}


@pytest.mark.parametrize("url", RIGHT)
def test_what_leads_somewhere_is_right(url: str) -> None:
    assert state_fault(url) is None


@pytest.mark.parametrize("url", [one for one in RIGHT if "://" not in one or one.startswith("file")])
def test_what_is_called_a_file_is_opened_as_one(url: str, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    subprocess.run(["git", "remote", "add", "origin", "https://git.example/a.git"], cwd=tmp_path, check=True)

    assert is_file(url) == isinstance(open_store(url, tmp_path, "default"), FileStore)


@pytest.mark.parametrize(("url", "hint"), WRONG.items())
def test_what_leads_nowhere_is_told_with_what_would_be_right(url: str, hint: str) -> None:
    fault = state_fault(url)

    assert fault is not None
    assert (fault.id, hint in fault.hint) == ("TV117", True), fault
