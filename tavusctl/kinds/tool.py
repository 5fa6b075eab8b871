"""Tools: what a persona can call during a conversation or after it, defined once for all personas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from tavusctl.core.json_tree import value_at
from tavusctl.core.messages import shown
from tavusctl.core.resource_kind import FieldTraits, Listing, ResourceKind, Update
from tavusctl.core.schema.model_fields import KnownValues
from tavusctl.core.schema.spec_model import Model, Violation, cross_field_validator
from tavusctl.kinds.common.field_types import Filled, PatternSchema, SecureAddress, matching, optional
from tavusctl.kinds.common.normalise import COMPUTED, normaliser
from tavusctl.lib.json_types import JsonObject


def _no_name(value: str) -> str:
    return (
        "expected letters, digits and underscores, at most 64 and not beginning with a digit, "
        f"such as `book_table`, found {shown(value)}"
    )


_NAME: Final = "[a-zA-Z_][a-zA-Z0-9_]{0,63}"
ToolName = Annotated[str, matching(_NAME, _no_name), PatternSchema(_NAME)]
# The keys that each type of `auth` needs; `_OPTIONAL` has the optional ones.
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "none": (),
    "bearer": ("token",),
    "basic": ("username", "password"),
    "api_key": ("name", "value"),
    "hmac": ("secret",),
    "oauth2_client_credentials": ("token_url", "client_id", "client_secret"),
}
_BODILESS: Final = ("GET", "HEAD", "DELETE")
_PERCEIVING: Final = ("vision", "audio")  # origins of tools that the perception model calls
_NO_RESULT: Final = "fire_and_forget"  # the default of `on_resolve`: nothing becomes of the result
_OPTIONAL: Final = {"api_key": ("location",), "oauth2_client_credentials": ("scope",)}


class Auth(Model):
    """How Tavus signs in at the address."""

    type: Annotated[Filled, KnownValues("none", "bearer", "basic", "api_key", "hmac", "oauth2_client_credentials")] = (
        Field(description="The way to sign in, which says what else is needed.")
    )
    token: Filled | None = optional("Token for `bearer`; a `${secret:NAME}`.")
    username: Filled | None = optional("User name for `basic`; may be a `${secret:NAME}`.")
    password: Filled | None = optional("Password for `basic`; a `${secret:NAME}`.")
    name: Filled | None = optional("For `api_key`: the name of the header or parameter.")
    value: Filled | None = optional("Key for `api_key`; a `${secret:NAME}`.")
    location: Annotated[str, KnownValues("header", "query")] | None = optional("For `api_key`: where the key is sent.")
    secret: Filled | None = optional("For `hmac`: the secret that signs requests; a `${secret:NAME}`.")
    token_url: SecureAddress | None = optional("For `oauth2_client_credentials`: the URL that issues tokens.")
    client_id: Filled | None = optional("Client id for `oauth2_client_credentials`; may be a `${secret:NAME}`.")
    client_secret: Filled | None = optional("Client secret for `oauth2_client_credentials`; a `${secret:NAME}`.")
    scope: str | None = optional("Scope for `oauth2_client_credentials`.")

    @cross_field_validator
    @classmethod
    def has_what_its_type_needs(cls, given: JsonObject) -> Iterator[Violation]:
        """Each type of `auth` has its own keys."""
        kind = given.get("type")
        if not isinstance(kind, str) or kind not in _REQUIRED:
            return
        for key in _REQUIRED[kind]:
            if key not in given:
                yield (key,), "missing_key", f"the key `{key}` is missing; `type: {kind}` needs it"
        for key in given.keys() - {"type", *_REQUIRED[kind], *_OPTIONAL.get(kind, ())}:
            if key in cls.model_fields:
                yield (key,), "not_together", f"`{key}` is not allowed with `type: {kind}`; remove it"


class ApiDelivery(Model):
    """An address that Tavus calls when the tool is used."""

    url: SecureAddress = Field(description="URL, with `https://`; `{placeholders}` are parameters.")
    method: Annotated[str, KnownValues("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")] | None = optional(
        "The method of the call."
    )
    timeout: float | None = optional("Timeout of the call in seconds.", gt=0, le=60)
    headers: dict[str, str] | None = optional("Headers of the call.")
    auth: Auth | None = optional("How Tavus authenticates at the URL.")
    body_template: dict[str, Any] | None = optional("The body, with `{placeholders}`.")
    query_params: dict[str, str] | None = optional("The query, with `{placeholders}`; values may be secrets.")
    content_type: str | None = optional("The type of the body.")

    @cross_field_validator
    @classmethod
    def has_a_body_where_one_is_sent(cls, given: JsonObject) -> Iterator[Violation]:
        """A call with GET, HEAD or DELETE has no body."""
        if "body_template" in given and given.get("method") in _BODILESS:
            message = f"`body_template` is not allowed with `method: {given['method']}`; use `query_params`"
            yield ("body_template",), "not_together", message


class Delivery(Model):
    """Where a call of the tool goes: to the application in the conversation, or to an address."""

    app_message: bool | None = optional("Whether the application is told in the conversation.")
    api: ApiDelivery | None = optional("A URL that Tavus calls.")

    @cross_field_validator
    @classmethod
    def goes_to_one_place(cls, given: JsonObject) -> Iterator[Violation]:
        """A call goes either to the application or to an address."""
        if given.get("app_message") is True and "api" in given:
            yield ("app_message",), "not_together", "`app_message: true` and `api` are mutually exclusive; remove one"
        if given.get("app_message") is not True and "api" not in given:
            yield ("api",), "missing_key", "`api` is missing; add it, or set `app_message: true`"


class RegistryTool(Model):
    """A tool as it is written."""

    name: ToolName | None = optional("Name by which the model calls it; once in the account.")
    description: Filled = Field(description="When to call it, written for the model.")
    parameters: dict[str, Any] | None = optional("Arguments, as a JSON Schema object.")
    trigger_type: Annotated[str, KnownValues("in_call", "post_call")] | None = optional(
        "`in_call`: during the conversation; `post_call`: once it has ended."
    )
    origin: Annotated[str, KnownValues("llm", "vision", "audio")] | None = optional(
        "What calls it: the language model, or the perception of picture or sound."
    )
    on_call: Annotated[str, KnownValues("generate_filler", "static_filler", "silent", "passthrough")] | None = optional(
        "What is said while it runs."
    )
    on_resolve: (
        Annotated[str, KnownValues("generate_response", "response_in_result", "add_to_context", "fire_and_forget")]
        | None
    ) = optional("What becomes of its result.")
    static_filler: str | None = optional("What is said with `on_call: static_filler`.")
    delivery: Delivery | None = optional("Where a call of it goes.")
    tags: list[str] | None = optional("Tags by which people find it.")

    @cross_field_validator
    @classmethod
    def fits_its_moment(cls, given: JsonObject) -> Iterator[Violation]:
        """The delivery and the speech of a tool fit its `trigger_type` and its `origin`."""
        is_post_call, delivery = given.get("trigger_type") == "post_call", given.get("delivery")
        if is_post_call and "origin" in given:
            yield ("origin",), "not_together", "`origin` is not allowed with `trigger_type: post_call`; remove it"
        if is_post_call and not (isinstance(delivery, dict) and delivery.get("api")):
            message = "`delivery.api` is missing; `trigger_type: post_call` needs it"
            yield ("delivery",), "missing_key", message
        if given.get("on_call") == "static_filler" and "static_filler" not in given:
            message = "the key `static_filler` is missing; `on_call: static_filler` needs it"
            yield ("static_filler",), "missing_key", message
        if given.get("origin") in _PERCEIVING:
            yield from _speaking(given)


def _speaking(given: JsonObject) -> Iterator[Violation]:
    """The violations of a tool of the perception model: it neither speaks while it runs nor receives a result."""
    for key in ("on_call", "static_filler"):
        if key in given:
            yield (key,), "not_together", f"`{key}` is not allowed with `origin: {given['origin']}`; remove it"
    if given.get("on_resolve", _NO_RESULT) != _NO_RESULT:
        message = f"`origin: {given['origin']}` does not receive a result: set `on_resolve: {_NO_RESULT}`, or remove it"
        yield ("on_resolve",), "not_together", message


_DROPPED: Final = COMPUTED | {"tool_id", "is_system_tool"}
_MASKED: Final = FieldTraits(secret=True, masked=True)
_MASKED_TOKEN: Final = FieldTraits(secret=True, masked=True, in_header=True)

FIELDS: Final[Mapping[str, FieldTraits]] = {
    "/name": FieldTraits(cannot_be_unset=True),
    "/trigger_type": FieldTraits(defaults=("in_call",)),
    "/origin": FieldTraits(defaults=("llm",), nullable=True),
    "/on_call": FieldTraits(defaults=("generate_filler",), nullable=True),
    "/on_resolve": FieldTraits(defaults=(_NO_RESULT,), nullable=True),
    "/static_filler": FieldTraits(nullable=True),
    "/delivery": FieldTraits(defaults=({"app_message": True},)),
    "/delivery/app_message": FieldTraits(defaults=(False,)),
    "/delivery/api/url": FieldTraits(receives_data=True),
    "/delivery/api/method": FieldTraits(defaults=("POST",)),
    "/delivery/api/timeout": FieldTraits(defaults=(10,)),
    "/delivery/api/headers/*": FieldTraits(secret=True, may_be_plain=True, in_header=True),
    "/delivery/api/query_params": FieldTraits(free=True, has_placeholders=True),
    "/delivery/api/auth/token": _MASKED_TOKEN,
    "/delivery/api/auth/username": FieldTraits(free=True),  # some services take a key as the user, without a password
    "/delivery/api/auth/password": _MASKED,
    "/delivery/api/auth/value": _MASKED_TOKEN,
    "/delivery/api/auth/secret": _MASKED,
    "/delivery/api/auth/client_id": FieldTraits(free=True),
    "/delivery/api/auth/client_secret": _MASKED,
    "/delivery/api/auth/location": FieldTraits(defaults=("header",)),
    "/delivery/api/auth/token_url": FieldTraits(receives_data=True),
    "/tags": FieldTraits(unordered=True),
}


def complete_spec(spec: JsonObject, live: JsonObject) -> JsonObject:
    """A spec with null for what it excludes: an origin, speech, the other delivery, keys of other types of `auth`.

    It also has the defaults of `trigger_type`, `origin` and `method` that it needs.
    """
    spec = _with_moment(spec)
    delivery = spec.get("delivery")
    if not isinstance(delivery, dict):
        return spec
    api = delivery.get("api")
    if isinstance(api, dict):
        delivery = {"app_message": None, **delivery, "api": {**api, **_body(api, live), **_auth_with_nulls(api)}}
    elif delivery.get("app_message") is True:
        delivery = {"api": None, **delivery}
    return {**spec, "delivery": delivery}


def _with_moment(spec: JsonObject) -> JsonObject:
    if spec.get("trigger_type") == "post_call":
        return {**spec, "origin": None}
    if not spec.get("origin"):  # only a tool of `post_call` has none
        spec = {key: value for key, value in spec.items() if key != "origin"}
        answers = (spec.get("on_resolve") or _NO_RESULT) != _NO_RESULT
        spec = {**spec, "origin": "llm"} if answers or spec.get("on_call") or spec.get("static_filler") else spec
    delivery = spec.get("delivery")
    needs_a_call = isinstance(delivery, dict) and delivery.get("app_message") is True
    if not spec.get("trigger_type") and (spec.get("origin") or needs_a_call):
        spec = {**spec, "trigger_type": "in_call"}
    if spec.get("origin") in _PERCEIVING:
        spec = {"on_resolve": None, **spec, "on_call": None, "static_filler": None}
    return spec


def _body(api: JsonObject, live: JsonObject) -> JsonObject:
    """No body for a method that has none; the default method for a body, if that of the account has none."""
    method = api.get("method")
    if method in _BODILESS:
        return {"body_template": None}
    has_other_method = not method and value_at(live, ("delivery", "api", "method")) in _BODILESS
    return {"method": "POST"} if has_other_method and api.get("body_template") else {}


def _auth_with_nulls(api: JsonObject) -> JsonObject:
    auth = api.get("auth")
    kind = auth.get("type") if isinstance(auth, dict) else None
    if not isinstance(auth, dict) or not isinstance(kind, str) or kind not in _REQUIRED:
        return {}
    allowed = {"type", *_REQUIRED[kind], *_OPTIONAL.get(kind, ())}
    return {"auth": {**auth, **{key: None for key in Auth.model_fields if key not in allowed}}}


TOOL: Final = ResourceKind(
    name="tool",
    collection="/v2/tools",
    id_fields=("tool_id",),
    name_field="name",
    unique_names=True,
    update=Update.MERGE,
    model=RegistryTool,
    fields=FIELDS,
    normalise=normaliser(("tool_id", "name"), _DROPPED),
    complete_spec=complete_spec,
    summary="What personas can call, during a conversation or after it.",
    listing=Listing(owner_query={"type": "user"}, stock_query={"type": "all"}),
    optional=True,
    is_builtin=lambda body: body.get("is_system_tool") is True,
    word_separator="_",
    key_aliases={"/tool_name": "name", "/delivery/api/endpoint": "url", "/delivery/api/body": "body_template"},
    mistakes={"/function": "write `name`, `description` and `parameters` at the top: a tool here is not nested"},
    computed=_DROPPED,
)
