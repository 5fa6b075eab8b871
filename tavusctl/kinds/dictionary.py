"""Pronunciation dictionaries: how words are spoken.  A change takes effect at once for every persona that uses one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from pydantic import Field

from tavusctl.core.messages import literal
from tavusctl.core.resource_kind import FieldTraits, Listing, ResourceKind, Update
from tavusctl.core.schema.model_fields import KnownValues
from tavusctl.core.schema.spec_model import Model, Violation, cross_field_validator
from tavusctl.kinds.common.field_types import Filled, optional
from tavusctl.kinds.common.normalise import COMPUTED, normaliser
from tavusctl.lib.json_types import JsonObject

_ID: Final = "pronunciation_dictionary_id"


class Pronunciation(Model):
    """How one text is spoken."""

    text: Filled = Field(description="What is written.", max_length=200)
    pronunciation: Filled = Field(description="What is said.", max_length=500)
    type: Annotated[Filled, KnownValues("alias", "ipa")] = Field(
        description="`alias`: other words; `ipa`: signs of the International Phonetic Alphabet."
    )
    alphabet: Annotated[str, KnownValues("ipa")] | None = optional("Always `ipa`; may be left out.")
    case_sensitive: bool | None = optional("Whether capitals matter.")
    word_boundaries: bool | None = optional("Whether only whole words are meant.")


class Dictionary(Model):
    """A dictionary as it is written."""

    name: Filled | None = optional("Name shown in lists.", max_length=255)
    rules: list[Pronunciation] | None = optional("The pronunciations.", max_length=10_000)

    @cross_field_validator
    @classmethod
    def says_each_text_once(cls, given: JsonObject) -> Iterator[Violation]:
        """A text has one pronunciation."""
        texts = set[str]()
        rules = given.get("rules")
        for index, rule in enumerate(rules if isinstance(rules, list) else ()):
            text = rule.get("text") if isinstance(rule, dict) else None
            if isinstance(text, str) and text in texts:
                yield ("rules", str(index)), "not_together", f"{literal(text)} is in this dictionary twice; remove one"
            elif isinstance(text, str):
                texts.add(text)


_DROPPED: Final = COMPUTED | {_ID, "rules_count"}

FIELDS: Final[Mapping[str, FieldTraits]] = {
    "/name": FieldTraits(cannot_be_unset=True),
    "/rules": FieldTraits(keyed_by="text"),
    "/rules/*/alphabet": FieldTraits(defaults=("ipa",)),
    "/rules/*/case_sensitive": FieldTraits(defaults=(False,)),
    "/rules/*/word_boundaries": FieldTraits(defaults=(True,)),
}


DICTIONARY: Final = ResourceKind(
    name="dictionary",
    collection="/v2/pronunciation-dictionaries",
    id_fields=(_ID,),
    name_field="name",
    update=Update.JSON_PATCH,
    model=Dictionary,
    fields=FIELDS,
    normalise=normaliser((_ID, "rules"), _DROPPED),
    summary="How words are pronounced; a change takes effect at once, wherever the dictionary is used.",
    listing=Listing(first_page=0, completeness_key="rules"),
    optional=True,
    folder="dictionaries",
    key_aliases={"/dictionary_name": "name", "/entries": "rules", "/pronunciations": "rules"},
    computed=_DROPPED,
)
