"""Single guardrails: one rule each, which any number of personas can use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from tavusctl.core.messages import shown
from tavusctl.core.resource_kind import FieldTraits, Listing, ResourceKind, Update
from tavusctl.core.schema.spec_model import Model
from tavusctl.kinds.common.field_types import Filled, Modality, PatternSchema, matching, optional
from tavusctl.kinds.common.normalise import COMPUTED, normaliser
from tavusctl.secrets.redaction import shortened


def _no_tag(value: str) -> str:
    return f"expected letters, digits, underscores, hyphens and spaces, at most 64, found {shown(shortened(value, 80))}"


_TAG: Final = "[A-Za-z0-9_ -]{1,64}"
GuardrailTag = Annotated[str, matching(_TAG, _no_tag), PatternSchema(_TAG)]


class SingleGuardrail(Model):
    """A single guardrail as it is written."""

    guardrail_name: Filled | None = optional("Name of the rule; free text.", max_length=100)
    guardrail_prompt: Filled = Field(description="What must or must not happen.")
    modality: Modality | None = optional("Whether the rule is about what is said, seen or heard.")
    callback_url: str | None = optional("URL that is called when the rule is broken.", max_length=2048)
    app_message: bool | None = optional("Whether the application is told when the rule is broken.")
    tags: list[GuardrailTag] | None = optional("Tags by which personas find it.", max_length=32)
    tool_call: dict[str, Any] | None = optional("A tool that is called when the rule is broken.")


_DROPPED: Final = COMPUTED | {"guardrail_id", "guardrail_type", "persona_refs", "status"}

FIELDS: Final[Mapping[str, FieldTraits]] = {
    "/guardrail_name": FieldTraits(cannot_be_unset=True),
    "/guardrail_prompt": FieldTraits(long_text=True),
    "/modality": FieldTraits(defaults=("verbal",)),
    "/callback_url": FieldTraits(receives_data=True),
    "/app_message": FieldTraits(defaults=(True,)),
    "/tags": FieldTraits(unordered=True),
}


GUARDRAIL: Final = ResourceKind(
    name="guardrail",
    collection="/v2/guardrails",
    id_fields=("uuid", "guardrail_id", "guardrails_id", "id"),  # the last two: ids of sets, which older listings have
    name_field="guardrail_name",
    update=Update.JSON_PATCH,
    model=SingleGuardrail,
    fields=FIELDS,
    normalise=normaliser(("uuid", "guardrail_name"), _DROPPED),
    summary="One rule, which any number of personas keep to.",
    listing=Listing(first_page=0, query={"legacy": "false"}),
    optional=True,
    is_of_kind=lambda body: "guardrail_name" in body,  # the older sets are in the same collection
    folder="single-guardrails",
    adds_members=True,
    key_aliases={"/name": "guardrail_name", "/prompt": "guardrail_prompt"},
    mistakes={"/data": "this is a list of rules: write `kind: guardrails`, or one `kind: guardrail` for each of them"},
    computed=_DROPPED,
)
