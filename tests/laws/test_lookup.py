"""What a create has made is found among strangers, whatever was sent and however the server spells it."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.core.model import Live
from tavusctl.engine.compare import match_create
from tavusctl.engine.compare.desired import new_document, sent_name
from tavusctl.engine.compare.match_create import SentCreate
from tavusctl.engine.diff import applied
from tavusctl.lib.json_types import JsonObject
from tests.laws.specs import SPECS, as_read, desired

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as sent": lambda text: text,
    "trimmed": lambda text: f"{text}".strip(),
    "composed": lambda text: unicodedata.normalize("NFC", text),
    "escaped": html.escape,
    "in lower case": str.lower,
    "collapsed": lambda text: " ".join(text.split()),
    "cut": lambda text: text[:20],
}
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=60)


@pytest.mark.parametrize("style", SPELLINGS)
@pytest.mark.parametrize("kind", SPECS)
@given(data=st.data())
def test_what_was_sent_is_found_however_it_is_spelled(kind: str, style: str, data: st.DataObject) -> None:
    wanted = desired(kind, data.draw(SPECS[kind]))
    name = sent_name(wanted)
    sent = SentCreate(wanted.kind, applied(wanted), name)
    body = as_read(wanted.kind, new_document(wanted))
    key = wanted.kind.name_field
    body = {**body, key: SPELLINGS[style](body[key])}
    stranger = Live(wanted.kind, "theirs", {key: "Somebody else's", "system_prompt": "Theirs.", "data": []}, "Else")
    mine = Live(wanted.kind, "mine", body, body[key])

    assert match_create.created_id(sent, [stranger, mine], {"theirs"}) == "mine"
    assert match_create.is_created_object(sent, mine)
    assert match_create.created_id(sent, [stranger, mine], {"theirs", "mine"}) == ""


@given(text=TEXTS, style=st.sampled_from(sorted(SPELLINGS)))
def test_a_text_is_similar_to_what_a_server_makes_of_it(text: str, style: str) -> None:
    kept = SPELLINGS[style](text)
    left = len(match_create.plain_text(kept).casefold().rstrip(".\u2026 "))
    whole = match_create.plain_text(text).casefold().startswith(match_create.plain_text(kept).casefold())

    assert match_create.similar_text(text, kept) or left < 8 or (style == "cut" and not whole)


@given(one=TEXTS, other=TEXTS)
def test_one_name_has_one_spelling(one: str, other: str) -> None:
    """Spelling twice changes nothing, and names are the same in both directions."""
    assert match_create.plain_text(match_create.plain_text(one)) == match_create.plain_text(one) or "&" in one
    assert match_create.same_name(one, other) == (match_create.same_name(other, one) or not one or not other)


def test_strangers_are_found_without_looking_at_each() -> None:
    """A thousand creates beside ten thousand objects."""
    wanted = desired("persona", {"persona_name": "Coach 7", "system_prompt": "You coach."})
    live = [_persona(number) for number in range(10_000)]
    strangers = match_create.UnmanagedObjects(live)

    found = [strangers.find_duplicates(wanted.kind, wanted.spec, f"Coach {number}") for number in range(1000)]

    assert [[one.remote_id for one in ones] for ones in found] == [[f"p{number}"] for number in range(1000)]


def _persona(number: int) -> Live:
    name = f"Coach {number}"
    body: JsonObject = {"persona_name": name, "system_prompt": "Hi."}
    return Live(desired("persona", {}).kind, f"p{number}", body, name)
