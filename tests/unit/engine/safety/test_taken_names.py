"""Names that an account accepts only once, in a long chain: each step takes the name that the next one frees."""

from __future__ import annotations

from tavusctl.core.address import Address, Source
from tavusctl.core.model import Action, Cause, Change, Desired, Live, Refusal
from tavusctl.engine.safety import taken_names
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject

TOOL = KINDS["tool"]
LENGTH = 1500  # more steps than Python nests calls
ADDRESSES = [Address("tool", f"t{number}") for number in range(LENGTH)]
NAMES = [f"n{number}" for number in range(LENGTH + 1)]
LIVE = [
    Live(TOOL, f"id-of-{name}", {"name": name}, name, address=one) for one, name in zip(ADDRESSES, NAMES, strict=False)
]
HELD = taken_names.holders(LIVE)


def rename(number: int) -> Change:
    """The change that gives a tool the name of the next one."""
    live, name = LIVE[number], NAMES[number + 1]
    operation: JsonObject = {"op": "replace", "path": "/name", "value": name}
    desired = Desired(ADDRESSES[number], {"name": name}, Source("m.yaml", 1, 1), kind=TOOL)
    return Change(
        Action.UPDATE,
        Cause.EDITED,
        ADDRESSES[number],
        live.remote_id,
        patch=(operation,),
        desired=desired,
        live=live,
    )


def test_a_long_chain_is_done_from_its_free_end() -> None:
    steps = taken_names.in_order([rename(number) for number in range(LENGTH)], HELD)

    assert [step.address for step in steps] == ADDRESSES[::-1]


def test_a_long_chain_is_refused_as_a_whole_where_its_end_is() -> None:
    """Each refusal names the next tool, whose own change is refused, in place of advice to rename it too."""
    *others, last = [rename(number) for number in range(LENGTH)]
    refusal = Refusal(last, "E301", 3, "changed on both sides", "choose")

    judged = taken_names.refuse([*((one, None) for one in others), (last, refusal)], HELD)

    assert judged[-1] == (last, refusal)
    texts = [(one.reason, one.hint) for _, one in judged[:-1] if one]
    assert texts == [
        (f"the name is taken in the account by {owner}, whose change is refused", f"do first what {owner} needs")
        for owner in ADDRESSES[1:]
    ]
