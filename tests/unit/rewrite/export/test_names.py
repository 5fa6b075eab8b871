"""Names for objects that have none: fit for addresses and files, the same on every run, never shared."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.core.address import NAME, Address
from tavusctl.core.model import Live
from tavusctl.kinds import KINDS
from tavusctl.rewrite.export import addresses
from tavusctl.rewrite.export.names import slug

IDS = st.text("abcdef0123456789", min_size=1, max_size=14).map("p".__add__) | st.text(min_size=1, max_size=30)
TITLES = st.sampled_from(["Coach", "coach", "COACH!", "Coach abc", "con", "LPT1", "", "🙂", "../../etc"]) | st.text()
OBJECTS = st.lists(st.tuples(st.sampled_from(sorted(KINDS)), IDS, TITLES), unique_by=lambda one: one[:2], max_size=12)


def live(kind: str, remote_id: str, name: str) -> Live:
    return Live(KINDS[kind], remote_id, {}, name=name)


def named(*objects: tuple[str, str], taken: frozenset[Address] = frozenset()) -> dict[str, str]:
    """Names of personas, by id."""
    given_ = addresses([live("persona", remote_id, name) for remote_id, name in objects], taken)
    return {remote_id: address.name for (_, remote_id), address in given_.items()}


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Sales Coach", "sales-coach"),
        ("  Coach, v2.1 (EU) ", "coach-v2-1-eu"),
        ("What's new?", "whats-new"),
        ("Käuferinnen & Søn", "kauferinnen-son"),
        ("Привет, мир", "privet-mir"),
        ("日本 コーチ", "riben-kochi"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:\\Windows\x00\x1b[31m", "c-windows-31m"),
        ("---", ""),
        ("\ud800", ""),
    ],
)
def test_a_title_becomes_a_name(title: str, name: str) -> None:
    assert slug(title) == name


def test_a_long_title_is_cut_between_words() -> None:
    assert slug("word " * 3000) == "-".join(["word"] * 12)
    assert slug("x" * 10_000) == "x" * 63


def test_namesakes_all_carry_a_piece_of_their_id() -> None:
    assert named(("p1234567890a", "Coach"), ("p7e13c73f41f", "coach!")) == {
        "p1234567890a": "coach-67890a",
        "p7e13c73f41f": "coach-73f41f",
    }


def test_a_namesake_of_what_is_there_gives_way() -> None:
    assert named(("p7e13c73f41f", "Coach"), taken=frozenset({Address("persona", "coach")})) == {
        "p7e13c73f41f": "coach-73f41f"
    }


def test_an_object_without_a_name_is_called_by_its_id() -> None:
    assert named(("p7e13c73f41f", "🙂\u200b"[1:]), ("p1", "")) == {
        "p7e13c73f41f": "persona-p7e13c73f41f",
        "p1": "persona-p1",
    }


@pytest.mark.parametrize("title", ["CON", "aux", "Lpt9", "nul"])
def test_names_that_windows_keeps_for_itself_are_not_given(title: str) -> None:
    assert named(("p7e13c73f41f", title)) == {"p7e13c73f41f": f"{title.lower()}-73f41f"}


@given(OBJECTS, st.randoms())
def test_names_are_valid_and_unique_in_any_order(objects: list[tuple[str, str, str]], chance: random.Random) -> None:
    """Also beside names that are taken."""
    taken = frozenset({Address("persona", "coach"), Address("document", "coach-abc")})
    given_ = addresses([live(*one) for one in objects], taken)
    chance.shuffle(objects)

    assert len({*given_.values(), *taken}) == len(objects) + len(taken)
    assert all(NAME.fullmatch(address.name) and address.kind == kind for (kind, _), address in given_.items())
    assert addresses([live(*one) for one in objects], taken) == given_
