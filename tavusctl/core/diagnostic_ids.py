"""The catalogue of diagnostics: each has an id and a slug, which never change and are never reused.

TV1xx: a file is invalid.  TV2xx: lint rules; an error where the API refuses the value or it cannot work.
TV3xx and TV6xx: diagnostics of a plan and of a recrawl.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tavusctl.core.diagnostics import Severity


class Check(Struct, frozen=True):
    """One entry of the catalogue."""

    slug: str  # kebab-case, one to four words
    title: str  # a noun phrase, in the terms of the field
    severity: Severity = Severity.ERROR
    redacted: bool = False  # the line may hold a plaintext secret and is not shown


def _warns(slug: str, title: str, *, redacted: bool = False) -> Check:
    return Check(slug, title, Severity.WARNING, redacted)


CHECKS: Final[Mapping[str, Check]] = {
    "TV101": Check("invalid-yaml", "invalid YAML, or an unsupported YAML feature (tags, merge keys)"),
    "TV102": Check("duplicate-key", "duplicate key in a mapping"),
    "TV103": Check("unknown-key", "unknown key"),
    "TV104": Check("invalid-value", "value of the wrong type, or a value that is not allowed"),
    "TV105": _warns("yaml11-literal", "unquoted text that YAML 1.1 reads as a boolean, a number or a date"),
    "TV106": Check("missing-key", "missing required key"),
    "TV107": Check("invalid-name", "invalid name or address"),
    "TV108": Check("duplicate-address", "duplicate address"),
    "TV109": Check("invalid-expression", "invalid `${...}` expression"),
    "TV110": Check("unreadable-file", "file that cannot be read, or is outside the project"),
    "TV111": Check("undefined-variable", "undefined variable of the environment"),
    "TV112": Check("secret-not-allowed", "secret in a field that accepts no secrets, or missing from `secrets:`"),
    "TV113": Check("plaintext-secret", "plaintext secret in a manifest", redacted=True),
    "TV114": _warns("deprecated-field", "deprecated field"),
    "TV115": Check("limit-exceeded", "size, depth or length limit exceeded"),
    "TV116": Check("invalid-lifecycle", "invalid `lifecycle`, `recrawl` or `watch`"),
    "TV117": Check("unsupported-state-url", "unsupported `state:` URL, or one that two environments have"),
    "TV118": Check("invalid-moved-from", "invalid `moved_from`"),
    "TV119": Check("unknown-output", "output refers to an unknown resource"),
    "TV121": Check("undeclared-reference", "reference to a resource that no manifest declares"),
    "TV122": Check("circular-reference", "circular references"),
    "TV123": Check("reference-kind-mismatch", "reference to a resource of the wrong kind"),
    "TV124": Check("unset-secret", "environment variable of a secret is not set"),
    "TV125": Check("missing-external-object", "external object does not exist in the account"),
    "TV126": _warns("unknown-value", "value of a field, or name of a skill, that is not known; it is sent"),
    "TV127": _warns("local-state-in-ci", "state in a local file of a CI machine"),
    "TV129": _warns("duplicate-external-object", "two external manifests for the same object"),
    "TV130": _warns("unread-variable", "`.env`, or a line of it, that is not read", redacted=True),
    "TV131": _warns("exposed-env-file", "`.env` that others can read, or that git does not ignore", redacted=True),
    "TV132": Check("overlay-without-base", "document of an overlay that was meant for another address"),
    "TV133": _warns("unused-overlay", "folder beside an overlay that no environment names"),
    "TV134": _warns(
        "unread-manifest", "file that looks like a manifest and is not read: another suffix, or beside the folder"
    ),
    "TV135": _warns("same-container", "two environments with the same `az://` URL"),
    "TV136": _warns(
        "comment-in-text", "unquoted text that a comment without a space after `#` ends or replaces", redacted=True
    ),
    "TV200": _warns("unused-suppression", "unused suppression comment"),
    "TV201": _warns("prompt-long", "prompt longer than 25,000 tokens"),
    "TV202": _warns("prompt-too-long", "prompt longer than 32,000 tokens"),
    "TV203": _warns("duplicate-block", "duplicate block in a prompt"),
    "TV204": _warns("prompt-doubled", "prompt more than twice as long as last applied"),
    "TV205": _warns("invisible-characters", "invisible characters"),
    "TV206": Check(
        "bidirectional-characters", "bidirectional control characters, other than balanced ones in right-to-left text"
    ),
    "TV207": Check("merge-conflict-marker", "unresolved merge conflict marker of git"),
    "TV208": Check("literal-expression", "literal reference, file or variable name where `${...}` is needed"),
    "TV209": Check("invalid-id", "id of the wrong kind of object, or malformed id"),
    "TV211": Check("invalid-tool-schema", "tool parameters are not a valid JSON Schema"),
    "TV212": _warns("tool-name-case", "tool name is not in snake case"),
    "TV213": _warns("parameter-undescribed", "required tool parameter that is not among the properties"),
    "TV214": Check("duplicate-tool", "duplicate tool name"),
    "TV215": _warns("tool-undescribed", "tool without a description"),
    "TV216": _warns("tool-schema-reference", "tool parameters with a `$ref`, which models do not follow"),
    "TV217": Check(
        "undeclared-placeholder", "placeholder in the request of a tool that is not a parameter of the tool"
    ),
    "TV218": _warns("tool-undelivered", "tool without a delivery"),
    "TV219": Check("tool-too-large", "tool with more text than the API takes, or a reserved parameter name"),
    "TV221": _warns("ignored-perception-setting", "perception setting that the chosen model ignores"),
    "TV222": _warns("overridden-speech-setting", "older speech setting, overridden by sparrow-1"),
    "TV223": _warns("ignored-hotwords", "hotwords for a speech engine that ignores them"),
    "TV225": _warns("ignored-voice-setting", "voice setting of another speech engine"),
    "TV226": _warns("perception-tools-prompt", "perception tools without a prompt"),
    "TV227": _warns("unlisted-emotion-level", "emotion level that the voice does not support"),
    "TV229": Check("unseen-tool", "tool of the perception model for a persona that perceives nothing"),
    "TV231": Check("unknown-next-objective", "next objective that the set does not contain"),
    "TV232": _warns("unreachable-objective", "unreachable objective"),
    "TV233": Check("objective-cycle", "objective cycle"),
    "TV234": Check("duplicate-objective", "duplicate objective name"),
    "TV235": _warns("shared-output-variable", "output variable that two objectives fill"),
    "TV236": _warns("invalid-output-variable", "output variable is not a valid identifier"),
    "TV237": _warns("dead-end-objective", "objective with a conditional branch that may lead nowhere"),
    "TV238": _warns("refused-objective", "objective that newer versions of the API refuse"),
    "TV239": _warns("ambiguous-next-objective", "objective with a required and a conditional next objective"),
    "TV241": _warns("duplicate-guardrail", "duplicate guardrail name"),
    "TV242": _warns("guardrail-too-long", "guardrail longer than newer versions of the API accept"),
    "TV243": _warns("older-guardrail-set", "older set of guardrails, which may have no effect"),
    "TV251": _warns("unsupported-document-format", "document format that Tavus does not read"),
    "TV252": _warns("crawl-of-file", "crawl of a file instead of a web page"),
    "TV253": _warns("crawl-quota-exceeded", "more crawled documents than an account may have"),
    "TV255": _warns("unsupported-recording-format", "recording, video or picture in a format that Tavus does not read"),
    "TV261": _warns("insecure-url", "URL without https"),
    "TV262": _warns("unreachable-url", "URL that Tavus cannot reach"),
    "TV263": _warns("invalid-url", "invalid URL"),
    "TV264": _warns("credentials-in-url", "password or key in a URL inside a text", redacted=True),
    "TV271": _warns("embedded-secret", "likely secret inside a text", redacted=True),
    "TV281": Check("duplicate-username", "two personas with the same name in meetings"),
    "TV282": _warns("misspelled-tag", "tag that no object of the project has, but nearly"),
    "TV291": _warns("blank-text", "blank text in a list, or as a condition"),
    "TV292": _warns("reference-as-text", "reference in a field for text, whose value would be an id"),
    "TV293": _warns("quotes-in-text", "text with typographic quotes around all of it, which are sent"),
    "TV301": _warns("retained-version", "old version retained"),
    "TV302": _warns("failed-object", "object that cannot be used, because its processing failed"),
    "TV303": _warns("pending-create", "object that an interrupted run may have created, not visible yet"),
    "TV304": _warns("unrecoverable-secret", "secret that undo cannot restore"),
    "TV305": _warns("unreachable-source", "document source that could not be checked"),
    "TV306": _warns("duplicate-name", "unmanaged object with the name of a managed one"),
    "TV307": _warns("foreign-api-key", "state written with other API keys: secrets cannot be compared"),
    "TV308": _warns("unsealed-state", "state without a seal"),
    "TV309": _warns("unset-secret-skipped", "secret without a value, which cannot be compared"),
    "TV310": _warns("unknown-namesake", "objects with the names of manifests that the state does not know"),
    "TV311": _warns("never-applied", "manifests that were never applied"),
    "TV312": _warns("unreadable-sibling-state", "unreadable state of another environment"),
    "TV331": _warns("normalized-by-server", "field that the server stores differently from what was sent"),
    "TV332": _warns("unpublished-draft", "object with an unpublished draft"),
    "TV333": _warns("write-not-live", "write that did not go live"),
    "TV334": _warns("discarded-draft", "unpublished edits that an interrupted run has discarded"),
    "TV341": _warns("first-use", "environment variable or state store used for the first time"),
    "TV342": _warns(
        "untrusted-first-use", "pull request names a variable or a store for the first time; its run does not read it"
    ),
    "TV601": _warns("recrawl-overdue", "recrawl overdue"),
    "TV602": _warns("crawl-stuck", "crawl that does not finish"),
    "TV603": _warns("crawl-shrunk", "crawl that found fewer than half of the pages"),
}
REDACTED_CHECKS: Final = frozenset(id_ for id_, check in CHECKS.items() if check.redacted)
IDS_BY_SLUG: Final[Mapping[str, str]] = {check.slug: id_ for id_, check in CHECKS.items()}


def label(id_: str) -> str:
    """An id with its slug, as reports show it: `TV263 invalid-url`; an id outside the catalogue has no slug."""
    return f"{id_} {CHECKS[id_].slug}" if id_ in CHECKS else id_
