"""Watched documents: replaced when the file at their address changes, and left alone when it cannot be seen."""

from __future__ import annotations

import hashlib
import http.server
import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from tests.scenarios.project import PLACE, Account, Project
from tests.web import serving

HOOK = "TAVUSCTL_TEST_SOURCES"


@dataclass
class Site:
    """A web site on this machine."""

    origin: str = ""
    content: bytes = b"prices of May"
    etag: str = '"1"'
    status: int = 200
    asked: list[str] = field(default_factory=list)  # If-None-Match of each request
    paths: list[str] = field(default_factory=list)  # of each request


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers.get("If-None-Match", "")
            found.asked.append(known)
            found.paths.append(self.path)
            same = known == found.etag
            self.send_response(304 if same else found.status)
            self.send_header("ETag", found.etag)
            content = b"" if same else found.content
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with serving(Page) as port:
        found.origin = f"http://127.0.0.1:{port}"
        yield found


@pytest.fixture
def watched(account: Account, tmp_path_factory: pytest.TempPathFactory, site: Site) -> Project:
    """A document whose source is watched, and a persona that has read it."""
    project = Project(tmp_path_factory.mktemp("watched"), account, {HOOK: site.origin})
    project.manifest("document", "prices", {"document_name": "P", "document_url": f"{site.origin}/p.pdf"}, watch=True)
    person = {"persona_name": "Coach", "system_prompt": "You sell.", "document_ids": ["${ref:document/prices}"]}
    project.manifest("persona", "coach", person)
    project.apply()
    account.advance(900)
    account.forget()
    return project


def actions(project: Project) -> list[tuple[str, str]]:
    return [(one["action"], one["cause"]) for one in project.plan()["changes"]]


def look(project: Project) -> dict[str, object]:
    """What is kept of the source."""
    kept: dict[str, object] = json.loads(project.run("state", "pull").out)["resources"]["document/prices"]["applied"]
    found = kept["tavusctl:watch"]
    assert isinstance(found, dict)
    return found


def test_a_source_as_it_was_is_asked_once_a_plan_and_nothing_changes(watched: Project, site: Site) -> None:
    site.asked.clear()

    assert actions(watched) == []
    assert site.asked == ['"1"']
    assert look(watched) == {"etag": '"1"', "length": 13, "sha256": hashlib.sha256(b"prices of May").hexdigest()}
    assert all("watch" not in json.dumps(one["body"]) for one in watched.account.requests)


def test_a_source_is_looked_at_although_the_plan_before_had_nothing_to_do(watched: Project, site: Site) -> None:
    for _ in range(2):
        assert watched.run("plan").out == PLACE + "No changes. 2 objects up to date.\n"
    site.content, site.etag = b"prices of June!", '"2"'
    assert "document/prices" in watched.run("plan").out


def test_a_changed_source_is_due_and_replaces_the_document_without_a_gap(watched: Project, site: Site) -> None:
    old = watched.bound("document/prices")
    site.content, site.etag = b"prices of June!", '"2"'

    shown = watched.run("plan", "--detailed-exitcode")
    planned = actions(watched)[0]
    watched.apply()
    site.content, site.etag = b"prices of July", '"3"'
    waiting = watched.apply().out
    watched.account.advance(900)
    watched.apply()
    new = watched.bound("document/prices")

    assert (shown.code, planned) == (2, ("replace", "due"))
    assert "its source changed: 13 bytes (" in shown.out
    assert 'ETag "1" -> "2"' in shown.out
    assert "the old version stays in use" in waiting, "a source that goes on changing does not begin again and again"
    assert (new != old, look(watched)["etag"]) == (True, '"2"')
    assert actions(watched)[0] == ("replace", "due"), "what came while the new version was made is due next"


def test_another_validator_for_the_same_content_is_only_noted(watched: Project, site: Site) -> None:
    site.etag = '"moved to another machine"'

    planned = actions(watched)
    watched.apply()

    assert planned == []
    assert watched.account.writes == []
    assert look(watched)["etag"] == site.etag


@pytest.mark.parametrize("trouble", ["gone", "emptied", "down", "not allowed"])
def test_a_source_that_cannot_be_seen_is_a_warning_and_nothing_is_planned(
    watched: Project, site: Site, trouble: str
) -> None:
    site.content, site.etag = b"other", '"2"'
    if trouble == "gone":
        site.status = 404
    if trouble == "emptied":
        site.content = b""
    hook = "" if trouble == "not allowed" else site.origin
    url = "http://127.0.0.1:9/p.pdf" if trouble == "down" else f"{site.origin}/p.pdf"
    watched.manifest("document", "prices", {"document_name": "P", "document_url": url}, watch=True)

    plan = watched.expect(0, "plan", **{HOOK: hook})

    assert "document/prices: the source could not be checked: " in plan.out
    assert "[TV305 unreachable-source]" in plan.out
    assert "source changed" not in plan.out


def test_no_watch_looks_at_nothing(watched: Project, site: Site) -> None:
    site.content, site.etag = b"other", '"2"'
    site.asked.clear()

    plan = watched.run("plan", "--no-watch")
    apply = watched.run("apply", "--yes", "--no-watch")
    drift = watched.run("drift")
    destroy = watched.run("plan", "--destroy")

    assert "No changes" in plan.out
    assert (apply.code, drift.out, site.asked) == (0, PLACE + "No drift.\n", [])
    assert destroy.code == 0


def test_a_plan_file_holds_while_the_source_stays_and_not_after(watched: Project, site: Site) -> None:
    site.content, site.etag = b"other", '"2"'
    watched.run("plan", "--out", "plan.json")
    site.content, site.etag = b"yet another", '"3"'
    stale = watched.run("apply", "plan.json")
    site.content, site.etag = b"other", '"2b"'
    watched.run("plan", "--out", "plan.json")
    fresh = watched.run("apply", "plan.json")

    assert (stale.code, fresh.code) == (3, 0), stale.err + fresh.err


def test_watching_begins_and_ends_without_a_call(watched: Project, site: Site) -> None:
    """What the file looks like when watching begins is what it is compared with from then on."""
    spec = {"document_name": "P", "document_url": f"{site.origin}/p.pdf"}
    watched.manifest("document", "prices", spec)
    watched.apply()
    site.content, site.etag = b"other", '"2"'
    unwatched = actions(watched)
    watched.manifest("document", "prices", spec, watch=True)
    watched.apply()
    begun = actions(watched)
    site.content, site.etag = b"yet another", '"3"'

    assert (unwatched, begun, actions(watched)[0]) == ([], [], ("replace", "due"))
    assert watched.account.writes == []


@pytest.mark.parametrize("status", [200, 503])
def test_another_url_is_another_source(watched: Project, site: Site, status: int) -> None:
    """What is known of the old one is no condition for a request, and not what the new document is compared with."""
    site.content, site.status = b"prices of another shop", status
    spec = {"document_name": "P", "document_url": f"{site.origin}/q.pdf"}
    watched.manifest("document", "prices", spec, watch=True)
    site.asked.clear()
    watched.apply()
    asked = set(site.asked)
    for _ in range(2):
        watched.account.advance(900)
        watched.apply()
    site.status, site.etag = 200, '"2"'

    assert asked == {""}
    assert "source changed" not in watched.run("plan").out


@pytest.mark.parametrize(
    ("kind", "spec", "message"),
    [
        (
            "document",
            {"document_url": "https://e.com", "crawl": {"depth": 1, "max_pages": 5}},
            "`watch` is for a single file",
        ),
        ("document", {"document_file": "x.pdf", "upload": "s3://a/b"}, "`watch` needs `document_url`"),
        ("persona", {"system_prompt": "x"}, "a persona has no source"),
    ],
)
def test_what_cannot_be_watched_is_told(project: Project, kind: str, spec: dict[str, object], message: str) -> None:
    project.write("manifests/x.pdf", "x")
    project.manifest(kind, "one", spec, watch=True)

    result = project.run("validate", "--format", "json")

    assert [one["id"] for one in result.document["complaints"]] == ["TV116"]
    assert message in result.document["complaints"][0]["message"]


@pytest.mark.parametrize("hook", ["http://example.com", "https://127.0.0.1", "http://127.0.0.1:1/x", "127.0.0.1:1"])
def test_the_hook_of_the_tests_opens_no_other_door(watched: Project, hook: str) -> None:
    watched.expect(12, "plan", **{HOOK: hook})


def test_sources_are_read_in_a_random_order(project: Project, site: Site) -> None:
    """So that, if the time is not enough for all, those at the end are not always the same."""
    for number in range(40):
        url = f"{site.origin}/{number:02}.pdf"
        project.manifest("document", f"d{number:02}", {"document_name": f"D{number}", "document_url": url}, watch=True)

    first: set[str] = set()
    for _ in range(2):
        site.paths.clear()
        project.expect(0, "plan", **{HOOK: site.origin})
        assert len(site.paths) == 40
        first.update(site.paths[:4])

    assert not first <= {f"/{number:02}.pdf" for number in range(10)}
