"""The fields of a persona and of its layers in the era `today`, and the shape of a persona in each era."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tavusctl.emulator.account.world import World
from tavusctl.emulator.bodies.fields import (
    Field,
    Fields,
    anything,
    flag,
    integer,
    length,
    list_of,
    mapping,
    number,
    one_of,
    text,
    texts,
)
from tavusctl.emulator.http.messages import Object
from tavusctl.emulator.personas import layers as older

MAX_ITEMS = 50  # the most tools, and the most guardrails, that one persona may have
IDS = list_of(length(1, 255), MAX_ITEMS)

TTS: Fields = {
    "voice_settings": older.TTS["voice_settings"],
    "external_voice_id": older.TTS["external_voice_id"],
    "voice_id": Field(text, "", nullable=True),
    **older.TTS,
    "tts_engine": Field(one_of("tavus-auto", "cartesia", "elevenlabs", "azure", "playht"), "tavus-auto"),
    "pronunciation_dictionary_id": Field(text, None, nullable=True),
}
LLM: Fields = {
    **older.LLM,
    "model": Field(text, "tavus-gemma-4"),
    "disable_vision": Field(flag),
    "enable_llm_proxy": Field(flag),
    "model_name": Field(text),
    "is_custom": Field(flag),
    "endpoint": Field(text),
}
PERCEPTION: Fields = {
    **older.PERCEPTION,
    "perception_model": Field(one_of("raven-1", "raven-0", "basic", "off"), "raven-1"),
}
STT: Fields = {**older.STT, "stt_engine": Field(older.STT["stt_engine"].check, "tavus-auto")}
FLOW: Fields = {
    "turn_detection_model": Field(
        one_of("sparrow-2", "sparrow-1", "sparrow-0", "time-based", "timebased"), None, nullable=True
    ),
    "turn_taking_patience": older.CONVERSATIONAL_FLOW["turn_taking_patience"],
    "replica_interruptibility": older.CONVERSATIONAL_FLOW["replica_interruptibility"],
    "voice_isolation": older.CONVERSATIONAL_FLOW["voice_isolation"],
    "wake_phrase": Field(text, None, nullable=True),
    "sleep_phrase": Field(text, None, nullable=True),
    "idle_engagement": Field(one_of("off", "patient", "eager"), None, nullable=True),
    "idle_end_behavior": Field(text, None, nullable=True),
    "idle_timeout": Field(anything, nullable=True),
    "noise_cancellation": Field(text, nullable=True),
    "turn_commitment": older.CONVERSATIONAL_FLOW["turn_commitment"],
    "active_listening": older.CONVERSATIONAL_FLOW["active_listening"],
}
# The values that unset fields of the flow get as soon as any field of it is set.
FLOW_DEFAULTS = {
    **older.FLOW_DEFAULTS,
    "voice_isolation": "near",
    "idle_engagement": "off",
    "idle_end_behavior": "wait",
}
CONFERENCING: Fields = {
    "username": Field(text, None, nullable=True),
    "allowlist": Field(texts, []),
    "whitelabel": Field(flag, default=False),
}
CONFERENCING_READ = ("email", "aliased_from")
LAYERS: dict[str, Fields] = {
    "perception": PERCEPTION,
    "tts": TTS,
    "llm": LLM,
    "stt": STT,
    "conversational_flow": FLOW,
    "conferencing": CONFERENCING,
    "mcp": {"connectors": Field(texts, []), "connector_tools": Field(mapping, {})},
    "capabilities": {
        "mcp_enabled": Field(flag),
        "search_enabled": Field(flag),
        "activity_log_enabled": Field(flag),
        "search_results_prompt_injection_prevention_enabled": Field(flag),
    },
    "knowledge_base": {
        "rag_score_threshold": Field(number),
        "rag_n_chunks": Field(integer()),
        "rag_surrounding_chunk_radius": Field(integer()),
        "enable_rag_observability_app_messages": Field(flag),
        "use_procedure_goalchain": Field(flag),
    },
    "vqa": older.LAYERS["vqa"],
}
FREE_FORM = ("sts", "transport")  # layers that may have any members
BEFORE_LAYERS: Fields = {
    "persona_name": Field(text, None, nullable=True),
    "persona_description": Field(text, "", nullable=True),
    "pipeline_mode": Field(one_of("full", "speech-to-speech", "echo"), "full"),
    "system_prompt": Field(text, None, nullable=True),
    "context": Field(text, "", nullable=True),
}
AFTER_LAYERS: Fields = {
    "objectives_id": Field(text, None, nullable=True),
    "guardrails_id": Field(text, None, nullable=True),
    "greeting": Field(text, "", nullable=True),
    "default_replica_id": Field(text, None, nullable=True),
    "document_ids": Field(texts, []),
    "document_tags": Field(texts, []),
    "guardrail_ids": Field(IDS, []),
    "guardrail_tags": Field(texts, []),
    "tool_ids": Field(IDS, []),
    "skills": Field(mapping, {}),
}
AFTER_TIMES: Fields = {
    "languages": Field(texts, []),
    "disclosure_type": Field(text, "auto"),
    "verbal_disclosure": Field(text, ""),
    "visual_disclosure": Field(text, ""),
}
# Internal members of the server: a write may have them, and no read shows them.
INTERNAL: Fields = {"memories": Field(texts, nullable=True), "is_template": Field(flag, nullable=True)}
READ_ONLY = (
    "conferencing_email",
    "is_published",
    "uuid",
    "owner_id",
    "session_id",
    "is_draft",
    "source_template_id",
    "registration_id",
    "pal_settings_id",
)


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of a persona in one era, in the order of a read, and the defaults of the conversational flow."""

    before_layers: Fields  # before the layers
    layers: Mapping[str, Fields]
    after_layers: Fields
    after_times: Fields  # after the times
    flow_defaults: Object
    read_only: tuple[str, ...]
    free_form: tuple[str, ...] = ()  # layers that may have any members
    accepted: Fields | None = None  # the top-level fields that a write may have; None: those of a read

    @property
    def top(self) -> Fields:
        """Every top-level field that a read shows."""
        return {**self.before_layers, **self.after_layers, **self.after_times}

    @property
    def writable(self) -> Fields:
        """Every top-level field that a write may have."""
        return self.top if self.accepted is None else self.accepted


SEED = Shape(older.BEFORE_LAYERS, older.LAYERS, older.AFTER_LAYERS, {}, older.FLOW_DEFAULTS, older.READ_ONLY)
_WRITABLE = {**BEFORE_LAYERS, **AFTER_LAYERS, **AFTER_TIMES, **INTERNAL}
TODAY = Shape(
    BEFORE_LAYERS,
    LAYERS,
    AFTER_LAYERS,
    AFTER_TIMES,
    FLOW_DEFAULTS,
    older.READ_ONLY + READ_ONLY,
    FREE_FORM,
    {name: field for name, field in _WRITABLE.items() if name != "skills"},
)


def shape_of(world: World) -> Shape:
    """The shape of a persona in the era that is served."""
    return TODAY if world.is_today else SEED
