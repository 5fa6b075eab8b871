"""Layers: settings that the chosen model ignores, and older ones that another overrides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from tavusctl.core.messages import shown, suggestion
from tavusctl.fields.equivalence import unused
from tavusctl.lib.json_types import Json
from tavusctl.lint.core import Finding, Subject, mappings, pointer_of

_RAVEN_1_ONLY: Final = ("audio_awareness_queries", "audio_tool_prompt", "audio_tools", "emotion_recognition")
# What raven-0 calls otherwise than raven-1; the API copies neither into the other.
_RENAMED: Final = {
    "ambient_awareness_queries": "visual_awareness_queries",
    "perception_tool_prompt": "visual_tool_prompt",
    "perception_tools": "visual_tools",
}
_OLDER: Final = {new: old for old, new in _RENAMED.items()}
# How soon a pause ends a turn is how little patience there is: the two run opposite ways.
_PATIENCE: Final = {"high": "low", "medium": "medium", "low": "high", "verylow": "high", "superlow": "high"}
_INTERRUPTIBLE: Final = {"high": "high", "medium": "medium", "low": "low", "verylow": "low", "superlow": "low"}
_OPPOSITE: Final = {"high": "low", "medium": "medium", "low": "high", "verylow": "high", "superlow": "high"}
# A page says that a low sensitivity is a high interruptibility, and examples use both words alike.
_TWO_READINGS: Final = ("participant_interrupt_sensitivity",)
_OVERRIDDEN: Final = {
    "participant_pause_sensitivity": ("turn_taking_patience", _PATIENCE),
    "participant_interrupt_sensitivity": ("replica_interruptibility", _INTERRUPTIBLE),
}
_DEAF: Final = ("sparrow-1", "sparrow-2")  # to the older sensitivities
_TOLD_BY: Final = {
    "perception_tools": "perception_tool_prompt",
    "visual_tools": "visual_tool_prompt",
    "audio_tools": "audio_tool_prompt",
}
_VOICE_OF: Final = {
    "elevenlabs": ("stability", "similarity_boost", "style", "use_speaker_boost"),
    "cartesia": ("emotion", "volume"),
}
_WITHOUT_PROMPT: Final = ("speech-to-speech", "echo")
_EMOTION_LEVELS: Final = ("lowest", "low", "medium", "high", "highest")


def _layer(subject: Subject, name: str) -> Mapping[str, Json]:
    found = subject.at("layers", name)
    return found if isinstance(found, dict) else {}


def _is_set(subject: Subject, value: object, *keys: str) -> bool:
    """Whether the setting at some keys of a layer is in use: it holds something that is not the server's own choice."""
    return not unused(subject.kind, ("layers", *keys), value)


def unseen_by_model(subject: Subject) -> Iterator[Finding]:
    """Perception settings that the chosen model does not look at."""
    layer = _layer(subject, "perception")
    model = layer.get("perception_model")
    for key, value in layer.items():
        if key == "perception_model" or not isinstance(model, str) or not _is_set(subject, value, "perception", key):
            continue
        right, told = _right_name(model, key), _ignored(model, key)
        if right or told:
            pointer = pointer_of("layers", "perception", key)
            fix = (subject.edit(pointer, "rename", right),) if right and right not in layer else ()
            yield Finding(pointer, f"`perception_model` `{model}` ignores `{key}`", told or f"write `{right}`", fix=fix)


def _right_name(model: str, key: str) -> str:
    """What the chosen model calls a setting of the other one; empty when that is its own name."""
    return {"raven-1": _RENAMED, "raven-0": _OLDER}.get(model, {}).get(key, "")


def _ignored(model: str, key: str) -> str:
    """What to do about a setting that a model has no use for; empty when it has, under this name or another."""
    if model == "off" or (model == "basic" and key != "perception_analysis_queries"):
        return "set `perception_model` to `raven-0` or `raven-1`, or remove this key"
    if model == "raven-0" and key in _OLDER:
        return f"use `{_OLDER[key]}`, or set `perception_model` to `raven-1`"
    return (
        "set `perception_model` to `raven-1`, which also analyses audio"
        if model == "raven-0" and key in _RAVEN_1_ONLY
        else ""
    )


def overridden_by_sparrow(subject: Subject) -> Iterator[Finding]:
    """Older sensitivities, which sparrow-1 and later, one of them the default of a flow, do not read."""
    flow = _layer(subject, "conversational_flow")
    model = flow.get("turn_detection_model", "sparrow-1")
    is_read = not flow or model not in _DEAF
    for key, (newer, words) in _OVERRIDDEN.items():
        value = _layer(subject, "stt").get(key)
        if isinstance(value, str) and value in words and _is_set(subject, value, "stt", key):
            pointer = pointer_of("layers", "stt", key)
            other = _OPPOSITE[value] if key in _TWO_READINGS and newer not in flow else ""
            doubt = f" or `{other}` (the documentation is ambiguous: choose what you mean)" if other else ""
            hint = f"write `layers.conversational_flow.{newer}: {flow.get(newer, words[value])}`{doubt}"
            if is_read:  # to write it there would choose another model of turns: no edit for a machine
                yield Finding(pointer, f"`{key}` is deprecated", hint)
            else:
                place = pointer_of("layers", "conversational_flow", newer)
                set_it = [] if newer in flow else [subject.edit(place, "set", words[value])]
                told = f"`{key}` has no effect with `{model}` in `conversational_flow`"
                fix = () if other else (*set_it, subject.edit(pointer, "remove"))
                yield Finding(pointer, told, f"{hint}, and remove this", fix=fix)


def deaf_to_hotwords(subject: Subject) -> Iterator[Finding]:
    """Hotwords for an engine that does not listen for them."""
    layer = _layer(subject, "stt")
    engine = layer.get("stt_engine")
    if _is_set(subject, layer.get("hotwords"), "stt", "hotwords") and engine not in (None, "tavus-advanced"):
        yield Finding(
            pointer_of("layers", "stt", "hotwords"),
            f"`{engine}` ignores `hotwords`",
            "set `stt_engine` to `tavus-advanced`",
        )


def unlisted_level(subject: Subject) -> Iterator[Finding]:
    """A level that an example of the documentation uses, and its lists do not have."""
    if _layer(subject, "conversational_flow").get("replica_interruptibility") == "verylow":
        pointer = pointer_of("layers", "conversational_flow", "replica_interruptibility")
        fix = subject.edit(pointer, "set", "low")
        yield Finding(pointer, "the API does not list `verylow`", "write `low`", fix=(fix,))


def foreign_voice_settings(subject: Subject) -> Iterator[Finding]:
    """Voice settings of another engine than the one that speaks."""
    layer = _layer(subject, "tts")
    engine, settings = layer.get("tts_engine"), layer.get("voice_settings")
    given = settings if isinstance(settings, dict) else {}
    for other, keys in _VOICE_OF.items():
        for key in keys:
            is_set = _is_set(subject, given.get(key), "tts", "voice_settings", key)
            if engine in tuple(_VOICE_OF) and other != engine and is_set:
                pointer = pointer_of("layers", "tts", "voice_settings", key)
                fix = subject.edit(pointer, "remove")
                yield Finding(
                    pointer, f"`{engine}` ignores `{key}`", f"remove it: it is a setting of `{other}`", fix=(fix,)
                )


def unknown_emotion_level(subject: Subject) -> Iterator[Finding]:
    """Emotions of a Cartesia voice with a level that it does not have."""
    settings = _layer(subject, "tts").get("voice_settings")
    emotions = settings.get("emotion") if isinstance(settings, dict) else None
    for index, emotion in enumerate(emotions if isinstance(emotions, list) else []):
        level = emotion.partition(":")[2] if isinstance(emotion, str) else ""
        if level and level not in _EMOTION_LEVELS:
            pointer = pointer_of("layers", "tts", "voice_settings", "emotion", index)
            yield Finding(pointer, f"{shown(level)} is not a level of an emotion", suggestion(level, _EMOTION_LEVELS))


def unread_prompt(subject: Subject) -> Iterator[Finding]:
    """A prompt for a pipeline in which no model reads it."""
    mode = subject.at("pipeline_mode")
    for key in ("system_prompt", "context"):
        if mode in _WITHOUT_PROMPT and isinstance(subject.at(key), str) and subject.at(key):
            message = f"`pipeline_mode` `{mode}` has no use for `{key}`, and newer versions of the API refuse it"
            yield Finding(pointer_of(key), message, "remove it")


def unused_tools(subject: Subject) -> Iterator[Finding]:
    """Tools that a model sees, with no word on when to use them."""
    layer = _layer(subject, "perception")
    for tools, prompt in _TOLD_BY.items():
        if mappings(layer.get(tools)) and not _is_set(subject, layer.get(prompt), "perception", prompt):
            pointer = pointer_of("layers", "perception", tools)
            yield Finding(pointer, f"the tools have no `{prompt}` that says when to use them", f"add `{prompt}`")
