"""Behaviours: whatever is uncertain about the API, or differs between accounts, as settings with defaults.

`BEHAVIORS` is their documentation: name, default, check of the value, meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tavusctl.emulator.bodies.patching import NORMALISERS
from tavusctl.emulator.http.messages import Json, Object

Check = Callable[[Json], bool]


def _one_of(*values: Json) -> Check:
    return lambda value: value in values


def _flag(value: Json) -> bool:
    return isinstance(value, bool)


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


ERA = "today"  # the default of the behaviour `era`: which API is served, `seed` or `today`


@dataclass(frozen=True, slots=True)
class Behavior:
    """One setting of the emulator; `check` accepts its valid values."""

    name: str
    default: Json
    check: Check
    meaning: str


BEHAVIORS = {
    behavior.name: behavior
    for behavior in (
        # Which API
        Behavior(
            "era",
            ERA,
            _one_of("seed", "today"),
            "seed: the API of spring 2026; today: that of November 2026, with PALs, tools, skills, voices and the rest",
        ),
        # Reads
        Behavior("wrapped_get", default=False, check=_flag, meaning="GET of a persona or set answers {data: [it]}"),
        Behavior(
            "newer_fields", default=True, check=_flag, meaning="fields of spring 2026 are shown when they are unset"
        ),
        Behavior("flow_defaults", "filled", _one_of("filled", "null"), "what unset conversational_flow fields show"),
        Behavior(
            "mask", "stars", _one_of("stars", "omit", "echo", "null", "blank", "word"), "how a stored key is shown"
        ),
        Behavior("set_id_key", "uuid", _one_of("uuid", "documented"), "documented: guardrails_id, objectives_id"),
        Behavior("stock", default=True, check=_flag, meaning="stock personas and replicas exist"),
        Behavior(
            "draft_marks",
            "draft",
            _one_of("draft", "every read"),
            "reads of a persona with a July draft that say is_draft_view and has_unpublished_changes",
        ),
        Behavior(
            "interruptibility",
            "path",
            _one_of("path", "pal", "replica", "face"),
            "how today's reads name it: by path, pal_ on /v2/pals and replica_ on /v2/personas, or always alike",
        ),
        Behavior("pal_tools_list", "data", _one_of("data", "bare"), "the tools of a PAL come under data, or as a list"),
        Behavior("set_app_message", default=True, check=_flag, meaning="items of sets show app_message, today"),
        Behavior(
            "set_item_uuids", default=False, check=_flag, meaning="items of sets have ids, kept by edits of a field"
        ),
        # Lists
        Behavior("list_lag", 0, _amount, "seconds until a list shows a creation or a deletion"),
        Behavior(
            "list_order", "ascending", _one_of("ascending", "descending"), "by creation; documents obey their own"
        ),
        Behavior("max_limit", None, _count_or_none, "the greatest page size"),
        Behavior("over_limit", "refuse", _one_of("refuse", "clamp"), "what happens beyond max_limit"),
        Behavior("total_count", "exact", _one_of("exact", "absent", "wrong"), "wrong: the length of the page"),
        Behavior(
            "sets_list_documented", default=False, check=_flag, meaning="list items of sets are only an id and times"
        ),
        Behavior(
            "legacy",
            default=True,
            check=_flag,
            meaning="today's list of guardrails is one of sets, where the query does not say which",
        ),
        Behavior(
            "personas_list",
            "whole",
            _one_of("whole", "short"),
            "short: items of today's list of personas lack tool_ids and skills",
        ),
        Behavior("persona_type", "obeyed", _one_of("obeyed", "ignored"), "the older name of pal_type, today"),
        # Writes
        Behavior(
            "drafts_guard",
            "patch",
            _one_of("patch", "everything", "unforced"),
            "what a draft in PAL Maker keeps out; everything: calls for the tools and skills of a PAL, too, but not "
            "with ?force=true; unforced: these, whatever they have",
        ),
        Behavior(
            "draft_parts",
            "live",
            _one_of("live", "draft"),
            "draft: calls for the tools and skills of a PAL go into a draft of July, which no page says or denies",
        ),
        Behavior(
            "patch_tool_ids",
            "refuse",
            _one_of("refuse", "ignore", "accept"),
            "what becomes of a patch of /tool_ids",
        ),
        Behavior(
            "tool_auth",
            "replaced",
            _one_of("replaced", "kept"),
            "kept: a delivery without the secret in its auth keeps the stored one; replaced: it is refused",
        ),
        Behavior("model_name", "optional", _one_of("optional", "required"), "whether today's faces need a model_name"),
        Behavior("set_create_full", default=False, check=_flag, meaning="creating a set answers the whole set"),
        Behavior("body_304", "none", _one_of("none", "length", "body"), "length: announced; body: sent, against HTTP"),
        Behavior("layers_unknown", "reject", _one_of("reject", "drop", "keep"), "unknown keys inside layers"),
        Behavior("set_items_unknown", "reject", _one_of("reject", "keep"), "unknown keys inside the items of sets"),
        Behavior(
            "ignore_fields", (), _texts, "JSON Pointers whose writes are silently dropped, /layers/tts/voice_settings"
        ),
        Behavior(
            "tidied_fields", {}, _tidies, "JSON Pointers and how their values are kept: trim, lower, round or sort"
        ),
        Behavior(
            "names",
            "as sent",
            _one_of("as sent", "trim", "collapse", "compose", "escape", "lower", "cut"),
            "how display names are kept; cut: the first 24 characters",
        ),
        Behavior("ignore_test", default=False, check=_flag, meaning="PATCH skips its test operations"),
        Behavior(
            "patch_answer", "persona", _one_of("persona", "empty"), "body of a persona PATCH that changed something"
        ),
        Behavior("patch_error", "documented", _one_of("documented", "recorded"), "text of a 422 of a persona PATCH"),
        Behavior("references", "ignore", _one_of("ignore", "reject"), "ids of documents and sets that do not exist"),
        Behavior("retired_models", (), _texts, "values of layers.llm.model that are refused, also when already stored"),
        Behavior(
            "check_references",
            default=False,
            check=_flag,
            meaning="a violation: a change after which a persona names a document that is missing or not ready",
        ),
        Behavior(
            "older_properties",
            "accept",
            _one_of("accept", "refuse"),
            "enable_transcription, once documented, in a call",
        ),
        Behavior(
            "delete_clears", default=False, check=_flag, meaning="deleting a set clears the personas that name it"
        ),
        Behavior("error_after_commit", None, _count_or_none, "status that answers every change although it was made"),
        Behavior("not_found", "documented", _one_of("documented", "400", "404"), "status for unknown ids"),
        # Accounts
        Behavior("keys", {}, _keys, "API key to account; several keys may share one, null is a revoked key"),
        Behavior("unknown_keys", "account", _one_of("account", "refuse"), "keys not in `keys`: own account, or 401"),
        Behavior("credits", default=True, check=_flag, meaning="conversations can be paid; otherwise 402"),
        Behavior("max_conversations", None, _count_or_none, "active conversations at once"),
        Behavior(
            "rooms", "daily", _one_of("daily", "emulator"), "where conversation_url leads; emulator: pages of its own"
        ),
        # Times and limits
        Behavior("processing_seconds", 300, _amount, "from a document's start to its end"),
        Behavior("training_seconds", 14400, _amount, "from a replica's start to its end"),
        Behavior("voice_seconds", 180, _amount, "from a voice's start to its end"),
        Behavior("preview_seconds", 60, _amount, "until a phoenix-4.5 face from a picture is usable"),
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
                message = f"no behaviour {name!r}; there are {', '.join(BEHAVIORS)}"
                raise UnknownBehavior(message)
            if not behavior.check(list(value) if isinstance(value, tuple) else value):
                message = f"{name} cannot be {value!r}: {behavior.meaning}"
                raise UnknownBehavior(message)
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
