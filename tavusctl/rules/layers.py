"""Layers: settings that the chosen model ignores, and older ones that another overrides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tavusctl.rules.lint import Finding, Subject, mappings, pointer_of

_RAVEN_1_ONLY: Final = ("audio_awareness_queries", "audio_tool_prompt", "audio_tools", "emotion_recognition")
# What raven-0 calls otherwise than raven-1; the API copies neither into the other.
_RENAMED: Final = {
    "ambient_awareness_queries": "visual_awareness_queries",
    "perception_tool_prompt": "visual_tool_prompt",
    "perception_tools": "visual_tools",
}
# How soon a pause ends a turn is how little patience there is: the two run opposite ways.
_PATIENCE: Final = {"high": "low", "medium": "medium", "low": "high", "verylow": "high", "superlow": "high"}
_INTERRUPTIBLE: Final = {"high": "high", "medium": "medium", "low": "low", "verylow": "low", "superlow": "low"}
_OVERRIDDEN: Final = {
    "participant_pause_sensitivity": ("turn_taking_patience", _PATIENCE),
    "participant_interrupt_sensitivity": ("replica_interruptibility", _INTERRUPTIBLE),
}
_TOLD_BY: Final = {
    "perception_tools": "perception_tool_prompt",
    "visual_tools": "visual_tool_prompt",
    "audio_tools": "audio_tool_prompt",
}
_VOICE_OF: Final = {
    "elevenlabs": ("stability", "similarity_boost", "style", "use_speaker_boost"),
    "cartesia": ("emotion", "volume"),
}


def _layer(subject: Subject, name: str) -> Mapping[str, Any]:
    found = subject.at("layers", name)
    return found if isinstance(found, dict) else {}


def _is_set(value: object) -> bool:
    return value not in (None, "", [], {})


def unseen_by_model(subject: Subject) -> Iterator[Finding]:
    """Perception settings that the chosen model does not look at."""
    layer = _layer(subject, "perception")
    model = layer.get("perception_model")
    for key, value in layer.items():
        if key == "perception_model" or not _is_set(value):
            continue
        told = _ignored(str(model or ""), key)
        if told:
            yield Finding(pointer_of("layers", "perception", key), f"perception_model {model} ignores {key}", told)


def _ignored(model: str, key: str) -> str:
    """What to do about a setting that a model ignores; empty when it does not."""
    newer = {new: old for old, new in _RENAMED.items()}
    if model == "off" or (model == "basic" and key != "perception_analysis_queries"):
        return "choose raven-0 or raven-1, or leave it out"
    if model == "raven-0" and key in newer:
        return f"write {newer[key]}, or choose raven-1"
    if model == "raven-0" and key in _RAVEN_1_ONLY:
        return "choose raven-1, which also hears"
    if model == "raven-1" and key in _RENAMED:
        return f"write {_RENAMED[key]}"
    return ""


def overridden_by_sparrow(subject: Subject) -> Iterator[Finding]:
    """Older sensitivities that sparrow-1, which is also the default, does not read."""
    flow = _layer(subject, "conversational_flow")
    if flow.get("turn_detection_model", "sparrow-1") != "sparrow-1" or not flow:
        return
    for key, (newer, words) in _OVERRIDDEN.items():
        value = _layer(subject, "stt").get(key)
        if value in words:
            pointer = pointer_of("layers", "stt", key)
            place = pointer_of("layers", "conversational_flow", newer)
            set_it = [] if newer in flow else [subject.edit(place, "set", words[value])]
            told = f"conversational_flow decides with sparrow-1, and {key} has no effect"
            hint = f"write layers.conversational_flow.{newer}: {flow.get(newer, words[value])}, and remove this"
            yield Finding(pointer, told, hint, fix=(*set_it, subject.edit(pointer, "remove")))


def deaf_to_hotwords(subject: Subject) -> Iterator[Finding]:
    """Hotwords for an engine that does not listen for them."""
    layer = _layer(subject, "stt")
    engine = layer.get("stt_engine")
    if _is_set(layer.get("hotwords")) and engine not in (None, "tavus-advanced"):
        yield Finding(pointer_of("layers", "stt", "hotwords"), f"{engine} ignores hotwords", "choose tavus-advanced")


def unlisted_level(subject: Subject) -> Iterator[Finding]:
    """A level that an example of the documentation uses, and its lists do not have."""
    if _layer(subject, "conversational_flow").get("replica_interruptibility") == "verylow":
        pointer = pointer_of("layers", "conversational_flow", "replica_interruptibility")
        fix = subject.edit(pointer, "set", "low")
        yield Finding(pointer, "verylow is in no list of the API", "write low", fix=(fix,))


def foreign_voice_settings(subject: Subject) -> Iterator[Finding]:
    """Voice settings of another engine than the one that speaks."""
    layer = _layer(subject, "tts")
    engine, settings = layer.get("tts_engine", "cartesia"), layer.get("voice_settings")
    given = settings if isinstance(settings, dict) else {}
    for other, keys in _VOICE_OF.items():
        for key in keys:
            if other != engine and _is_set(given.get(key)):
                pointer = pointer_of("layers", "tts", "voice_settings", key)
                yield Finding(pointer, f"{engine} ignores {key}", f"it belongs to {other}; remove it")


def unused_tools(subject: Subject) -> Iterator[Finding]:
    """Tools that a model sees, with no word on when to use them."""
    layer = _layer(subject, "perception")
    for tools, prompt in _TOLD_BY.items():
        if mappings(layer.get(tools)) and not _is_set(layer.get(prompt)):
            pointer = pointer_of("layers", "perception", tools)
            yield Finding(pointer, f"no {prompt} says when to use them", f"write {prompt}")
