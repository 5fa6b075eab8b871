"""Live edits of where the calls of a tool go: adopted whole, with a name for the key, or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.project import Account, Body, Project

pytestmark = [pytest.mark.newer_api, pytest.mark.usefixtures("quick_scrypt")]

KEY, FORMER = "0f1e2d3c4b5a69788796a5b4", "5b4a39281706f5e4d3c2b1a0"
URL = "https://hooks.example.com/book"
AUTHS: dict[str, Body] = {
    "bearer": {"token": KEY},
    "basic": {"username": "tavus", "password": KEY},
    "api_key": {"name": "X-Key", "value": KEY},
    "hmac": {"secret": KEY},
    "oauth2_client_credentials": {
        "token_url": "https://login.example.com/token",
        "client_id": "tavus",
        "client_secret": KEY,
    },
}
# The delivery of the manifest.
BEFORE: dict[str, Body] = {
    "the application": {"app_message": True},
    "an address without a key": {"api": {"url": URL, "auth": {"type": "none"}}},
    "an address with a key": {"api": {"url": URL, "auth": {"type": "bearer", "token": "${secret:FORMER}"}}},
}


@pytest.fixture
def project(account: Account, tmp_path: Path) -> Project:
    made = Project(tmp_path, account, {"FORMER": FORMER})
    made.write("tavusctl.yaml", "secrets: [FORMER]\nmanifests: manifests\n")
    return made


def tool(project: Project, delivery: Body) -> Path:
    path = project.manifest("tool", "book", {"name": "book", "description": "Book.", "delivery": delivery})
    project.apply()
    return path


def deliver(project: Project, delivery: Body) -> None:
    """What somebody sets in the portal."""
    operation = {"op": "replace", "path": "/delivery", "value": delivery}
    project.account.portal("tools", project.bound("tool/book"), operation)
    project.account.forget()


def delivery_of(path: Path) -> Any:
    return json.loads(path.read_text())["spec"].get("delivery")


# A key that takes the place of another of the same `type` is hidden, and is not known to be another.
CASES = [
    pytest.param(auth, before, mask, id=f"{auth}, {before}, {mask}")
    for auth in AUTHS
    for before in BEFORE
    for mask in ("stars", "omit", "null", "blank", "word")
    if (auth, before) != ("bearer", "an address with a key")
]


@pytest.mark.sampled(6)
@pytest.mark.parametrize(("auth", "before", "mask"), CASES)
def test_an_address_with_a_key_is_adopted_with_a_name_for_the_key(
    project: Project, auth: str, before: str, mask: str
) -> None:
    project.account.switch(mask=mask)
    path = tool(project, BEFORE[before])
    live = {"api": {"url": URL, "method": "PUT", "auth": {"type": auth, **AUTHS[auth]}}}
    deliver(project, live)

    adopted = project.run("adopt", "tool/book")

    assert adopted.code == 0, adopted.out + adopted.err
    (hidden,) = [key for key, value in AUTHS[auth].items() if value == KEY]
    name = f"TOOL_BOOK_API_AUTH_{hidden.upper()}"
    signing = delivery_of(path)["api"]["auth"]
    assert signing == {"type": auth, **AUTHS[auth], hidden: f"${{secret:{name}}}"}
    assert "app_message" not in delivery_of(path)
    project.environment[name] = KEY
    project.apply("--overwrite", "tool/book")
    project.account.forget()
    project.apply()
    assert (project.account.writes, project.plan()["changes"]) == ([], [])
    (shown,) = project.account.objects("tools").values()
    assert (shown["delivery"]["api"]["method"], shown["delivery"]["api"]["auth"]["type"]) == ("PUT", auth)


def test_what_cannot_be_adopted_takes_along_what_would_no_longer_be_managed_without_it(project: Project) -> None:
    """Without `app_message`, and without the address, the manifest would say nothing of the delivery."""
    path = tool(project, {"app_message": True})
    before = path.read_text()
    deliver(project, {"api": {"url": f"https://hooks.example.com/{FORMER}"}})
    changes = project.plan()["changes"]

    adopted = project.run("adopt", "tool/book")

    assert adopted.code == 4
    assert "refused tool/book /delivery/api: " in adopted.out
    reason = "/delivery/api cannot be adopted, and would not be managed any more"
    assert f"refused tool/book /delivery/app_message: {reason}" in adopted.out
    assert (path.read_text(), project.plan()["changes"]) == (before, changes)
