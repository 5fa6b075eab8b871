"""The law of canaries: no view shows a secret in any encoding, no record holds one, and none holds a mask for one.

What is planted and where is in tests/scenarios/tour.py, and what is done with it in tests/scenarios/journey.py.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tavusctl.secrets import redaction
from tests.scenarios import tour
from tests.scenarios.canaries import ANYWHERE, CORES, ENCODINGS, TYPED, canaries, found_in, keys
from tests.scenarios.journey import travelled
from tests.scenarios.tour import ENVIRONMENT, FRESH, KEY, MASK, SECRET, Tour

pytestmark = pytest.mark.usefixtures("quick_scrypt")

LONG = os.environ.get("TAVUSCTL_LAWS") == "long"
EVERY = [*canaries(), *keys(12)]
OUTER = [one for one in ENCODINGS if one not in ("wrapped", "reversed")]  # what a server may do to what it was sent
INNER = [one for one in ENCODINGS if one != "wrapped"]
journey = pytest.mark.xdist_group("journey")  # one worker travels
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=200)


def pairs(outer: list[str], inner: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """One encoding within another, each with some of the canaries; with all of them in a long run."""
    for place, (first, second) in enumerate((first, second) for first in outer for second in inner):
        some = EVERY if LONG else [EVERY[place % len(EVERY)], EVERY[(7 * place + 3) % len(EVERY)]]
        yield first, second, some


def test_the_canaries_are_made_of_what_encoders_change() -> None:
    assert len(canaries()) == 40
    assert {sign for one in canaries() for sign in one} >= set("-./&<>'\"%#:=?+~${}\\ é✓")
    assert len({*EVERY}) == len(EVERY)


def test_the_scanner_finds_every_canary_in_every_encoding_of_an_encoding() -> None:
    """A scanner that finds nothing proves nothing.  Lines are broken last of all: no packing is made of broken ones."""
    missed = [
        (first, second, one)
        for first, second, some in pairs(list(ENCODINGS), INNER)
        for one in some
        if not found_in(f"before {ENCODINGS[first](ENCODINGS[second](one))} after")
    ]
    assert missed == []


def test_the_scanner_finds_half_of_a_canary() -> None:
    for one in EVERY:
        assert found_in(one[: len(one) // 2 + 3])
        assert found_in(one[len(one) // 2 - 3 :])


@settings(max_examples=settings().max_examples // 5)
@given(WORDS)
def test_the_scanner_finds_nothing_where_nothing_is(text: str) -> None:
    for encode in ENCODINGS.values():
        assert found_in(encode(text)) == []


def test_no_encoding_of_a_secret_that_a_server_sends_back_is_shown() -> None:
    """Nor one within another; what is around it stays."""
    shown = []
    for first, second, some in pairs(OUTER, INNER):
        if (first, second) in (("UTF-16", "UTF-16"), ("UTF-16", "reversed")):
            continue  # signs beyond ASCII are gone when such bytes are read as UTF-8, and with them the secret
        for one in some:
            with redaction.isolated_run():
                redaction.register(one)
                said = redaction.redacted_words(f'refused: "{ENCODINGS[first](ENCODINGS[second](one))}" is none')
            if found_in(said) or not (said.startswith("refused: ") and said.endswith(" is none")):
                shown.append((first, second, one, said))
    assert shown == []


def test_a_piece_of_a_secret_is_not_quoted_in_words_about_the_text_that_it_stands_in() -> None:
    """A complaint about a part of a text, such as what looks like an expression, tells no part of a secret in it."""
    for one in EVERY:
        with redaction.isolated_run():
            redaction.register(one)
            about = redaction.redactor_for(f"key: {one}\n")
            for start in range(len(one) - 12):
                for end in (start + 12, len(one)):
                    assert found_in(about(f"unknown tag {one[start:end]!r}")) == [], one[start:end]
            assert about("unknown tag 'ordinary'") == "unknown tag 'ordinary'"
        assert redaction.redactor_for(f"key: {one}\n")("ordinary words") == "ordinary words"


@pytest.fixture(scope="module")
def loud(tmp_path_factory: pytest.TempPathFactory) -> Tour:
    return travelled(tmp_path_factory.mktemp("loud"), is_loud=True)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Tour:
    return travelled(tmp_path_factory.mktemp("quiet"), is_loud=False)


@pytest.fixture(params=["quiet", pytest.param("loud", marks=pytest.mark.sweep)])
def either(request: pytest.FixtureRequest) -> Tour:
    found: Tour = request.getfixturevalue(request.param)
    return found


@journey
@pytest.mark.sweep
def test_every_command_was_run_in_every_format(loud: Tour) -> None:
    """A new command, or a new format of one, needs its place in the journey."""
    assert loud.missing == []


@journey
@pytest.mark.sweep
def test_nothing_was_merely_refused(loud: Tour, quiet: Tour) -> None:
    """Each command did its work at least once: what ends at once shows nothing and keeps nothing."""
    done = {path for one in (loud, quiet) for path, codes in one.codes.items() if 0 in codes}
    steps = {path for path in tour.COMMANDS if path.startswith("github ")}  # they are commands of their own, too
    # An emulator would go on, and a lock of a local file ends with its holder.
    assert set(tour.COMMANDS) - done - steps == {"emulator", "state unlock"}


@journey
def test_no_view_shows_a_canary(either: Tour) -> None:
    assert either.canaries_in_views == []


@journey
def test_no_record_holds_a_canary_or_a_mask(either: Tour) -> None:
    assert either.canaries_in_records == []


@journey
def test_records_of_every_sort_were_looked_at(quiet: Tour) -> None:
    kept = [what for what, _ in quiet.records]
    for sort in (
        "runs/",
        "trash/",
        "plan.json",
        "state-",
        "pulled.json",
        "export/personas/p.yaml",
        ".env",
        "state pull",
    ):
        assert any(sort in what for what in kept), sort


@journey
def test_a_key_that_is_new_in_the_account_is_adopted_by_its_name(quiet: Tour) -> None:
    """In the files of git, and in the pull request; the account had it, and no file has."""
    files = {what: text for what, text in quiet.records if what.startswith("git: ")}
    name = "PERSONA_P_LLM_BASE_URL_API_KEY"
    assert f"?api_key=${{secret:{name}}}" in files["git: manifests/persona.yaml"]
    assert name in files["git: tavusctl.yaml"]
    assert any(name in text for what, text in quiet.views if what.startswith("github adopt") and "GitHub" in what)
    assert found_in(FRESH, [TYPED])


@journey
def test_the_account_has_the_keys_and_no_mask(either: Tour) -> None:
    """Neither in a text, nor as a key: what it has of these is told by their digests alone."""
    known = {hashlib.sha256(one.encode()).hexdigest() for one in (*SECRET, FRESH)}
    of_tools_and_doors = {hashlib.sha256(one.encode()).hexdigest() for one in (*SECRET[4:9], SECRET[10])}
    for one in either.stored:
        secret = {pointer.split("/")[1]: None for pointer in one["secrets"]}  # the side channel masks what is there
        assert MASK not in json.dumps({**one["document"], **secret})
        assert set(one["secrets"].values()) <= known
    assert any(one["secrets"] for one in either.stored)
    assert of_tools_and_doors <= {digest for one in either.stored for digest in one["secrets"].values()}
    assert any(SECRET[11] in (one["document"].get("callback_url") or "") for one in either.stored)


@journey
@pytest.mark.sweep
def test_the_scan_would_have_found_them(loud: Tour) -> None:
    """The control: without a run that knows them, the same texts show canaries, and the manifests have them all."""
    texts = "".join(path.read_text("utf-8") for path in (loud.project.root / "manifests").rglob("*") if path.is_file())
    assert found_in(texts, [ANYWHERE])
    assert len(tour.PLACES) > 40
    blind = loud.project.run("validate", **{**ENVIRONMENT, **dict.fromkeys(tour.VARIABLES)})
    assert found_in(blind.out + blind.err, [ANYWHERE])
    assert found_in(KEY, [TYPED])
    assert CORES[:2] == (TYPED, ANYWHERE)
