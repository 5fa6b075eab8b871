"""`talk` in a demo: the page of the conversation is there until somebody leaves it, or presses Ctrl-C."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest

from tests.scenarios.project import TAVUSCTL, Project
from tests.scenarios.terminals import environment, heard, terminal
from tests.web import HTTP


@pytest.fixture
def demo(project: Project) -> Project:
    """A demo whose persona is in its account."""
    project.expect(0, "init", "--demo", TAVUS_BASE_URL=None)
    project.expect(0, "apply", "--yes", TAVUS_BASE_URL=None)
    return project


def talked(demo: Project, *, then: Callable[[str, int], object]) -> tuple[int, str]:
    """Talk on a terminal, and do something at the page as soon as its URL is told; the exit code and what was said."""
    variables = {name: value for name, value in environment(demo).items() if name != "TAVUS_BASE_URL"}
    said, url = "", ""
    with terminal([*TAVUSCTL, "talk", "persona/assistant"], demo.root, variables, 160) as (process, outer):
        while part := heard(outer):
            said += part.decode()
            if not url and (match := re.search(r"(http://\S+)[^$]*press Ctrl-C", said)):
                url = match[1]
                then(url, outer)
    return process.returncode, said


def test_it_costs_nothing_asks_nothing_and_ends_when_somebody_leaves_the_page(demo: Project) -> None:
    pages = []

    def visit(url: str, _: int) -> None:
        pages.append(HTTP.get(url).text)
        pages.append(HTTP.post(f"{url}/leave", follow_redirects=True).text)

    code, said = talked(demo, then=visit)

    assert (code, "it is free" in said, "Type yes" in said) == (0, True, False), said
    assert "the conversation has ended" in said
    assert "<b>assistant</b>: Hello." in pages[0]
    assert "This conversation has ended." in pages[1]


def test_ctrl_c_ends_it(demo: Project) -> None:
    code, said = talked(demo, then=lambda _, outer: os.write(outer, b"\x03"))

    (conversation,) = re.findall(r"/rooms/(\w+)", said)
    assert (code, "the conversation has ended" in said) == (0, True), said
    again = demo.expect(0, "talk", "--end", conversation, TAVUS_BASE_URL=None)
    assert again.out == f"{conversation} had ended already\n"


def test_without_a_terminal_it_does_not_wait(demo: Project) -> None:
    result = demo.expect(0, "talk", "persona/assistant", TAVUS_BASE_URL=None)
    assert "its page exists only while `talk` waits in a terminal" in result.err
