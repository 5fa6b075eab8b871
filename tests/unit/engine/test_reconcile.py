"""What a plan refuses to be made of."""

from __future__ import annotations

import pytest

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import StateError
from tavusctl.engine.reconcile import check_single

COACH, OTHER = Address("persona", "coach"), Address("persona", "other")


def test_two_addresses_of_one_object_are_an_error() -> None:
    with pytest.raises(
        StateError, match="`persona/coach` and `persona/other` are bound to the same object, p1"
    ) as found:
        check_single([Binding(COACH, "p1"), Binding(OTHER, "p1")])
    assert found.value.id == "E917"


def test_one_id_of_two_kinds_is_of_two_objects() -> None:
    check_single([Binding(COACH, "x1"), Binding(Address("replica", "coach"), "x1"), Binding(OTHER, "p2")])


@pytest.mark.parametrize("replaced", [Binding(COACH, "p2", retired=("p1",)), Binding(COACH, "p2", successor="p1")])
@pytest.mark.parametrize("order", [1, -1])
def test_the_hint_about_a_version_of_a_replaced_object_says_which_replacement_it_belongs_to(
    replaced: Binding, order: int
) -> None:
    with pytest.raises(StateError, match="are bound to the same object, p1") as found:
        check_single([replaced, Binding(OTHER, "p1")][::order])

    assert "a replacement of `persona/coach` is to use or to delete it" in found.value.hint
    assert "run `tavusctl state rm persona/coach` to leave it to `persona/other`" in found.value.hint
