"""The layers of a persona: perception, speech to text, conversational flow, language model, text to speech."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from tavusctl.kinds.shape import TextOrList, Truth, blank
from tavusctl.kinds.tools import Tool
from tavusctl.shape import Quarrel, Shape, Worded, optional

Sensitivity = Literal["superlow", "verylow", "low", "medium", "high"]
Level = Literal["low", "medium", "high"]


class Perception(Shape):
    """What the persona sees, and since raven-1 also hears, of the participant."""

    perception_model: Literal["raven-1", "raven-0", "basic", "off"] | None = optional(
        "Model that watches the participant; `off` for none."
    )
    ambient_awareness_queries: list[str] | None = optional("Questions answered about the picture all through the call.")
    perception_analysis_queries: list[str] | None = optional("Questions answered once, in the summary after the call.")
    perception_tool_prompt: str | None = optional("When to use the perception tools.")
    perception_tools: list[Tool] | None = optional("Functions that what is seen may trigger.")
    visual_awareness_queries: list[str] | None = optional("Questions about the picture during the call (raven-1).")
    visual_tool_prompt: str | None = optional("When to use the visual tools (raven-1).")
    visual_tools: list[Tool] | None = optional("Functions that what is seen may trigger (raven-1).")
    audio_awareness_queries: list[str] | None = optional("Questions about the sound during the call (raven-1).")
    audio_tool_prompt: str | None = optional("When to use the audio tools (raven-1).")
    audio_tools: list[Tool] | None = optional("Functions that what is heard may trigger (raven-1).")
    emotion_recognition: Literal["full", "limited", "auto"] | None = optional(
        "How far emotions are recognised (raven-1)."
    )
    tool_prompt: str | None = optional("Older name of the perception tool prompt.")


class SpeechToText(Shape):
    """How the participant's speech becomes text."""

    stt_engine: (
        Literal[
            "tavus-auto",
            "tavus-advanced",
            "tavus-turbo",
            "tavus-parakeet",
            "tavus-soniox",
            "tavus-whisper",
            "tavus-deepgram-medical",
        ]
        | None
    ) = optional("Engine that transcribes.")
    hotwords: TextOrList | None = optional("Words to listen for: one text, or a list that is joined with commas.")
    participant_pause_sensitivity: Sensitivity | None = optional("Older control of how soon a pause ends a turn.")
    participant_interrupt_sensitivity: Sensitivity | None = optional("Older control of how easily speech interrupts.")
    smart_turn_detection: bool | None = optional("Older switch for turn detection.")


class ConversationalFlow(Shape):
    """Who speaks when; setting one field makes the others take their defaults."""

    turn_detection_model: Literal["sparrow-1", "sparrow-0", "time-based"] | None = optional(
        "Model that finds the end of a turn."
    )
    turn_taking_patience: Level | None = optional("How long the persona waits before it answers.")
    replica_interruptibility: Literal["verylow", "low", "medium", "high"] | None = optional(
        "How easily the participant interrupts the persona."
    )
    voice_isolation: Literal["off", "near"] | None = optional("Whether voices in the background are ignored.")
    wake_phrase: str | None = optional("Phrase that the persona waits for before it answers.")
    idle_engagement: Literal["off", "patient", "eager"] | None = optional("Whether the persona speaks up in a silence.")
    turn_commitment: Level | None = optional("Older control of how firmly a turn is held.")
    active_listening: Literal["off", "low", "medium", "high"] | None = optional("Older control of listening sounds.")


class LanguageModel(Shape):
    """The model that answers: one of Tavus, or any that speaks the OpenAI protocol."""

    model: str | None = optional("Name of the model; one that does not begin with `tavus-` is your own.", min_length=1)
    base_url: str | None = optional("Address of your own model, without a route such as /chat/completions.")
    api_key: str | None = optional("Key for your own model; a `${secret:NAME}`, never the key itself.")
    speculative_inference: bool | None = optional("Whether the model starts before the participant has finished.")
    tools: list[Tool] | None = optional("Functions that the model may call.")
    extra_body: dict[str, Any] | None = optional("Further parameters of the request, such as temperature and top_p.")
    headers: dict[str, str] | None = optional("Further HTTP headers for your own model; values may be secrets.")
    default_query: dict[str, Any] | None = optional("Query parameters sent with each request to your own model.")

    @classmethod
    def quarrels(cls, given: Mapping[str, Any]) -> Iterator[Quarrel]:
        """A model of one's own needs an address and a key, both or neither."""
        model = given.get("model")
        own = isinstance(model, str) and model != "" and not model.startswith("tavus-")
        missing = [key for key in ("base_url", "api_key") if blank(given.get(key))]
        if own and missing:
            what = " and ".join(missing)
            yield ("model",), "missing_key", f"{model} is not a Tavus model and needs base_url and api_key; add {what}"
        elif len(missing) == 1:
            there = "api_key" if missing == ["base_url"] else "base_url"
            yield (there,), "missing_key", f"{there} has no use without {missing[0]}; add it, or leave both out"


_Pace = Literal["slowest", "slow", "normal", "fast", "fastest"]


def _no_speed(value: Any) -> str:
    return f"found {value!r}; write a number, or one of {', '.join(get_args(_Pace))}"


Speed = Annotated[float | _Pace, Worded(_no_speed, {"anyOf": [{"type": "number"}, {"enum": list(get_args(_Pace))}]})]


class VoiceSettings(Shape):
    """Settings of the voice; which of them count depends on the engine."""

    speed: Speed | None = optional("Speed: -1.0 to 1.5 or a word for Cartesia, 0.7 to 1.2 for ElevenLabs.")
    emotion: TextOrList | None = optional("Emotions of a Cartesia voice, each `name` or `name:level`.")
    volume: float | None = optional("Volume of a Cartesia voice, 0 to 2.")
    stability: float | None = optional("How even an ElevenLabs voice is, 0 to 1.")
    similarity_boost: float | None = optional("How closely an ElevenLabs voice keeps to its original, 0 to 1.")
    style: float | None = optional("How far an ElevenLabs voice exaggerates its style, 0 to 1.")
    use_speaker_boost: bool | None = optional("Whether an ElevenLabs voice is brought closer to its speaker.")


RANGES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "cartesia": {"speed": (-1.0, 1.5), "volume": (0.0, 2.0)},
    "elevenlabs": {"speed": (0.7, 1.2), "stability": (0, 1), "similarity_boost": (0, 1), "style": (0, 1)},
}


class TextToSpeech(Shape):
    """The voice of the persona."""

    tts_engine: Literal["cartesia", "elevenlabs", "playht"] | None = optional("Engine that speaks.")
    external_voice_id: str | None = optional("Id of the voice at the engine.")
    api_key: str | None = optional("Key for a private voice; a `${secret:NAME}`, never the key itself.")
    tts_model_name: str | None = optional("Model of the engine, such as sonic-3 or eleven_multilingual_v2.")
    tts_emotion_control: Truth | None = optional("Whether the voice follows the emotion of what is said.")
    voice_settings: VoiceSettings | None = optional("Speed, emotion and the like.")
    pronunciation_dictionary_id: str | None = optional("Id of a dictionary of pronunciations.")
    playht_user_id: str | None = optional("User id for the PlayHT engine.")

    @classmethod
    def quarrels(cls, given: Mapping[str, Any]) -> Iterator[Quarrel]:
        """Numbers must lie in the range of the engine."""
        engine = given.get("tts_engine", "cartesia")
        settings = given.get("voice_settings")
        if not isinstance(engine, str) or not isinstance(settings, dict):
            return
        for key, (whose, low, high) in _ranges(engine).items():
            value = settings.get(key)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and not low <= value <= high:
                where = ("voice_settings", key)
                yield where, "wrong_value", f"found {value} for {key}; {whose} takes {low:g} to {high:g}"


def _ranges(engine: str) -> Mapping[str, tuple[str, float, float]]:
    """The range of every number, and whose it is: what other engines alone have is looked at by the API, too."""
    found = {
        key: (whose, *limits) for whose, known in RANGES.items() for key, limits in known.items() if key != "speed"
    }
    return found | {key: (engine, *limits) for key, limits in RANGES.get(engine, {}).items()}


class Vision(Shape):
    """The vision layer that perception took the place of."""

    enable_vision: str | None = optional('Whether the persona sees the participant: the text "true" or "false".')
    prompt: str | None = optional("What to look for.")


class Layers(Shape):
    """The layers; one that is left out is not set at all."""

    perception: Perception | None = optional("What the persona sees and hears.")
    stt: SpeechToText | None = optional("Speech to text.")
    conversational_flow: ConversationalFlow | None = optional("Who speaks when.")
    llm: LanguageModel | None = optional("The language model.")
    tts: TextToSpeech | None = optional("Text to speech.")
    vqa: Vision | None = optional("Older vision layer.")
    transport: dict[str, Any] | None = optional("Transport of calls that a plugin runs.")
