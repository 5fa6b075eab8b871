"""Personas: who speaks, from which prompt, through which layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from tavusctl.core.json_tree import set_at, value_at
from tavusctl.core.resource_kind import FieldTraits, Listing, ResourceKind, Update
from tavusctl.core.schema.model_fields import KnownValues
from tavusctl.core.schema.spec_model import Model, Violation, cross_field_validator
from tavusctl.kinds import persona_parts
from tavusctl.kinds.common import known_mistakes
from tavusctl.kinds.common.field_types import blank, optional
from tavusctl.kinds.common.normalise import COMPUTED, respell, unwrap
from tavusctl.kinds.layers import Layers
from tavusctl.lib.json_types import Json, JsonObject


class Persona(Model):
    """A persona as it is written."""

    persona_name: str | None = optional("Name shown in the call and in lists.")
    persona_description: str | None = optional("What the persona is for, shown in lists.")
    pipeline_mode: Annotated[str, KnownValues("full", "speech-to-speech", "echo")] | None = optional(
        "`full`: the persona thinks; `echo`: it says what it is sent."
    )
    system_prompt: str | None = optional("Who the persona is and how it behaves; needed when pipeline_mode is full.")
    context: str | None = optional("Older second half of the system prompt.")
    greeting: str | None = optional("What the persona says first.")
    default_replica_id: str | None = optional("Face and voice of the persona; a `${ref:replica/NAME}`.")
    guardrails_id: str | None = optional("Older set of rules; a `${ref:guardrails/NAME}`.")
    objectives_id: str | None = optional("Goals it works towards; a `${ref:objectives/NAME}`.")
    document_ids: list[str] | None = optional("Documents that it knows; each a `${ref:document/NAME}`.")
    document_tags: list[str] | None = optional("Documents it has read, by tag.")
    guardrail_ids: list[str] | None = optional("Rules it keeps to; each a `${ref:guardrail/NAME}`.", max_length=50)
    guardrail_tags: list[str] | None = optional("Rules it keeps to, by tag.")
    languages: list[str] | None = optional("Languages it speaks.")
    disclosure_type: Annotated[str, KnownValues("auto", "always")] | None = optional(
        "When it says that it is not a human being."
    )
    verbal_disclosure: str | None = optional("What it says to make clear that it is not a human being.")
    visual_disclosure: str | None = optional("What is shown to make clear that it is not a human being.")
    memories: list[str] | None = optional("What it remembers from the start; no read shows it.")
    is_template: bool | None = optional("Whether others are made from it; no read shows it.")
    tool_ids: list[str] | None = optional(
        "Tools it may call; each a `${ref:tool/NAME}`, or the name of a system tool, such as `end_call`.", max_length=50
    )
    skills: persona_parts.Skills | None = optional("What else it can do, by the id of the skill.")
    layers: Layers | None = optional("Perception, speech to text, flow, language model, text to speech.")

    @cross_field_validator
    @classmethod
    def has_a_prompt(cls, given: JsonObject) -> Iterator[Violation]:
        """A persona with the pipeline mode `full` needs a prompt."""
        if given.get("pipeline_mode", "full") == "full" and blank(given.get("system_prompt")):
            message = "`system_prompt` is missing or empty; set `system_prompt` or `pipeline_mode: echo`"
            yield ("system_prompt",), "missing_key", message

    @cross_field_validator
    @classmethod
    def has_no_prompt_that_nothing_reads(cls, given: JsonObject) -> Iterator[Violation]:
        """A persona with another known pipeline mode has neither a prompt nor a context."""
        mode = given.get("pipeline_mode")
        for key in ("system_prompt", "context") if mode in ("speech-to-speech", "echo") else ():
            if given.get(key):
                yield (key,), "not_together", f"`{key}` is not allowed with `pipeline_mode: {mode}`; remove it"

    @cross_field_validator
    @classmethod
    def is_seen_in_meetings(cls, given: JsonObject) -> Iterator[Violation]:
        """A persona with a name in meetings needs a face."""
        path = ("layers", "conferencing", "username")
        if not blank(value_at(given, path)) and blank(given.get("default_replica_id")):
            yield path, "missing_key", "a persona in meetings needs a face; add `default_replica_id`"


_DROPPED: Final = COMPUTED | {
    *("persona_id", "pal_id", "persona_type", "pal_type", "conferencing_email", "source_template_id"),
    *("registration_id", "pal_settings_id"),
}
_SPELLINGS: Final = {
    "/replica_id": "default_replica_id",
    "/face_id": "default_replica_id",
    "/description": "persona_description",
    "/name": "persona_name",
    "/layers/llm/model_name": "model",
    "/layers/llm/url": "base_url",
    "/layers/llm/api_base": "base_url",
    "/layers/llm/endpoint": "base_url",
    "/layers/tts/voice": "external_voice_id",
    "/layers/tts/engine": "tts_engine",
    "/layers/tts/provider": "tts_engine",
    "/layers/tts/model": "tts_model_name",
    "/layers/tts/model_id": "tts_model_name",
    "/layers/stt/engine": "stt_engine",
    "/layers/stt/model": "stt_engine",
    "/layers/perception/model": "perception_model",
}
_TOOLS: Final = FieldTraits(keyed_by="function.name")

FIELDS: Final[Mapping[str, FieldTraits]] = {
    "/persona_name": FieldTraits(aliases=("pal_name",)),
    "/persona_description": FieldTraits(aliases=("pal_description",)),
    "/system_prompt": FieldTraits(long_text=True),
    "/default_replica_id": FieldTraits(refers_to="replica", aliases=("default_face_id",)),
    "/guardrails_id": FieldTraits(refers_to="guardrails"),
    "/objectives_id": FieldTraits(refers_to="objectives"),
    "/document_ids": FieldTraits(unordered=True),
    "/document_ids/*": FieldTraits(refers_to="document"),
    "/document_tags": FieldTraits(unordered=True),
    "/guardrail_ids": FieldTraits(unordered=True),
    "/guardrail_ids/*": FieldTraits(refers_to="guardrail"),
    "/guardrail_tags": FieldTraits(unordered=True),
    "/disclosure_type": FieldTraits(defaults=("auto",)),
    "/memories": FieldTraits(write_only=True),
    "/is_template": FieldTraits(write_only=True),
    "/pipeline_mode": FieldTraits(defaults=("full",)),
    "/context": FieldTraits(
        long_text=True,
        deprecated=(
            "`context` is deprecated: move its text to the end of `system_prompt`, where the API appends it anyway"
        ),
    ),
    "/layers/llm/base_url": FieldTraits(receives_data=True),
    "/layers/llm/api_key": FieldTraits(secret=True, masked=True, in_header=True),
    "/layers/llm/headers/*": FieldTraits(secret=True, may_be_plain=True, in_header=True),
    "/layers/llm/model": FieldTraits(fallbacks=("tavus-gpt-oss", "tavus-gemma-4", "tavus-glm-4.7")),
    "/layers/llm/speculative_inference": FieldTraits(defaults=(True,)),
    "/layers/llm/tools": _TOOLS,
    "/layers/tts/api_key": FieldTraits(secret=True, masked=True, in_header=True),
    "/layers/tts/tts_engine": FieldTraits(fallbacks=("cartesia", "tavus-auto")),
    "/layers/tts/voice_id": FieldTraits(refers_to="voice"),
    "/layers/tts/pronunciation_dictionary_id": FieldTraits(refers_to="dictionary"),
    "/layers/tts/tts_emotion_control": FieldTraits(boolean=True, defaults=(True,)),
    "/layers/tts/playht_user_id": FieldTraits(
        deprecated="PlayHT voices no longer exist; set `tts_engine` to `cartesia` or `elevenlabs`"
    ),
    "/layers/perception/perception_tools": _TOOLS,
    "/layers/perception/perception_model": FieldTraits(fallbacks=("raven-0", "raven-1")),
    "/layers/perception/visual_tools": _TOOLS,
    "/layers/perception/audio_tools": _TOOLS,
    "/layers/perception/tool_prompt": FieldTraits(
        deprecated="use `perception_tool_prompt`, or `visual_tool_prompt` with `raven-1`"
    ),
    "/layers/stt/hotwords": FieldTraits(joined_by=", "),
    "/layers/stt/stt_engine": FieldTraits(fallbacks=("tavus-auto", "tavus-advanced")),
    "/layers/stt/participant_pause_sensitivity": FieldTraits(
        defaults=("medium",),
        deprecated=(
            "use `layers.conversational_flow.turn_taking_patience`, with the opposite value: `high` becomes `low`"
        ),
        has_own_rule=True,
    ),
    "/layers/stt/participant_interrupt_sensitivity": FieldTraits(
        defaults=("medium",), deprecated="use `layers.conversational_flow.replica_interruptibility`", has_own_rule=True
    ),
    "/layers/stt/smart_turn_detection": FieldTraits(
        deprecated="use `layers.conversational_flow.turn_detection_model: sparrow-1`"
    ),
    "/layers/conversational_flow/turn_taking_patience": FieldTraits(defaults=("medium",)),
    "/layers/conversational_flow/turn_detection_model": FieldTraits(fallbacks=("sparrow-1", "sparrow-2")),
    "/layers/conversational_flow/voice_isolation": FieldTraits(fallbacks=("near",)),
    "/layers/conversational_flow/idle_engagement": FieldTraits(fallbacks=("off",)),
    "/layers/conversational_flow/idle_end_behavior": FieldTraits(fallbacks=("wait",)),
    "/layers/conversational_flow/replica_interruptibility": FieldTraits(
        defaults=("medium",), aliases=("pal_interruptibility", "face_interruptibility")
    ),
    "/layers/conversational_flow/turn_commitment": FieldTraits(
        deprecated="`sparrow-1` decides this itself; use `turn_taking_patience`", no_op=True
    ),
    "/layers/conversational_flow/active_listening": FieldTraits(
        deprecated="it no longer has any effect; remove it", no_op=True
    ),
    "/layers/mcp/connectors": FieldTraits(unordered=True),
    "/layers/vqa": FieldTraits(deprecated="use `layers.perception` with a `perception_model`"),
    "/layers/transport": FieldTraits(deprecated="the plugin that starts the call sets the transport; remove it"),
    **persona_parts.FIELDS,
}


def complete_spec(spec: JsonObject, live: JsonObject) -> JsonObject:
    """A spec with what it rules out of a live persona: another mode, texts of the full one, the proxy of an own model.

    The API would refuse the one beside the other.
    """
    prompt, mode, live_mode = spec.get("system_prompt"), spec.get("pipeline_mode"), live.get("pipeline_mode")
    if blank(mode) and not blank(prompt) and blank(live.get("system_prompt")) and not _is_full(live_mode):
        spec = {**spec, "pipeline_mode": "full"}
    if not _is_full(mode) and _is_full(live_mode):
        spec = {**{key: None for key in ("system_prompt", "context") if not blank(live.get(key))}, **spec}
    model, live_model = (value_at(one, ("layers", "llm", "model")) for one in (spec, live))
    proxy = ("layers", "llm", "enable_llm_proxy")
    if _is_of_tavus(model) and not _is_of_tavus(live_model) and value_at(live, proxy) and not value_at(spec, proxy):
        spec = set_at(spec, proxy, None)
    return spec


def _is_full(mode: Json) -> bool:
    return blank(mode) or mode == "full"


def _is_of_tavus(model: Json) -> bool:
    return isinstance(model, str) and model.startswith("tavus-")


def normalise(body: JsonObject) -> JsonObject:
    """A persona as the API returns it, in the spelling of `spec`; documented as `{data: [{...}]}`, returned flat."""
    persona = unwrap(body, ("persona_id", "pal_id", "persona_name", "system_prompt"))
    return persona_parts.normalise(respell(persona, {}, _DROPPED))


PERSONA: Final = ResourceKind(
    name="persona",
    aliases=("pal",),
    collection="/v2/personas",
    id_fields=("persona_id", "pal_id"),
    name_field="persona_name",
    update=Update.JSON_PATCH,
    model=Persona,
    fields=FIELDS,
    normalise=normalise,
    complete_spec=complete_spec,
    summary="Who speaks: prompt, layers, and what it refers to.",
    listing=Listing(owner_query={"persona_type": "user"}, newer_owner_query={"pal_type": "user"}),
    is_builtin=lambda body: "system" in (body.get("persona_type"), body.get("pal_type")),
    key_aliases=_SPELLINGS,
    mistakes=known_mistakes.PERSONA,
    publish_collection="/v2/pals",
    partner_key="persona_id",
    computed=_DROPPED,
    parts=persona_parts.PARTS,
)
