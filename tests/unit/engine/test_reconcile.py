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
