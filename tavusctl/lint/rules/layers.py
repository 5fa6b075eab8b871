"""Lint rules for layers: settings that the chosen model ignores, and old settings that a new one overrides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tavusctl.core.address import Address
from tavusctl.core.messages import shown, suggestion
from tavusctl.fields.equivalence import has_no_effect
from tavusctl.lint.core import Finding, Subject, mappings, pointer_of

_RAVEN_1_ONLY: Final = ("audio_awareness_queries", "audio_tool_prompt", "audio_tools", "emotion_recognition")
# Names of settings in raven-0, and in raven-1; the API does not copy the value of one to the other.
_RENAMED: Final = {
    "ambient_awareness_queries": "visual_awareness_queries",
    "perception_tool_prompt": "visual_tool_prompt",
    "perception_tools": "visual_tools",
}
_OLD_NAMES: Final = {new: old for old, new in _RENAMED.items()}
# A high sensitivity to pauses ends a turn early, which is a low patience: the two scales are opposite.
_PATIENCE: Final = {"high": "low", "medium": "medium", "low": "high", "verylow": "high", "superlow": "high"}
_INTERRUPTIBLE: Final = {"high": "high", "medium": "medium", "low": "low", "verylow": "low", "superlow": "low"}
# One page says that a low sensitivity is a high interruptibility, as for patience; examples use the same word for both.
_TWO_READINGS: Final = ("participant_interrupt_sensitivity",)
_OVERRIDDEN: Final = {
    "participant_pause_sensitivity": ("turn_taking_patience", _PATIENCE),
    "participant_interrupt_sensitivity": ("replica_interruptibility", _INTERRUPTIBLE),
}
_IGNORING: Final = ("sparrow-1", "sparrow-2")  # models that ignore the old sensitivities
_PROMPT_OF: Final = {
    "perception_tools": "perception_tool_prompt",
    "visual_tools": "visual_tool_prompt",
    "audio_tools": "audio_tool_prompt",
}
_VOICE_OF: Final = {
    "elevenlabs": ("stability", "similarity_boost", "style", "use_speaker_boost"),
    "cartesia": ("emotion", "volume"),
}
_PERCEIVED: Final = ("vision", "audio")  # origins of tools that the perception model calls
_EMOTION_LEVELS: Final = ("lowest", "low", "medium", "high", "highest")


def _is_set(subject: Subject, value: object, *keys: str) -> bool:
    """Whether a setting of a layer is in use: it is not empty, and not what the server fills in by itself."""
    return not has_no_effect(subject.kind, ("layers", *keys), value)


def ignored_perception_setting(subject: Subject) -> Iterator[Finding]:
    """Report perception settings that the chosen model ignores."""
    layer = subject.mapping_at("layers", "perception")
    model = layer.get("perception_model")
    for key, value in layer.items():
        if key == "perception_model" or not isinstance(model, str) or not _is_set(subject, value, "perception", key):
            continue
        new_key, hint = _name_in_model(model, key), _ignored_hint(model, key)
        if new_key or hint:
            pointer = pointer_of("layers", "perception", key)
            fix = (subject.edit(pointer, "rename", new_key),) if new_key and new_key not in layer else ()
            yield Finding(
                pointer, f"`perception_model` `{model}` ignores `{key}`", hint or f"write `{new_key}`", fix=fix
            )


def _name_in_model(model: str, key: str) -> str:
    """The name that the chosen model has for a setting of the other model; empty if it has no other name."""
    return {"raven-1": _RENAMED, "raven-0": _OLD_NAMES}.get(model, {}).get(key, "")


def _ignored_hint(model: str, key: str) -> str:
    """What to do about a setting that a model ignores; empty if the model reads it, under this or another name."""
    if model == "off" or (model == "basic" and key != "perception_analysis_queries"):
        return "set `perception_model` to `raven-0` or `raven-1`, or remove this key"
    if model == "raven-0" and key in _OLD_NAMES:
        return f"use `{_OLD_NAMES[key]}`, or set `perception_model` to `raven-1`"
    if model == "raven-0" and key in _RAVEN_1_ONLY:
        return "set `perception_model` to `raven-1`, which also analyses audio"
    return ""


def overridden_speech_setting(subject: Subject) -> Iterator[Finding]:
    """Report old sensitivities, which are deprecated, and have no effect with sparrow-1 and later.

    A `conversational_flow` that names no model has sparrow-1.
    """
    flow = subject.mapping_at("layers", "conversational_flow")
    model = flow.get("turn_detection_model", "sparrow-1")
    is_read = not flow or model not in _IGNORING
    for key, (newer, levels) in _OVERRIDDEN.items():
        value = subject.mapping_at("layers", "stt").get(key)
        if isinstance(value, str) and value in levels and _is_set(subject, value, "stt", key):
            pointer = pointer_of("layers", "stt", key)
            alternative = _PATIENCE[value] if key in _TWO_READINGS and newer not in flow else ""
            alternative_hint = (
                f" or `{alternative}` (the documentation is ambiguous: choose what you mean)" if alternative else ""
            )
            hint = f"write `layers.conversational_flow.{newer}: {flow.get(newer, levels[value])}`{alternative_hint}"
            if is_read:  # adding that key would choose another turn-taking model, so there is no automatic fix
                yield Finding(pointer, f"`{key}` is deprecated", hint)
            else:
                new_pointer = pointer_of("layers", "conversational_flow", newer)
                edits = [] if newer in flow else [subject.edit(new_pointer, "set", levels[value])]
                message = f"`{key}` has no effect with `{model}` in `conversational_flow`"
                fix = () if alternative else (*edits, subject.edit(pointer, "remove"))
                yield Finding(pointer, message, f"{hint}, and remove this", fix=fix)


def ignored_hotwords(subject: Subject) -> Iterator[Finding]:
    """Report hotwords for a speech-to-text engine that ignores them."""
    layer = subject.mapping_at("layers", "stt")
    engine = layer.get("stt_engine")
    if _is_set(subject, layer.get("hotwords"), "stt", "hotwords") and engine not in (None, "tavus-advanced"):
        yield Finding(
            pointer_of("layers", "stt", "hotwords"),
            f"`{engine}` ignores `hotwords`",
            "set `stt_engine` to `tavus-advanced`",
        )


def ignored_voice_setting(subject: Subject) -> Iterator[Finding]:
    """Report voice settings of another engine than the chosen one."""
    engine, values = (
        subject.mapping_at("layers", "tts").get("tts_engine"),
        subject.mapping_at("layers", "tts", "voice_settings"),
    )
    for other, keys in _VOICE_OF.items():
        for key in keys:
            is_set = _is_set(subject, values.get(key), "tts", "voice_settings", key)
            if engine in tuple(_VOICE_OF) and other != engine and is_set:
                pointer = pointer_of("layers", "tts", "voice_settings", key)
                fix = subject.edit(pointer, "remove")
                yield Finding(
                    pointer, f"`{engine}` ignores `{key}`", f"remove it: it is a setting of `{other}`", fix=(fix,)
                )


def unlisted_emotion_level(subject: Subject) -> Iterator[Finding]:
    """Report emotions of a Cartesia voice with an unknown level."""
    emotions = subject.mapping_at("layers", "tts", "voice_settings").get("emotion")
    for index, emotion in enumerate(emotions if isinstance(emotions, list) else []):
        level = emotion.partition(":")[2] if isinstance(emotion, str) else ""
        if level and level not in _EMOTION_LEVELS:
            pointer = pointer_of("layers", "tts", "voice_settings", "emotion", index)
            yield Finding(pointer, f"{shown(level)} is not a level of an emotion", suggestion(level, _EMOTION_LEVELS))


def perception_tools_prompt(subject: Subject) -> Iterator[Finding]:
    """Report perception tools without a prompt that says when to use them."""
    layer = subject.mapping_at("layers", "perception")
    for tools, prompt in _PROMPT_OF.items():
        if mappings(layer.get(tools)) and not _is_set(subject, layer.get(prompt), "perception", prompt):
            pointer = pointer_of("layers", "perception", tools)
            yield Finding(pointer, f"the tools have no `{prompt}` that says when to use them", f"add `{prompt}`")


def unseen_tool(subject: Subject) -> Iterator[Finding]:
    """Report tools of origin vision or audio for a persona without a raven model: the API does not attach them."""
    model, tool_ids = subject.mapping_at("layers", "perception").get("perception_model"), subject.value_at("tool_ids")
    if not isinstance(model, str) or not model or model.startswith("raven") or not isinstance(tool_ids, list):
        return
    origins = {manifest.address: manifest.spec.get("origin") for manifest in subject.project.manifests}
    for index, tool in enumerate(tool_ids):
        origin = origins.get(tool) if isinstance(tool, Address) else None
        if origin in _PERCEIVED:
            message = f"`{tool}` has `origin: {origin}`, but `perception_model` `{model}` calls no tools"
            yield Finding(pointer_of("tool_ids", index), message, "set `perception_model` to `raven-1`")
