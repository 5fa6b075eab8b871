"""Guardrails: a set of rules for a persona, the older form of rules, from before there were single guardrails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from tavusctl.core.messages import sanitized_name, shown
from tavusctl.core.resource_kind import FieldTraits, Listing, ResourceKind, Update
from tavusctl.core.schema.spec_model import Model
from tavusctl.kinds.common.field_types import Filled, Modality, PatternSchema, matching, optional
from tavusctl.kinds.common.normalise import COMPUTED_OF_SETS, normaliser_of_sets


def _no_name(value: str) -> str:
    suggestion = sanitized_name(value, "[^A-Za-z0-9]+", "_", "a_name").lower()
    return f"expected letters, digits and underscores only, such as `{suggestion}`, found {shown(value)}"


_NAME: Final = "[A-Za-z0-9_]+"
GuardrailName = Annotated[str, matching(_NAME, _no_name), PatternSchema(_NAME)]


class Guardrail(Model):
    """One rule."""

    guardrail_name: GuardrailName = Field(description="Name of the rule: letters, digits and underscores.")
    guardrail_prompt: Filled = Field(description="What must or must not happen.")
    modality: Modality | None = optional("Whether the rule is about what is said, seen or heard.")
    callback_url: str | None = optional("URL that is called when the rule is broken.")
    app_message: bool | None = optional("Whether the application is told when the rule is broken.")
    tags: list[str] | None = optional("Tags of the rule.")


class Guardrails(Model):
    """A set of guardrails as it is written."""

    name: str | None = optional("Name of the set, shown in lists.")
    data: list[Guardrail] = Field(description="The rules.", min_length=1)


FIELDS: Final[Mapping[str, FieldTraits]] = {
    "/data": FieldTraits(keyed_by="guardrail_name"),
    "/data/*": FieldTraits(read_in_part=True),
    "/data/*/callback_url": FieldTraits(receives_data=True),
    "/data/*/app_message": FieldTraits(defaults=(True,)),
    "/data/*/modality": FieldTraits(defaults=("verbal",)),
    "/data/*/tags": FieldTraits(unordered=True),
}
_PLURALS: Final = {"guardrails_name": "guardrail_name", "guardrails_prompt": "guardrail_prompt"}


GUARDRAILS: Final = ResourceKind(
    name="guardrails",
    collection="/v2/guardrails",
    id_fields=("guardrails_id", "uuid", "id"),
    name_field="name",
    update=Update.JSON_PATCH,
    model=Guardrails,
    fields=FIELDS,
    normalise=normaliser_of_sets(_PLURALS),
    summary="A set of rules that a persona keeps to.",
    listing=Listing(query={"legacy": "true"}, completeness_key="data"),
    is_of_kind=lambda body: not body.get("guardrail_name"),
    word_separator="_",
    key_aliases={
        "/guardrails_name": "name",
        "/guardrails": "data",
        "/rules": "data",
        "/data/*/name": "guardrail_name",
        "/data/*/prompt": "guardrail_prompt",
        **{f"/data/*/{wrong}": right for wrong, right in _PLURALS.items()},
    },
    computed=COMPUTED_OF_SETS,
)
