"""The parts of a persona that separate calls write: tools of the registry, skills, the name for meetings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field

from tavusctl.core.messages import listed, shown
from tavusctl.core.resource_kind import FieldTraits, Part, PartStyle
from tavusctl.core.schema.model_fields import KnownValues
from tavusctl.core.schema.spec_model import Model
from tavusctl.kinds.common.field_types import PatternSchema, matching, optional
from tavusctl.lib.json_types import Json, JsonObject


class Presentation(Model):
    """Slides that the persona shows."""

    document_ids: list[str] = Field(
        description="The slides, in their order; each a `${ref:document/NAME}`.", min_length=1
    )
    slides_trigger: Annotated[str, KnownValues("on_demand", "walk_the_deck")] | None = optional(
        "When slides are shown: when it fits, or one after the other."
    )
    prompt: str | None = optional("How to present them.")


_COMPONENTS: Final = (
    *("question", "input", "calendar", "scheduling_embed"),
    *("text", "image", "video", "chart", "alert"),
)


class Component(Model):
    """Settings of one component, where they are not the default."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Any]

    enabled: bool | None = optional("Whether the persona may use the component.")


class Canvas(Model):
    """What the persona may draw on the screen."""

    components: dict[str, Component | None] | None = optional(
        "Settings by component, where they are not the default: `chart: {enabled: false}`. "
        f"Components: {listed(_COMPONENTS)}."
    )
    usage_guidance: str | None = optional("When to draw what.")


class Skills(Model):
    """Skills by id; `null` detaches one, and one that is left out is not managed."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, dict[str, Any] | None]

    presentation: Presentation | None = optional("Shows slides.")
    magic_canvas: Canvas | None = optional("Draws charts, questions and the like on the screen.")
    internet_search: dict[str, Any] | None = optional("Searches the web; `{}` has no settings.")
    memory: dict[str, Any] | None = optional("Remembers participants; `{}` has no settings.")


def _no_username(value: str) -> str:
    local = value.strip().partition("@")[0]
    suggestion = f", such as `{local}`" if local and not re.search(r"\s", local) else ""
    return f"expected the name before `@`, without white space{suggestion}, found {shown(value)}"


# Empty: not set.
Username = Annotated[str, matching(r"[^\s@]*", _no_username), PatternSchema(r"[^\s@]*")]


class Conferencing(Model):
    """The persona's name in meetings of others."""

    username: Username | None = optional(
        "Name before `@meet.tavus.io` by which the persona is invited; nobody else's, in any account."
    )
    allowlist: list[str] | None = optional("Domains and addresses that may invite it; empty: anyone.")
    whitelabel: bool | None = optional("Whether the name of Tavus is left out.")


FIELDS: Final[Mapping[str, FieldTraits]] = {
    "/tool_ids": FieldTraits(unordered=True),
    "/tool_ids/*": FieldTraits(refers_to="tool"),
    "/skills": FieldTraits(known_keys=tuple(Skills.model_fields)),
    "/skills/*": FieldTraits(empty_counts=True),
    "/skills/presentation/document_ids/*": FieldTraits(refers_to="document"),
    "/skills/presentation/slides_trigger": FieldTraits(defaults=("on_demand",)),
    "/skills/presentation/prompt": FieldTraits(long_text=True),
    "/skills/magic_canvas/components": FieldTraits(known_keys=_COMPONENTS),
    "/skills/magic_canvas/components/*/enabled": FieldTraits(defaults=(True,), omitted=(True,)),
    "/skills/magic_canvas/usage_guidance": FieldTraits(long_text=True),
    "/layers/conferencing": FieldTraits(read_in_part=True),
    "/layers/conferencing/allowlist": FieldTraits(unordered=True),
    "/layers/conferencing/whitelabel": FieldTraits(defaults=(False,)),
}
# The documented paths; the paths below `/v2/personas` are not known to have skills.
PARTS: Final = (
    Part(("tool_ids",), PartStyle.MEMBERS, "/v2/pals/{id}/tools", "tool_ids"),
    Part(("skills",), PartStyle.ENTRIES, "/v2/pals/{id}/skills", "config"),
    Part(("layers", "conferencing"), PartStyle.ALONE),
)
_READ_ONLY: Final = frozenset({"email", "aliased_from"})


def normalise(body: JsonObject) -> JsonObject:
    """A persona as the API returns it, with its parts in the spelling of `spec`; all other keys are unchanged.

    Tools and skills in a form that the API does not document are not known, as if the API returned null.
    """
    skills, tools, layers = body.get("skills"), body.get("tool_ids"), body.get("layers")
    if skills is not None:
        body = {**body, "skills": _configs(skills) if isinstance(skills, dict) else None}
    if tools is not None:
        body = {**body, "tool_ids": _ids(tools)}
    if isinstance(layers, dict) and isinstance(conferencing := layers.get("conferencing"), dict):
        writable = {key: value for key, value in conferencing.items() if key not in _READ_ONLY}
        body = {**body, "layers": {**layers, "conferencing": writable}}
    return body


def _ids(tools: Json) -> Json:
    """The ids of the attached tools; null if one is in an unknown form: it would seem to be detached."""
    if not isinstance(tools, list):
        return None
    ids = [tool for tool in tools if tool is not None]
    return ids if all(isinstance(tool, str) and tool for tool in ids) else None


def _configs(skills: JsonObject) -> JsonObject:
    """The settings of the attached skills; null in place of an object says that a skill is not attached."""
    return {key: _config(skill) for key, skill in skills.items() if skill is not None}


def _config(attached: Json) -> JsonObject:
    """The settings of an attached skill, without the other keys of the envelope, such as when it was attached."""
    config = attached["config"] if isinstance(attached, dict) and "config" in attached else attached
    return config if isinstance(config, dict) else {}
