"""Validation of tools: their fields, their delivery, and the authentication at the URL that a delivery calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from tavusctl.emulator.account.journal import with_mask
from tavusctl.emulator.bodies.fields import (
    NOT_NULL,
    REQUIRED,
    Field,
    Fields,
    diagnostics,
    flag,
    is_number,
    length,
    mapping,
    matching,
    missing,
    of_mapping,
    one_of,
    text_mapping,
    texts,
)
from tavusctl.emulator.http.messages import Json, Object

MAX_TEXT_LENGTH = 10_000  # characters of a description and the parameters together
NAME = r"[a-zA-Z_][a-zA-Z0-9_]{0,63}"
PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
METHODS_WITHOUT_BODY = ("GET", "HEAD", "DELETE")
RESERVED_PREFIX = "tavus_"
REQUIRED_TEXT = Field(length(1, 10_000))


def _https(value: Json) -> Json:
    is_https = isinstance(value, str) and value.lower().startswith("https://")
    return None if is_https else ["Must be an https:// address."]


def _seconds(value: Json) -> Json:
    return None if is_number(value) and 0 < value <= 60 else ["Must be a number of seconds up to 60."]  # noqa: PLR2004


# By type of authentication: its members (AUTH_FIELDS), and which of them is the secret (SECRET_NAMES).
AUTH_FIELDS: dict[str, Fields] = {
    "none": {},
    "bearer": {"token": REQUIRED_TEXT},
    "basic": {"username": REQUIRED_TEXT, "password": REQUIRED_TEXT},
    "api_key": {"name": REQUIRED_TEXT, "value": REQUIRED_TEXT, "location": Field(one_of("header", "query"), "header")},
    "hmac": {"secret": REQUIRED_TEXT},
    "oauth2_client_credentials": {
        "token_url": Field(_https),
        "client_id": REQUIRED_TEXT,
        "client_secret": REQUIRED_TEXT,
        "scope": Field(length(0, 10_000), None, nullable=True),
    },
}
SECRET_NAMES = {
    "bearer": "token",
    "basic": "password",
    "api_key": "value",
    "hmac": "secret",
    "oauth2_client_credentials": "client_secret",
}


@of_mapping
def _auth(value: Json) -> Json:
    kind = value.get("type")
    fields = AUTH_FIELDS.get(kind) if isinstance(kind, str) else None
    if fields is None:
        return {"type": [f"Must be one of: {', '.join(AUTH_FIELDS)}."]}
    required = [name for name, field in fields.items() if not field.nullable and name != "location"]
    members = {name: member for name, member in value.items() if name != "type"}
    return missing(members, required) | diagnostics(fields, members) or None


API: Fields = {
    "url": Field(_https),
    "method": Field(one_of("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"), "POST"),
    "timeout": Field(_seconds, 10.0),
    "headers": Field(text_mapping, nullable=True),
    "auth": Field(_auth, nullable=True),
    "body_template": Field(mapping, nullable=True),
    "query_params": Field(text_mapping, nullable=True),
    "content_type": Field(length(0, 255), nullable=True),
}


@of_mapping
def _api(value: Json) -> Json:
    problems = missing(value, ["url"]) | diagnostics(API, value)
    if value.get("body_template") is not None and value.get("method", "POST") in METHODS_WITHOUT_BODY:
        problems.setdefault("body_template", [f"Not with method {value['method']}."])
    return problems or None


@of_mapping
def _delivery(value: Json) -> Json:
    problems = diagnostics({"app_message": Field(flag, nullable=True), "api": Field(_api, nullable=True)}, value)
    if not problems and bool(value.get("app_message")) == bool(value.get("api")):
        return ["Exactly one of app_message and api must be enabled."]
    return problems or None


@of_mapping
def _parameters(value: Json) -> Json:
    reserved = sorted(name for name in parameter_names(value) if name.startswith(RESERVED_PREFIX))
    return [f"Names that begin with {RESERVED_PREFIX} are reserved: {', '.join(reserved)}."] if reserved else None


FIELDS: Fields = {
    "name": Field(matching(NAME, "Must be letters, digits and underscores, 64 at most, and not begin with a digit.")),
    "description": Field(length(1, MAX_TEXT_LENGTH)),
    "parameters": Field(_parameters, {}),
    "trigger_type": Field(one_of("in_call", "post_call"), "in_call"),
    "origin": Field(one_of("llm", "vision", "audio"), "llm", nullable=True),
    "on_call": Field(one_of("generate_filler", "static_filler", "silent", "passthrough"), None, nullable=True),
    "on_resolve": Field(
        one_of("generate_response", "response_in_result", "add_to_context", "fire_and_forget"),
        "fire_and_forget",
        nullable=True,
    ),
    "static_filler": Field(length(0, MAX_TEXT_LENGTH), None, nullable=True),
    "delivery": Field(_delivery, {"app_message": True}),
    "tags": Field(texts, []),
}


def parameter_names(parameters: Json) -> list[str]:
    """The names of the parameters that a tool declares."""
    properties = parameters.get("properties") if isinstance(parameters, dict) else None
    return list(properties) if isinstance(properties, dict) else []


def with_defaults(body: Object) -> Object:
    """The tool with its defaults, some of which depend on its `trigger_type` and `origin`."""
    tool = {name: body.get(name, field.default) for name, field in FIELDS.items() if name != "name" or name in body}
    if tool["trigger_type"] == "post_call":
        tool["origin"] = body.get("origin")
    elif tool["origin"] == "llm" and tool["on_call"] is None:
        tool["on_call"] = "generate_filler"
    return tool


def tool_problems(tool: Object) -> Object:
    """The problems of a tool that has its defaults already, by field."""
    problems = missing(tool, ["name", "description"]) | diagnostics(FIELDS, tool)
    if problems:
        return problems
    if len(tool["description"]) + len(json.dumps(tool["parameters"], sort_keys=True)) > MAX_TEXT_LENGTH:
        problems["parameters"] = [f"With the description, longer than {MAX_TEXT_LENGTH} characters."]
    return problems | _origin_problems(tool) | _placeholder_problems(tool)


def _origin_problems(tool: Object) -> Object:
    """The problems with the origin, by field.

    A post-call tool has none, and calls an API; a tool of origin vision or audio does not make the persona speak.
    """
    if tool["trigger_type"] == "post_call":
        problems = {"origin": ["Must be null for post_call."]} if tool["origin"] is not None else {}
        return problems | ({} if tool["delivery"].get("api") else {"delivery": {"api": [REQUIRED]}})
    if tool["origin"] is None:
        return {"origin": [NOT_NULL]}
    if tool["origin"] == "llm":
        lacks_filler = tool["on_call"] == "static_filler" and not tool["static_filler"]
        return {"static_filler": [REQUIRED]} if lacks_filler else {}
    names = [name for name in ("on_call", "static_filler") if tool[name] is not None]
    problems = {name: [f"Must be null for origin {tool['origin']}."] for name in names}
    if tool["on_resolve"] not in (None, "fire_and_forget"):
        problems["on_resolve"] = ["Must be fire_and_forget."]
    return problems


def _placeholder_problems(tool: Object) -> Object:
    api = tool["delivery"].get("api") or {}
    if (api.get("auth") or {}).get("type") == "hmac":
        return {}
    used = {name for part in ("url", "body_template", "query_params") for name in _placeholders(api.get(part))}
    unknown = sorted(
        name for name in used - set(parameter_names(tool["parameters"])) if not name.startswith(RESERVED_PREFIX)
    )
    return {"delivery": {"api": [f"Not declared in parameters: {', '.join(unknown)}."]}} if unknown else {}


def _placeholders(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield from PLACEHOLDER.findall(value)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _placeholders(item)


def masked(tool: Object, style: str) -> Object:
    """The tool with its secret masked, left out or shown; `style` is the behaviour `mask`."""
    api = tool["delivery"].get("api")
    auth = (api or {}).get("auth") or {}
    secret_name = SECRET_NAMES.get(auth.get("type", ""), "")
    if style == "echo" or not auth.get(secret_name):
        return tool
    return tool | {"delivery": tool["delivery"] | {"api": api | {"auth": with_mask(auth, secret_name, style)}}}


def with_stored_secret(delivery: Json, before: Json) -> Json:
    """The delivery, with the stored secret if its auth has the same type as the stored one and no secret."""
    auth, stored = _auth_of(delivery), _auth_of(before)
    secret_name = SECRET_NAMES.get(str(auth.get("type")), "")
    if not secret_name or secret_name in auth or stored.get("type") != auth["type"]:
        return delivery
    return delivery | {"api": delivery["api"] | {"auth": auth | {secret_name: stored[secret_name]}}}


def _auth_of(delivery: Json) -> Object:
    """The `auth` of a delivery; empty if it has none."""
    api = delivery.get("api") if isinstance(delivery, dict) else None
    auth = api.get("auth") if isinstance(api, dict) else None
    return auth if isinstance(auth, dict) else {}
