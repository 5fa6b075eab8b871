"""Lint rule for blank texts among others: in a list of texts, or as the condition of a next objective."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tavusctl.fields.places import Declared
from tavusctl.lint.core import Finding, Subject

_CONDITIONS: Final = "next_conditional_objectives"
_CHECKED: Final = ("next_required_objectives", "output_variables")  # by a rule for names, which finds a blank one, too


def blank_text(subject: Subject) -> Iterator[Finding]:
    """Report a blank text in a list of texts, and a blank condition."""
    for place, text in subject.texts:
        holder = place.declared.pattern[-2:-1]
        if not holder or not (text == "" or text.isspace()):
            continue
        if holder == (_CONDITIONS,):
            target = place.path[-1]
            hint = f"write when `{target}` follows; an objective that always follows is a `next_required_objective`"
            yield Finding(place.pointer, f"the condition for `{target}` is blank", hint)
        elif _is_item(place.declared) and holder[0] not in _CHECKED:
            yield Finding(place.pointer, f"an item of `{holder[0]}` is blank", "write a text, or remove the item")


def _is_item(declared: Declared) -> bool:
    """Whether a place is that of an item of a list of texts, and not that of a reference or in a free-form object."""
    return declared.pattern[-1] == "*" and not declared.is_free and not declared.traits.refers_to
