"""Behaviours: whatever is uncertain about the API, or differs between accounts, as settings with defaults.

`BEHAVIORS` is their documentation: name, default, check of the value, meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tavusctl.emulator.bodies.patching import NORMALISERS
from tavusctl.emulator.http.messages import Json, Object

Check = Callable[[Json], bool]


def _amount(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _count_or_none(value: Json) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)


def _texts(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _tidies(value: Json) -> bool:
    return isinstance(value, dict) and all(tidy in NORMALISERS for tidy in value.values())


def _keys(value: Json) -> bool:
    return isinstance(value, dict) and all(account is None or isinstance(account, str) for account in value.values())


@dataclass(frozen=True, slots=True)
class Behavior:
    """One setting of the emulator; `check` accepts its valid values."""

    name: str
    default: Json
    check: Check
    meaning: str


def _switch(name: str, meaning: str, *, on: bool) -> Behavior:
    return Behavior(name, on, lambda value: isinstance(value, bool), meaning)


def _choice(name: str, meaning: str, *values: str) -> Behavior:
    """A behaviour with one of the given values; the first is the default."""
    return Behavior(name, values[0], lambda value: value in values, meaning)


BEHAVIORS = {
    behavior.name: behavior
    for behavior in (
        # Which API
        _choice(
            "era",
            "seed: the API of spring 2026; today: that of November 2026, with PALs, tools, skills, voices and the rest",
            "today",
            "seed",
        ),
        # Reads
        _switch("wrapped_get", "GET of a persona or set answers {data: [it]}", on=False),
        _switch("newer_fields", "fields of spring 2026 are shown when they are unset", on=True),
        _choice("flow_defaults", "what unset conversational_flow fields show", "filled", "null"),
        _choice("mask", "how a stored key is shown", "stars", "omit", "echo", "null", "blank", "word"),
        _choice("set_id_key", "documented: guardrails_id, objectives_id", "uuid", "documented"),
        _switch("stock", "stock personas and replicas exist", on=True),
        _choice(
            "draft_marks",
            "reads of a persona with a July draft that say is_draft_view and has_unpublished_changes",
            "draft",
            "every read",
        ),
        _choice(
            "interruptibility",
            "how today's reads name it: by path, pal_ on /v2/pals and replica_ on /v2/personas, or always alike",
            "path",
            "pal",
            "replica",
            "face",
        ),
        _switch("set_app_message", "items of sets show app_message, today", on=True),
        _switch("set_item_uuids", "items of sets have ids, kept by edits of a field", on=False),
        # Lists
        Behavior("list_lag", 0, _amount, "seconds until a list shows a creation or a deletion"),
        _choice("list_order", "by creation; documents obey their own", "ascending", "descending"),
        Behavior("max_limit", None, _count_or_none, "the greatest page size"),
        _choice("over_limit", "what happens beyond max_limit", "refuse", "clamp"),
        _choice("total_count", "wrong: the length of the page", "exact", "absent", "wrong"),
        _switch("sets_list_documented", "list items of sets are only an id and times", on=False),
        _switch("legacy", "today's list of guardrails is one of sets, where the query does not say which", on=True),
        _choice("personas_list", "short: items of today's list of personas lack tool_ids and skills", "whole", "short"),
        _choice("persona_type", "the older name of pal_type, today", "obeyed", "ignored"),
        # Writes
        _choice(
            "drafts_guard",
            "what a draft in PAL Maker keeps out; everything: calls for the tools and skills of a PAL, too, but not "
            "with ?force=true; unforced: these, whatever they have",
            "patch",
            "everything",
            "unforced",
        ),
        _choice(
            "draft_parts",
            "draft: calls for the tools and skills of a PAL go into a draft of July, which no page says or denies",
            "live",
            "draft",
        ),
        _choice(
            "tool_auth",
            "kept: a delivery without the secret in its auth keeps the stored one; replaced: it is refused",
            "replaced",
            "kept",
        ),
        _choice("model_name", "whether today's faces need a model_name", "optional", "required"),
        _switch("set_create_full", "creating a set answers the whole set", on=False),
        _choice("body_304", "length: announced; body: sent, against HTTP", "none", "length", "body"),
        _choice("layers_unknown", "unknown keys inside layers", "reject", "drop", "keep"),
        _choice("set_items_unknown", "unknown keys inside the items of sets", "reject", "keep"),
        Behavior(
            "ignore_fields", (), _texts, "JSON Pointers whose writes are silently dropped, /layers/tts/voice_settings"
        ),
        Behavior(
            "tidied_fields", {}, _tidies, "JSON Pointers and how their values are kept: trim, lower, round or sort"
        ),
        _choice(
            "names",
            "how display names are kept; cut: the first 24 characters",
            "as sent",
            "trim",
            "collapse",
            "compose",
            "escape",
            "lower",
            "cut",
        ),
        _switch("ignore_test", "PATCH skips its test operations", on=False),
        _choice("references", "ids of documents and sets that do not exist", "ignore", "reject"),
        _switch(
            "check_references",
            "a violation: a change after which a persona names a document that is missing or not ready",
            on=False,
        ),
        _choice("not_found", "status for unknown ids", "documented", "400", "404"),
        # Accounts
        Behavior("keys", {}, _keys, "API key to account; several keys may share one, null is a revoked key"),
        _choice("unknown_keys", "keys not in `keys`: own account, or 401", "account", "refuse"),
        _switch("credits", "conversations can be paid; otherwise 402", on=True),
        Behavior("max_conversations", None, _count_or_none, "active conversations at once"),
        _choice("rooms", "where conversation_url leads; emulator: pages of its own", "daily", "emulator"),
        # Times and limits
        Behavior("processing_seconds", 300, _amount, "from a document's start to its end"),
        Behavior("training_seconds", 14400, _amount, "from a replica's start to its end"),
        Behavior("voice_seconds", 180, _amount, "from a voice's start to its end"),
        Behavior("crawl_cooldown", 3600, _amount, "seconds between two crawls of a document"),
        Behavior("crawls_at_once", 5, _count_or_none, "running crawls per account"),
        Behavior("crawl_documents", 100, _count_or_none, "documents with a crawl per account"),
    )
}


class UnknownBehavior(ValueError):
    """A behaviour that does not exist, or a value that it does not accept."""


@dataclass(slots=True)
class Behaviors:
    """The current values of all behaviours, by name."""

    values: Object

    def __getitem__(self, name: str) -> Json:
        return self.values[name]

    def change(self, values: Mapping[str, Json]) -> None:
        """Set the given behaviours, or none of them and raise UnknownBehavior if one is invalid."""
        for name, value in values.items():
            behavior = BEHAVIORS.get(name)
            if behavior is None:
                raise UnknownBehavior(f"unknown behavior `{name}`; known: {', '.join(f'`{one}`' for one in BEHAVIORS)}")
            if not behavior.check(list(value) if isinstance(value, tuple) else value):
                raise UnknownBehavior(f"`{name}` cannot be {value!r}: {behavior.meaning}")
        self.values.update(values)

    def restore(self) -> None:
        """Set all behaviours back to their defaults."""
        self.values.update(defaults().values)

    def changed(self) -> Object:
        """The behaviours whose values differ from their defaults."""
        return {name: value for name, value in self.values.items() if value != BEHAVIORS[name].default}


def defaults() -> Behaviors:
    """All behaviours with their defaults."""
    return Behaviors({name: behavior.default for name, behavior in BEHAVIORS.items()})
