"""The fields of a persona and of its layers in the older era: valid values, and the default that a read shows."""

from __future__ import annotations

from tavusctl.emulator.bodies.fields import (
    NOT_MAPPING,
    NOT_NUMBER,
    NOT_TEXT,
    REQUIRED,
    Field,
    Fields,
    diagnostics,
    flag,
    flag_or_text,
    is_number,
    list_of,
    mapping,
    of_mapping,
    one_of,
    text,
    text_mapping,
    texts,
)
from tavusctl.emulator.http.messages import Json

SENSITIVITY = one_of("high", "medium", "low", "verylow", "superlow")


@of_mapping
def _function(value: Json) -> Json:
    if not isinstance(value.get("name"), str):
        return {"name": [REQUIRED]}
    if not isinstance(value.get("description", ""), str):
        return {"description": [NOT_TEXT]}
    return None if isinstance(value.get("parameters", {}), dict) else {"parameters": [NOT_MAPPING]}


@of_mapping
def tool(value: Json) -> Json:
    """Check a function tool: `{type: function, function: {name, ...}}`, or the flat form with a name."""
    if value.get("type", "function") != "function":
        return {"type": ["Must be one of: function."]}
    problems = {name: [NOT_TEXT] for name in ("name", "description") if not isinstance(value.get(name, ""), str)}
    if problems:
        return problems
    if "function" in value:
        diagnostic = _function(value["function"])
        return {"function": diagnostic} if diagnostic else None
    return None if "name" in value else {"function": [REQUIRED]}


def _fraction(value: Json) -> Json:
    fits = is_number(value) and 0 <= value <= 1
    return None if fits else ["Must be greater than or equal to 0 and less than or equal to 1."]


VOICE_SETTINGS = {
    "speed": Field(lambda value: None if is_number(value) or isinstance(value, str) else [NOT_NUMBER]),
    "emotion": Field(lambda value: None if isinstance(value, str) else texts(value)),
    "stability": Field(_fraction),
    "similarity_boost": Field(_fraction),
    "style": Field(_fraction),
    "use_speaker_boost": Field(flag),
}


@of_mapping
def voice_settings(value: Json) -> Json:
    """Check the settings of a voice; each provider has its own, so unknown ones are accepted."""
    return diagnostics(VOICE_SETTINGS, value, unknown=False) or None


tools = list_of(tool)
PERCEPTION: Fields = {
    "visual_tools": Field(tools, [], newer=True),
    "visual_awareness_queries": Field(texts, [], newer=True),
    "visual_tool_prompt": Field(text, "", newer=True),
    "audio_tools": Field(tools, [], newer=True),
    "audio_awareness_queries": Field(texts, [], newer=True),
    "audio_tool_prompt": Field(text, "", newer=True),
    "perception_analysis_queries": Field(texts, []),
    "perception_model": Field(one_of("raven-0", "raven-1", "basic", "off"), "raven-0"),
    "perception_tools": Field(tools, []),
    "ambient_awareness_queries": Field(texts, []),
    "perception_tool_prompt": Field(text, ""),
    "tool_prompt": Field(text, ""),
    "emotion_recognition": Field(one_of("full", "limited", "auto")),
}
TTS: Fields = {
    "voice_settings": Field(voice_settings, {}),
    "external_voice_id": Field(text, ""),
    "tts_engine": Field(one_of("cartesia", "elevenlabs", "playht"), "cartesia"),
    "api_key": Field(text, ""),
    "playht_user_id": Field(text, ""),
    "tts_emotion_control": Field(flag_or_text, default=True),
    "tts_model_name": Field(text, ""),
    "pronunciation_dictionary_id": Field(text, None, nullable=True, newer=True),
}
LLM: Fields = {
    "tools": Field(tools, []),
    "headers": Field(text_mapping, {}),
    "extra_body": Field(mapping, {}),
    "default_query": Field(mapping, {}),
    "base_url": Field(text, ""),
    "api_key": Field(text, ""),
    "model": Field(text, "tavus-gpt-oss"),
    "speculative_inference": Field(flag, default=True),
}
STT: Fields = {
    "stt_engine": Field(
        one_of(
            "tavus-turbo",
            "tavus-advanced",
            "tavus-auto",
            "tavus-parakeet",
            "tavus-soniox",
            "tavus-whisper",
            "tavus-deepgram-medical",
        ),
        "tavus-advanced",
    ),
    "participant_pause_sensitivity": Field(SENSITIVITY, None, nullable=True),
    "participant_interrupt_sensitivity": Field(SENSITIVITY, None, nullable=True),
    "smart_turn_detection": Field(flag, None, nullable=True),
    "hotwords": Field(text, ""),
}
CONVERSATIONAL_FLOW: Fields = {
    "turn_detection_model": Field(one_of("sparrow-1", "sparrow-0", "time-based"), None, nullable=True),
    "turn_taking_patience": Field(one_of("low", "medium", "high"), None, nullable=True),
    "replica_interruptibility": Field(one_of("low", "medium", "high", "verylow"), None, nullable=True),
    "voice_isolation": Field(one_of("off", "near"), None, nullable=True, newer=True),
    "turn_commitment": Field(one_of("low", "medium", "high"), nullable=True),
    "active_listening": Field(one_of("off", "low", "medium", "high"), nullable=True),
    "wake_phrase": Field(text, nullable=True),
    "idle_engagement": Field(one_of("off", "patient", "eager"), nullable=True),
}
# The values that unset fields of the flow get as soon as any field of it is set.
FLOW_DEFAULTS = {
    "turn_detection_model": "sparrow-1",
    "turn_taking_patience": "medium",
    "replica_interruptibility": "medium",
}
# In the order in which a read shows them.
LAYERS: dict[str, Fields] = {
    "perception": PERCEPTION,
    "tts": TTS,
    "llm": LLM,
    "stt": STT,
    "conversational_flow": CONVERSATIONAL_FLOW,
    "vqa": {"enable_vision": Field(text), "prompt": Field(text)},
    "transport": {"transport_type": Field(text)},
}
BEFORE_LAYERS: Fields = {
    "persona_name": Field(text, None, nullable=True),
    "pipeline_mode": Field(one_of("full", "echo"), "full"),
    "system_prompt": Field(text, None, nullable=True),
    "context": Field(text, ""),
}
AFTER_LAYERS: Fields = {
    "objectives_id": Field(text, None, nullable=True),
    "guardrails_id": Field(text, None, nullable=True),
    "guardrail_ids": Field(texts),
    "guardrail_tags": Field(texts),
    "greeting": Field(text, ""),
    "default_replica_id": Field(text, None, nullable=True),
    "document_ids": Field(texts, []),
    "document_tags": Field(texts, []),
}
READ_ONLY = ("persona_id", "created_at", "updated_at")
