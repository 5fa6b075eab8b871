"""What registries share: JSON Patch on a read, lists from page 0, times that go on."""

from __future__ import annotations

from tavusctl.emulator.account.world import Call
from tavusctl.emulator.bodies import patching
from tavusctl.emulator.bodies.reading import blame_mask
from tavusctl.emulator.http.messages import Json, Malformed, Object, refuse, refuse_message


def patched(call: Call, shown: Object, *, unfit: int) -> Object:
    """A read with the patch of a call carried out; `unfit` is the status for operations that do not fit."""
    try:
        operations = call.request.json()
    except Malformed as error:
        text = "Bad Request. The request body is not valid JSON."
        raise refuse(text) from error
    if not isinstance(operations, list):
        text = "Bad Request. The body must be a JSON Patch, a list of operations."
        raise refuse(text)
    blame_mask(call, operations)
    try:
        return patching.apply(shown, operations, ignore_test=call.world.behaviors["ignore_test"])
    except patching.Unpatchable as error:
        message = "Invalid JSON patch format"
        raise refuse_message(message, unfit) from error


def words(text: Json) -> set[str]:
    """The parts of a comma list in a query."""
    return {word for word in str(text or "").split(",") if word}
