"""Deliveries of tools in which the account has more than the manifest says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.project import Body, Project

pytestmark = pytest.mark.newer_api

URL = "https://hooks.example.com/book"
BODY = {"day": "{day}"}
DAY = {"type": "object", "properties": {"day": {"type": "string"}}}


def tool(project: Project, **more: Any) -> None:
    spec = {"name": "book", "description": "Book.", "parameters": DAY, **more}
    project.manifest("tool", "book", spec)


def deliver(project: Project, delivery: Body) -> None:
    """What somebody sets in the portal."""
    operation = {"op": "replace", "path": "/delivery", "value": delivery}
    project.account.portal("tools", project.bound("tool/book"), operation)
    project.account.forget()


def delivery(project: Project) -> Body:
    (shown,) = project.account.objects("tools").values()
    found: Body = shown["delivery"]
    return found


def settled(project: Project) -> bool:
    """Whether the next apply makes no call."""
    project.account.forget()
    project.apply()
    return project.account.writes == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize("added", [False, True], ids=["applied", "added"])
def test_a_body_takes_the_place_of_a_method_that_has_none(project: Project, method: str, *, added: bool) -> None:
    tool(project, delivery={"api": {"url": URL} if added else {"url": URL, "body_template": BODY}})
    project.apply()
    deliver(project, {"api": {"url": URL, "method": method}})
    tool(project, delivery={"api": {"url": URL, "body_template": BODY}})

    fields = {one["path"]: one["cause"] for change in project.plan()["changes"] for one in change["fields"]}
    project.apply()

    cause = "edited" if added else "drifted"
    assert fields == {"/delivery/api/body_template/day": cause, "/delivery/api/method": cause}
    assert delivery(project)["api"] == {"url": URL, "method": "POST", "body_template": BODY}
    assert settled(project)


def test_a_method_that_has_a_body_stays(project: Project) -> None:
    tool(project, delivery={"api": {"url": URL, "body_template": BODY}})
    project.apply()
    deliver(project, {"api": {"url": URL, "method": "PUT"}})

    project.apply()

    assert delivery(project)["api"] == {"url": URL, "method": "PUT", "body_template": BODY}
    assert settled(project)


def test_a_dropped_address_goes_with_what_others_added_to_it(project: Project) -> None:
    """Without its URL, an address is none: what is left of it cannot stay, and the plan shows it."""
    tool(project, delivery={"api": {"url": URL, "auth": {"type": "none"}}})
    project.apply()
    deliver(project, {"api": {"url": URL, "auth": {"type": "none"}, "content_type": "text/plain", "timeout": 10}})
    tool(project)

    (change,) = project.plan()["changes"]
    project.apply()

    live = {one["path"]: (one["cause"], one["live"], one["desired"]) for one in change["fields"]}
    assert live == {
        "/delivery/api/auth/type": ("edited", "none", None),
        "/delivery/api/content_type": ("edited", "text/plain", None),
        "/delivery/api/url": ("edited", URL, None),
    }
    assert change["patch"] == [{"op": "replace", "path": "/delivery", "value": {"app_message": True}}]
    assert delivery(project) == {"app_message": True}
    assert settled(project)
