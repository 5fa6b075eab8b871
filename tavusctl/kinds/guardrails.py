"""Guardrails: a set of rules that a persona keeps to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from tavusctl.kinds.sets import DROPPED, respell_set
from tavusctl.kinds.shape import matching
from tavusctl.model import Document, Field, ResourceKind, Update
from tavusctl.shape import Shape, optional, required


def _no_name(value: str) -> str:
    right = re.sub(r"[^A-Za-z0-9]+", "_", value).strip("_").lower() or "a_name"
    return f"found {value!r}; a guardrail name has letters, digits and underscores only, such as {right}"


GuardrailName = Annotated[str, matching("[A-Za-z0-9_]+", _no_name)]


class Guardrail(Shape):
    """One rule."""

    guardrail_name: GuardrailName = required("Name of the rule: letters, digits and underscores.")
    guardrail_prompt: str = required("What must or must not happen.", min_length=1)
    modality: Literal["verbal", "visual"] | None = optional("Whether what is said or what is seen is judged.")
    callback_url: str | None = optional("Address that is told when the rule is broken.")
    tags: list[str] | None = optional("Tags of the rule.")


class Guardrails(Shape):
    """A set of guardrails as it is written."""

    name: str | None = optional("Name of the set, shown in lists.")
    data: list[Guardrail] = required("The rules.", min_length=1)


FIELDS: Final[Mapping[str, Field]] = {
    "/data": Field(keyed_by="guardrail_name"),
    "/data/*/callback_url": Field(called=True),
    "/data/*/modality": Field(defaults=("verbal",)),
    "/data/*/tags": Field(unordered=True),
}
_PLURALS: Final = {"guardrails_name": "guardrail_name", "guardrails_prompt": "guardrail_prompt"}


def normalise(body: Document) -> Document:
    """A set of guardrails as read, in the spelling of `spec`; plural item keys are taken for the singular ones."""
    return respell_set(body, _PLURALS)


GUARDRAILS: Final = ResourceKind(
    name="guardrails",
    collection="/v2/guardrails",
    id_fields=("guardrails_id", "uuid", "id"),
    name_field="name",
    update=Update.JSON_PATCH,
    model=Guardrails,
    fields=FIELDS,
    normalise=normalise,
    summary="A set of rules that a persona keeps to.",
    whole="data",
    joins_words="_",
    spellings={
        "/guardrails_name": "name",
        "/guardrails": "data",
        "/rules": "data",
        "/data/*/name": "guardrail_name",
        "/data/*/prompt": "guardrail_prompt",
        **{f"/data/*/{wrong}": right for wrong, right in _PLURALS.items()},
    },
    computed=DROPPED,
)
