"""Everything about the API that is not known for sure, or that differs between accounts, as switches with defaults.

`SWITCHES` is the documentation: name, default, what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tavusctl.emulator.messages import Json, Object
from tavusctl.emulator.patching import TIDIES

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
    return isinstance(value, dict) and all(tidy in TIDIES for tidy in value.values())


def _keys(value: Json) -> bool:
    return isinstance(value, dict) and all(account is None or isinstance(account, str) for account in value.values())


@dataclass(frozen=True, slots=True)
class Switch:
    """One thing that can be told to behave otherwise."""

    name: str
    default: Json
    check: Check
    meaning: str


SWITCHES = {
    switch.name: switch
    for switch in (
        # Reads
        Switch("wrapped_get", default=False, check=_flag, meaning="GET of a persona or set answers {data: [it]}"),
        Switch(
            "newer_fields", default=True, check=_flag, meaning="fields of spring 2026 are shown when they are unset"
        ),
        Switch("flow_defaults", "filled", _one_of("filled", "null"), "what unset conversational_flow fields show"),
        Switch("mask", "stars", _one_of("stars", "omit", "echo"), "how a stored api_key is shown"),
        Switch("set_id_key", "uuid", _one_of("uuid", "documented"), "documented: guardrails_id, objectives_id"),
        Switch("stock", default=True, check=_flag, meaning="stock personas and replicas exist"),
        # Lists
        Switch("list_lag", 0, _amount, "seconds until a list shows a creation or a deletion"),
        Switch("list_order", "ascending", _one_of("ascending", "descending"), "by creation; documents obey their own"),
        Switch("max_limit", None, _count_or_none, "the greatest page size"),
        Switch("over_limit", "refuse", _one_of("refuse", "clamp"), "what happens beyond max_limit"),
        Switch("total_count", "exact", _one_of("exact", "absent", "wrong"), "wrong: the length of the page"),
        Switch(
            "sets_list_documented", default=False, check=_flag, meaning="list items of sets are only an id and times"
        ),
        # Writes
        Switch("set_create_full", default=False, check=_flag, meaning="creating a set answers the whole set"),
        Switch("body_304", "none", _one_of("none", "length", "body"), "length: announced; body: sent, against HTTP"),
        Switch("layers_unknown", "reject", _one_of("reject", "drop", "keep"), "unknown keys inside layers"),
        Switch(
            "ignore_fields", (), _texts, "JSON Pointers whose writes are silently dropped, /layers/tts/voice_settings"
        ),
        Switch("tidied_fields", {}, _tidies, "JSON Pointers and how their values are kept: trim, lower, round or sort"),
        Switch(
            "names",
            "as sent",
            _one_of("as sent", "trim", "collapse", "compose", "escape", "lower", "cut"),
            "how display names are kept; cut: the first 24 characters",
        ),
        Switch("ignore_test", default=False, check=_flag, meaning="PATCH skips its test operations"),
        Switch(
            "patch_answer", "persona", _one_of("persona", "empty"), "body of a persona PATCH that changed something"
        ),
        Switch("patch_error", "documented", _one_of("documented", "recorded"), "text of a 422 of a persona PATCH"),
        Switch("references", "ignore", _one_of("ignore", "reject"), "ids of documents and sets that do not exist"),
        Switch("retired_models", (), _texts, "values of layers.llm.model that are refused, also when already stored"),
        Switch(
            "check_references",
            default=False,
            check=_flag,
            meaning="a violation: a change after which a persona names a document that is missing or not ready",
        ),
        Switch(
            "older_properties",
            "accept",
            _one_of("accept", "refuse"),
            "enable_transcription, once documented, in a call",
        ),
        Switch("delete_clears", default=False, check=_flag, meaning="deleting a set clears the personas that name it"),
        Switch("error_after_commit", None, _count_or_none, "status that answers every change although it was made"),
        Switch("not_found", "documented", _one_of("documented", "400", "404"), "status for unknown ids"),
        # Accounts
        Switch("keys", {}, _keys, "API key to account; several keys may share one, null is a revoked key"),
        Switch("unknown_keys", "account", _one_of("account", "refuse"), "keys not in `keys`: own account, or 401"),
        Switch("credits", default=True, check=_flag, meaning="conversations can be paid; otherwise 402"),
        Switch("max_conversations", None, _count_or_none, "active conversations at once"),
        Switch(
            "rooms", "daily", _one_of("daily", "emulator"), "where conversation_url leads; emulator: pages of its own"
        ),
        # Times and limits
        Switch("processing_seconds", 300, _amount, "from a document's start to its end"),
        Switch("training_seconds", 14400, _amount, "from a replica's start to its end"),
        Switch("crawl_cooldown", 3600, _amount, "seconds between two crawls of a document"),
        Switch("crawls_at_once", 5, _count_or_none, "running crawls per account"),
        Switch("crawl_documents", 100, _count_or_none, "documents with a crawl per account"),
    )
}


class UnknownSwitch(ValueError):
    """No such switch, or no such value."""


@dataclass(slots=True)
class Switches:
    """The settings in force."""

    values: Object

    def __getitem__(self, name: str) -> Json:
        return self.values[name]

    def change(self, wanted: Mapping[str, Json]) -> None:
        """Set some; all or nothing.  UnknownSwitch says what is wrong."""
        for name, value in wanted.items():
            switch = SWITCHES.get(name)
            if switch is None:
                message = f"no switch {name!r}; there are {', '.join(SWITCHES)}"
                raise UnknownSwitch(message)
            if not switch.check(list(value) if isinstance(value, tuple) else value):
                message = f"{name} cannot be {value!r}: {switch.meaning}"
                raise UnknownSwitch(message)
        self.values.update(wanted)

    def restore(self, names: Iterable[str] = SWITCHES) -> None:
        """Back to the defaults."""
        self.values.update({name: SWITCHES[name].default for name in names})

    def changed(self) -> Object:
        """Those that differ from their default."""
        return {name: value for name, value in self.values.items() if value != SWITCHES[name].default}


def defaults() -> Switches:
    """All switches as they stand at the start."""
    return Switches({name: switch.default for name, switch in SWITCHES.items()})
