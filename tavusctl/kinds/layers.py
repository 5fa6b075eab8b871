"""The layers of a persona: perception, speech to text, conversational flow, language model, text to speech."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from tavusctl.core.schema.model_fields import KnownValues
from tavusctl.core.schema.spec_model import Model, Violation, cross_field_validator
from tavusctl.kinds.common.field_types import Filled, Truth, blank, optional
from tavusctl.kinds.persona_parts import Conferencing
from tavusctl.lib.json_types import JsonObject


class Function(Model):
    """What a tool does and which arguments it takes."""

    name: Filled = Field(description="Name by which the model calls the function; snake case by custom.")
    description: str | None = optional("When to call it, written for the model.")
    parameters: dict[str, Any] | None = optional("Arguments, as a JSON Schema object.")
    strict: bool | None = optional("Whether the model must keep to the parameters exactly.")


class Tool(Model):
    """A tool: `{type: function, function: {name, description, parameters}}`, or flat `{name, description}`."""

    type: Literal["function"] | None = optional("Always `function`.")
    function: Function | None = optional("The function: name, description and parameters.")
    name: Filled | None = optional("Name of the function, in the flat form.")
    description: str | None = optional("When to call it, in the flat form.")
    parameters: dict[str, Any] | None = optional("Arguments as a JSON Schema object, in the flat form.")

    @cross_field_validator
    @classmethod
    def has_one_form(cls, given: JsonObject) -> Iterator[Violation]:
        """A tool has exactly one of the two forms, with the keys that it needs."""
        flat = [key for key in ("name", "description", "parameters") if key in given]
        if "function" in given and flat:
            yield (flat[0],), "not_together", f"`{flat[0]}` is beside `function`; move it inside `function`"
        elif "function" in given and "type" not in given:
            yield ("type",), "missing_key", "the key `type` is missing; add `type: function`"
        elif "function" not in given and "name" not in given:
            message = "the key `function` is missing; add `function: {name, description, parameters}`"
            yield ("function",), "missing_key", message


Pace = Annotated[str, KnownValues("slowest", "slow", "normal", "fast", "fastest")]
Sensitivity = Annotated[str, KnownValues("superlow", "verylow", "low", "medium", "high")]
Level = Annotated[str, KnownValues("low", "medium", "high")]
Interruptibility = Annotated[str, KnownValues("verylow", "low", "medium", "high")]
Isolation = Annotated[str, KnownValues("off", "near")]
Engagement = Annotated[str, KnownValues("off", "patient", "eager")]
ListeningSounds = Annotated[str, KnownValues("off", "low", "medium", "high")]
EmotionRecognition = Annotated[str, KnownValues("full", "limited", "auto")]
PerceptionModel = Annotated[str, KnownValues("raven-1", "raven-0", "basic", "off")]
TurnDetectionModel = Annotated[str, KnownValues("sparrow-2", "sparrow-1", "sparrow-0", "time-based", "timebased")]
SpeechEngine = Annotated[str, KnownValues("tavus-auto", "cartesia", "elevenlabs", "azure", "playht")]
SttEngine = Annotated[
    str,
    KnownValues(
        *("tavus-auto", "tavus-advanced", "tavus-turbo", "tavus-parakeet", "tavus-soniox", "tavus-whisper"),
        "tavus-deepgram-medical",
    ),
]


class Perception(Model):
    """What the persona sees, and since raven-1 also hears, of the participant."""

    perception_model: PerceptionModel | None = optional("Model that watches the participant; `off` for none.")
    ambient_awareness_queries: list[str] | None = optional("Questions answered about the picture all through the call.")
    perception_analysis_queries: list[str] | None = optional("Questions answered once, in the summary after the call.")
    perception_tool_prompt: str | None = optional("When to use the perception tools.")
    perception_tools: list[Tool] | None = optional("Functions that may be called because of what is seen.")
    visual_awareness_queries: list[str] | None = optional("Questions about the picture during the call (raven-1).")
    visual_tool_prompt: str | None = optional("When to use the visual tools (raven-1).")
    visual_tools: list[Tool] | None = optional("Functions that may be called because of what is seen (raven-1).")
    audio_awareness_queries: list[str] | None = optional("Questions about the sound during the call (raven-1).")
    audio_tool_prompt: str | None = optional("When to use the audio tools (raven-1).")
    audio_tools: list[Tool] | None = optional("Functions that may be called because of what is heard (raven-1).")
    emotion_recognition: EmotionRecognition | None = optional("How far emotions are recognised (raven-1).")
    tool_prompt: str | None = optional("Older name of the perception tool prompt.")


class SpeechToText(Model):
    """How the participant's speech becomes text."""

    stt_engine: SttEngine | None = optional("Engine that transcribes.")
    hotwords: str | list[str] | None = optional("Words to listen for: one text, or a list that is joined with commas.")
    participant_pause_sensitivity: Sensitivity | None = optional("Older control of how soon a pause ends a turn.")
    participant_interrupt_sensitivity: Sensitivity | None = optional("Older control of how easily speech interrupts.")
    smart_turn_detection: bool | None = optional("Older switch for turn detection.")


class ConversationalFlow(Model):
    """Who speaks when; setting one field makes the others take their defaults."""

    turn_detection_model: TurnDetectionModel | None = optional("Model that finds the end of a turn.")
    turn_taking_patience: Level | None = optional("How long the persona waits before it answers.")
    replica_interruptibility: Interruptibility | None = optional("How easily the participant interrupts the persona.")
    voice_isolation: Isolation | None = optional("Whether voices in the background are ignored.")
    wake_phrase: str | None = optional("Phrase that the persona waits for before it answers.")
    sleep_phrase: str | None = optional("Phrase after which it waits again; needs a wake phrase.")
    idle_engagement: Engagement | None = optional("Whether the persona speaks up in a silence.")
    idle_end_behavior: Annotated[str, KnownValues("wait")] | None = optional("What happens when a silence lasts.")
    idle_timeout: float | str | None = optional("How long a silence may last.")
    noise_cancellation: str | None = optional("How noise in the background is treated.")
    turn_commitment: Level | None = optional("Older control of how firmly a turn is held.")
    active_listening: ListeningSounds | None = optional("Older control of listening sounds.")

    @cross_field_validator
    @classmethod
    def wakes_before_it_sleeps(cls, given: JsonObject) -> Iterator[Violation]:
        """A sleep phrase needs a wake phrase."""
        if not blank(given.get("sleep_phrase")) and blank(given.get("wake_phrase")):
            message = "`sleep_phrase` has no effect without `wake_phrase`; add `wake_phrase`, or remove it"
            yield ("sleep_phrase",), "missing_key", message


class LanguageModel(Model):
    """The model that answers: one of Tavus, or any that speaks the OpenAI protocol."""

    model: str | None = optional("Name of the model; one that does not begin with `tavus-` is your own.")
    base_url: str | None = optional("URL of your own model, without a route such as /chat/completions.")
    api_key: str | None = optional("Key for your own model; a `${secret:NAME}`, never the key itself.")
    speculative_inference: bool | None = optional("Whether the model starts before the participant has finished.")
    disable_vision: bool | None = optional("Whether the model is kept from seeing the participant.")
    enable_llm_proxy: bool | None = optional(
        "Whether your own model is called from a fixed address; for a model of your own only."
    )
    tools: list[Tool] | None = optional("Functions that the model may call.")
    extra_body: dict[str, Any] | None = optional("Further parameters of the request, such as temperature and top_p.")
    headers: dict[str, str | None] | None = optional("Further HTTP headers for your own model; values may be secrets.")
    default_query: dict[str, Any] | None = optional("Query parameters sent with each request to your own model.")

    @cross_field_validator
    @classmethod
    def has_an_address_and_a_key(cls, given: JsonObject) -> Iterator[Violation]:
        """`base_url` and `api_key` come together, and a model that is not from Tavus needs both."""
        model = given.get("model")
        own = isinstance(model, str) and model != "" and not model.startswith("tavus-")
        missing = [key for key in ("base_url", "api_key") if blank(given.get(key))]
        if own and missing:
            missing_keys = " and ".join(f"`{key}`" for key in missing)
            message = f"`{model}` is not a Tavus model and needs `base_url` and `api_key`; add {missing_keys}"
            yield ("model",), "missing_key", message
        elif len(missing) == 1:
            present = "api_key" if missing == ["base_url"] else "base_url"
            message = f"`{present}` has no effect without `{missing[0]}`; add `{missing[0]}`, or remove both"
            yield (present,), "missing_key", message
        if given.get("enable_llm_proxy") is True and not own:
            yield ("enable_llm_proxy",), "not_together", "`enable_llm_proxy` is allowed for a model of your own only"


class VoiceSettings(Model):
    """Settings of the voice; which of them count depends on the engine."""

    speed: float | Pace | None = optional("Speed: -1.0 to 1.5 or a word for Cartesia, 0.7 to 1.2 for ElevenLabs.")
    emotion: str | list[str] | None = optional("Emotions of a Cartesia voice, each `name` or `name:level`.")
    volume: float | None = optional("Volume of a Cartesia voice, 0 to 2.")
    stability: float | None = optional("How even an ElevenLabs voice is, 0 to 1.")
    similarity_boost: float | None = optional("How closely an ElevenLabs voice keeps to its original, 0 to 1.")
    style: float | None = optional("How far an ElevenLabs voice exaggerates its style, 0 to 1.")
    use_speaker_boost: bool | None = optional("Whether an ElevenLabs voice is brought closer to its speaker.")


RANGES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "cartesia": {"speed": (-1.0, 1.5), "volume": (0.0, 2.0)},
    "elevenlabs": {"speed": (0.7, 1.2), "stability": (0, 1), "similarity_boost": (0, 1), "style": (0, 1)},
}


class TextToSpeech(Model):
    """The voice of the persona."""

    tts_engine: SpeechEngine | None = optional("Engine that speaks.")
    voice_id: str | None = optional("Voice that speaks, which needs no engine; a `${ref:voice/NAME}`.")
    external_voice_id: str | None = optional("Id of the voice at the engine.")
    api_key: str | None = optional("Key for a private voice; a `${secret:NAME}`, never the key itself.")
    tts_model_name: str | None = optional("Model of the engine, such as sonic-3 or eleven_multilingual_v2.")
    tts_emotion_control: Truth | None = optional("Whether the voice follows the emotion of what is said.")
    voice_settings: VoiceSettings | None = optional("Speed, emotion and the like.")
    pronunciation_dictionary_id: str | None = optional("How words are pronounced; a `${ref:dictionary/NAME}`.")
    playht_user_id: str | None = optional("User id for the PlayHT engine.")

    @cross_field_validator
    @classmethod
    def is_in_range(cls, given: JsonObject) -> Iterator[Violation]:
        """Numbers in `voice_settings` must lie in the range of the engine."""
        engine = given.get("tts_engine", "")
        settings = given.get("voice_settings")
        if not isinstance(engine, str) or not isinstance(settings, dict):
            return
        for key, (owner, low, high) in _ranges(engine).items():
            value = settings.get(key)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and not low <= value <= high:
                path = ("voice_settings", key)
                yield path, "wrong_value", f"expected {low:g} to {high:g} for {owner}, found {value}"


def _ranges(engine: str) -> Mapping[str, tuple[str, float, float]]:
    """The range of every number by key, with the engine that sets it: (engine, minimum, maximum).

    A setting that this engine does not have is checked by the range of the engine that has it, as the API does; `speed`
    is checked only for an engine with a range of its own.
    """
    of_others = {
        key: (owner, *limits) for owner, ranges in RANGES.items() for key, limits in ranges.items() if key != "speed"
    }
    return of_others | {key: (engine, *limits) for key, limits in RANGES.get(engine, {}).items()}


class Vision(Model):
    """The vision layer that perception took the place of."""

    enable_vision: str | None = optional('Whether the persona sees the participant: the text "true" or "false".')
    prompt: str | None = optional("What to look for.")


class Connectors(Model):
    """Servers of the Model Context Protocol whose tools the persona may use."""

    connectors: list[Filled] | None = optional("Ids of connectors.")
    connector_tools: dict[str, Any] | None = optional(
        "By connector, the tools it may use; all of them where it is left out."
    )


class Capabilities(Model):
    """What the persona may do beside talking."""

    mcp_enabled: bool | None = optional("Whether connectors are used.")
    search_enabled: bool | None = optional("Whether it may search the web.")
    activity_log_enabled: bool | None = optional("Whether its activity is logged.")
    search_results_prompt_injection_prevention_enabled: bool | None = optional(
        "Whether search results are cleaned of instructions."
    )


class KnowledgeBase(Model):
    """How the persona looks things up in its documents."""

    rag_score_threshold: float | None = optional("How well a passage must fit.")
    rag_n_chunks: int | None = optional("How many passages are used.")
    rag_surrounding_chunk_radius: int | None = optional("How many neighbours of a passage are used.")
    enable_rag_observability_app_messages: bool | None = optional("Whether the application is told what was looked up.")
    use_procedure_goalchain: bool | None = optional("Whether procedures in documents are followed.")


class Layers(Model):
    """The layers; one that is left out is not set at all."""

    perception: Perception | None = optional("What the persona sees and hears.")
    stt: SpeechToText | None = optional("Speech to text.")
    conversational_flow: ConversationalFlow | None = optional("Who speaks when.")
    llm: LanguageModel | None = optional("The language model.")
    tts: TextToSpeech | None = optional("Text to speech.")
    mcp: Connectors | None = optional("Tools of connected servers.")
    capabilities: Capabilities | None = optional("What it may do beside talking.")
    knowledge_base: KnowledgeBase | None = optional("How documents are looked up.")
    sts: dict[str, Any] | None = optional("Settings of the mode speech-to-speech.")
    conferencing: Conferencing | None = optional("Meetings of others that the persona joins.")
    vqa: Vision | None = optional("Older vision layer.")
    transport: dict[str, Any] | None = optional("Transport of calls that a plugin runs.")
