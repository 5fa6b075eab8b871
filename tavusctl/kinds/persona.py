"""Personas: who speaks, from which prompt, through which layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from tavusctl.kinds import mistakes
from tavusctl.kinds.layers import Layers
from tavusctl.kinds.reading import COMPUTED, respell, unwrap
from tavusctl.kinds.shape import blank
from tavusctl.model import Document, Field, ResourceKind, Update
from tavusctl.shape import Quarrel, Shape, optional


class Persona(Shape):
    """A persona as it is written."""

    persona_name: str | None = optional("Name shown in the call and in lists.")
    pipeline_mode: Literal["full", "echo"] | None = optional(
        "`full`: the persona thinks; `echo`: it says what it is sent."
    )
    system_prompt: str | None = optional("Who the persona is and how it behaves; needed unless pipeline_mode is echo.")
    context: str | None = optional("Older second half of the system prompt.")
    greeting: str | None = optional("What the persona says first.")
    default_replica_id: str | None = optional("Face and voice of the persona; a `${ref:replica/NAME}`.")
    guardrails_id: str | None = optional("Rules it keeps to; a `${ref:guardrails/NAME}`.")
    objectives_id: str | None = optional("Goals it works towards; a `${ref:objectives/NAME}`.")
    document_ids: list[str] | None = optional("What it has read; each a `${ref:document/NAME}`.")
    document_tags: list[str] | None = optional("Documents it has read, by tag.")
    guardrail_ids: list[str] | None = optional("Ids of single guardrails.")
    guardrail_tags: list[str] | None = optional("Single guardrails, by tag.")
    layers: Layers | None = optional("Perception, speech to text, flow, language model, text to speech.")

    @classmethod
    def quarrels(cls, given: Mapping[str, Any]) -> Iterator[Quarrel]:
        """A persona that thinks needs a prompt."""
        if given.get("pipeline_mode") != "echo" and blank(given.get("system_prompt")):
            message = "system_prompt is missing; write one, or set pipeline_mode: echo"
            yield ("system_prompt",), "missing_key", message


_RENAMED: Final = {"pal_name": "persona_name", "default_face_id": "default_replica_id"}
_DROPPED: Final = COMPUTED | {"persona_id", "pal_id", "persona_type", "pal_type"}
_SPELLINGS: Final = {
    "/pal_name": "persona_name",
    "/default_face_id": "default_replica_id",
    "/replica_id": "default_replica_id",
    "/layers/conversational_flow/pal_interruptibility": "replica_interruptibility",
    "/name": "persona_name",
    "/layers/llm/model_name": "model",
    "/layers/llm/url": "base_url",
    "/layers/llm/api_base": "base_url",
    "/layers/llm/endpoint": "base_url",
    "/layers/tts/voice_id": "external_voice_id",
    "/layers/tts/voice": "external_voice_id",
    "/layers/tts/engine": "tts_engine",
    "/layers/tts/provider": "tts_engine",
    "/layers/tts/model": "tts_model_name",
    "/layers/tts/model_id": "tts_model_name",
    "/layers/stt/engine": "stt_engine",
    "/layers/stt/model": "stt_engine",
    "/layers/perception/model": "perception_model",
}
_TOOLS: Final = Field(keyed_by="function.name")

FIELDS: Final[Mapping[str, Field]] = {
    "/system_prompt": Field(prose=True),
    "/default_replica_id": Field(refers_to="replica"),
    "/guardrails_id": Field(refers_to="guardrails"),
    "/objectives_id": Field(refers_to="objectives"),
    "/document_ids": Field(unordered=True),
    "/document_ids/*": Field(refers_to="document"),
    "/document_tags": Field(unordered=True),
    "/guardrail_ids": Field(unordered=True),
    "/guardrail_tags": Field(unordered=True),
    "/pipeline_mode": Field(defaults=("full",)),
    "/context": Field(
        prose=True, deprecated="context is only appended to the prompt; write its text at the end of system_prompt"
    ),
    "/layers/llm/base_url": Field(called=True),
    "/layers/llm/api_key": Field(secret=True, masked=True),
    "/layers/llm/headers/*": Field(secret=True, mixed=True),
    "/layers/llm/model": Field(defaults=("tavus-gpt-oss",)),
    "/layers/llm/speculative_inference": Field(defaults=(True,)),
    "/layers/llm/tools": _TOOLS,
    "/layers/tts/api_key": Field(secret=True, masked=True),
    "/layers/tts/tts_engine": Field(defaults=("cartesia",)),
    "/layers/tts/tts_emotion_control": Field(boolean=True, defaults=(True,)),
    "/layers/tts/playht_user_id": Field(deprecated="PlayHT voices are gone; choose tts_engine cartesia or elevenlabs"),
    "/layers/perception/perception_model": Field(defaults=("raven-0", "raven-1")),
    "/layers/perception/perception_tools": _TOOLS,
    "/layers/perception/visual_tools": _TOOLS,
    "/layers/perception/audio_tools": _TOOLS,
    "/layers/perception/tool_prompt": Field(
        deprecated="write perception_tool_prompt, or with raven-1 visual_tool_prompt"
    ),
    "/layers/stt/stt_engine": Field(defaults=("tavus-auto",)),
    "/layers/stt/hotwords": Field(joined_by=", "),
    "/layers/stt/participant_pause_sensitivity": Field(
        defaults=("medium",),
        deprecated="write layers.conversational_flow.turn_taking_patience, which runs the other way: high becomes low",
        ruled=True,
    ),
    "/layers/stt/participant_interrupt_sensitivity": Field(
        defaults=("medium",), deprecated="write layers.conversational_flow.replica_interruptibility", ruled=True
    ),
    "/layers/stt/smart_turn_detection": Field(
        deprecated="write layers.conversational_flow.turn_detection_model: sparrow-1"
    ),
    "/layers/conversational_flow/turn_detection_model": Field(defaults=("sparrow-1",)),
    "/layers/conversational_flow/turn_taking_patience": Field(defaults=("medium",)),
    "/layers/conversational_flow/replica_interruptibility": Field(defaults=("medium",)),
    "/layers/conversational_flow/turn_commitment": Field(
        deprecated="sparrow-1 decides this; write turn_taking_patience", idle=True
    ),
    "/layers/conversational_flow/active_listening": Field(
        deprecated="it has no effect any more; leave it out", idle=True
    ),
    "/layers/vqa": Field(deprecated="write layers.perception with a perception_model"),
    "/layers/transport": Field(deprecated="the transport belongs to the plugin that starts the call; leave it out"),
}


def normalise(body: Document) -> Document:
    """A persona as read, in the spelling of `spec`; the documented read is wrapped in a list, the real one is flat."""
    return respell(unwrap(body, ("persona_id", "pal_id", "persona_name", "system_prompt")), _RENAMED, _DROPPED)


def is_stock(body: Document) -> bool:
    """Whether Tavus made the persona; bodies say so only when they carry the type."""
    return body.get("persona_type") == "system" or body.get("pal_type") == "system"


PERSONA: Final = ResourceKind(
    name="persona",
    collection="/v2/personas",
    id_fields=("persona_id", "pal_id"),
    name_field="persona_name",
    update=Update.JSON_PATCH,
    model=Persona,
    fields=FIELDS,
    normalise=normalise,
    summary="Who speaks: prompt, layers, and what it refers to.",
    list_query={"persona_type": "user"},
    stock=is_stock,
    spellings=_SPELLINGS,
    mistakes=mistakes.PERSONA,
    computed=_DROPPED,
)
