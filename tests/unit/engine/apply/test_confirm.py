"""What a binding keeps of the answers of the API while its object is written."""

from __future__ import annotations

from tavusctl.core.binding import Binding
from tavusctl.engine.apply.confirm import with_unconfirmed
from tavusctl.lib.json_types import JsonObject
from tests.unit.engine.apply.applying import COACH, updating


def test_a_write_forgets_the_answers_at_its_places_and_no_others() -> None:
    """The places inside the written one and above it count, too."""
    operation: JsonObject = {"op": "replace", "path": "/layers/llm", "value": {"model": "m"}}
    pointers = ("/layers", "/layers/llm", "/layers/llm/model", "/layers/llm_2", "/system_prompt")
    bound = Binding(COACH, "p1", answered=dict.fromkeys(pointers, "a"))

    during = with_unconfirmed(updating({}, operation), bound)

    assert during.answered == {"/layers/llm_2": "a", "/system_prompt": "a"}
    assert during.unconfirmed == {"/layers/llm": None}
