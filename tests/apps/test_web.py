"""A page on Vite, in a browser: it reads its `.env` and calls the emulator itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import npm
from tests.apps.account import calls, replica
from tests.apps.processes import ROOT, started
from tests.scenarios.project import Project

pytestmark = [pytest.mark.external, pytest.mark.needs("npm", "chromium")]

WEB = ROOT / "tests/apps/web"
expect.set_options(timeout=30_000)  # milliseconds: machines that run tests are busy


@contextmanager
def page(project: Project, browser: Browser, settings: str) -> Iterator[Page]:
    """The page as its developer sees it, with `.env` as `tavusctl output` has brought it up to date."""
    folder = project.root / "web"
    shutil.copytree(WEB, folder, ignore=shutil.ignore_patterns("node_modules"))
    (folder / ".env").write_text(settings)
    project.expect(0, "output", "--write", "web/.env", "VITE_*")
    vite = npm.installed(WEB) / "vite/bin/vite.js"
    with started(["node", str(vite), "--host", "127.0.0.1", "--port", "0"], folder) as url:
        tab = browser.new_page()
        tab.goto(url)
        yield tab
        tab.close()


def of(project: Project, key: str) -> str:
    """The lines of `.env` that are the developer's own."""
    lines = (
        "# any key",
        f"VITE_TAVUS_API_KEY={key} # ours",
        f"VITE_TAVUS_BASE_URL={project.account.url}",
        "VITE_SESSION=7",
    )
    return "".join(f"{line}\n" for line in lines)


def test_a_page_verifies_its_persona_converses_and_ends(project: Project, browser: Browser) -> None:
    own, persona = of(project, project.account.key), project.bound("persona/coach")

    with page(project, browser, own) as tab:
        expect(tab.locator("#persona")).to_have_text("Coach")
        tab.get_by_role("button", name="Start").click()
        expect(tab.get_by_role("status")).to_have_text("active")
        room = tab.frame_locator("#room")
        room.get_by_role("textbox").fill("I am here.")
        room.get_by_role("button", name="Say").click()
        expect(room.get_by_role("listitem").last).to_have_text("user: I am here.")
        tab.get_by_role("button", name="End").click()
        expect(tab.get_by_role("status")).to_have_text("ended")

    assert (project.root / "web/.env").read_text() == (
        f"{own}VITE_TAVUS_PERSONA_ID={persona}\nVITE_TAVUS_REPLICA_ID={replica(project, 'anna')}\n"
    )
    (ident,) = project.account.objects("conversations")
    wanted = {
        "conversation_name": "page_alone_7",
        "persona_id": persona,
        "replica_id": replica(project, "anna"),
        "callback_url": "https://app.example.com/api/tavus/callback",
        "properties": {
            "max_call_duration": 300,
            "participant_left_timeout": 60,
            "participant_absent_timeout": 120,
            "enable_recording": True,
            "enable_transcription": True,
            "language": "English",
        },
    }
    assert calls(project) == [
        ("GET", f"/v2/personas/{persona}", None, 200),
        ("POST", "/v2/conversations", wanted, 200),
        ("POST", f"/v2/conversations/{ident}/end", None, 200),
        ("GET", f"/v2/conversations/{ident}", None, 200),
    ]


def test_a_persona_that_is_made_anew_makes_the_settings_stale_until_they_are_written(
    project: Project, browser: Browser
) -> None:
    with page(project, browser, of(project, project.account.key)) as tab:
        expect(tab.get_by_role("status")).to_have_text("ready")
        old = project.bound("persona/coach")
        project.account.portal_delete("personas", old)
        tab.reload()
        expect(tab.get_by_role("status")).to_have_text("400: Invalid persona_id")
        project.apply()
        stale = project.run("output", "--check", "web/.env", "VITE_*")
        project.run("output", "--write", "web/.env", "VITE_*")
        new = project.bound("persona/coach")
        # Vite notices the file by itself, and loads the page again.
        expect(tab.locator("#ids")).to_have_text(f"{new} {replica(project, 'anna')}")
        expect(tab.get_by_role("status")).to_have_text("ready")

    assert (stale.code, stale.out) == (2, f"web/.env: VITE_TAVUS_PERSONA_ID is not {new}\n")
    assert old != new
    project.expect(0, "output", "--check", "web/.env", "VITE_*")


@pytest.mark.sampled(1)
@pytest.mark.parametrize(("key", "told"), [("", "mock"), ("revoked", "401: Invalid access token")])
def test_a_page_without_a_key_that_is_taken_says_so(project: Project, browser: Browser, key: str, told: str) -> None:
    project.account.switch(keys={"revoked": None})

    with page(project, browser, of(project, key)) as tab:
        expect(tab.get_by_role("status")).to_have_text(told)
        expect(tab.locator("#ids")).to_have_text(f"{project.bound('persona/coach')} {replica(project, 'anna')}")
        assert tab.get_by_role("button", name="Start").is_disabled()
