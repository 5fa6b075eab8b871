"""Deployments: a persona on a web page, in a widget or at a link, for everybody who opens it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from tavusctl.core.resource_kind import FieldTraits, Listing, ResourceKind, Update
from tavusctl.core.schema.model_fields import KnownValues
from tavusctl.core.schema.spec_model import Model
from tavusctl.kinds.common.field_types import Filled, optional
from tavusctl.kinds.common.normalise import COMPUTED, respell, unwrap
from tavusctl.lib.json_types import JsonObject
from tavusctl.secrets.values import MASK


class Limits(Model):
    """How much may be used."""

    daily_call_limit: int | None = optional("Maximum number of calls a day, of all visitors.", ge=1)
    daily_call_limit_per_user: int | None = optional("Maximum number of calls a day, of one visitor.", ge=1)
    concurrent_call_limit: int | None = optional("Maximum number of calls at the same time.", ge=1)
    max_call_duration: int | None = optional("Maximum number of seconds of one call.", ge=1)


class Deployment(Model):
    """A deployment as it is written."""

    name: str | None = optional("Name shown in lists.")
    persona_id: Filled = Field(description="Who speaks there; a `${ref:persona/NAME}`.")
    channel: Annotated[Filled, KnownValues("widget", "embed", "landing-page")] = Field(description="Where it is.")
    status: Annotated[str, KnownValues("draft", "active", "inactive")] | None = optional(
        "`active`: anybody with the link can talk, at the account's cost."
    )
    password: str | None = optional("Password that visitors have to enter; a `${secret:NAME}`.")
    allowed_origins: list[str] | None = optional("Web sites that may show it.")
    limits: Limits | None = optional("How much may be used.")
    customization: dict[str, Any] | None = optional("How it looks and begins.")


_DROPPED: Final = COMPUTED | {
    *("deployment_id", "has_password", "thumbnails", "replica_thumbnail_video_url", "thumbnail_video_url"),
    *("thumbnail_image_url", "usage_total", "usage_today"),
}

FIELDS: Final[Mapping[str, FieldTraits]] = {
    "/name": FieldTraits(cannot_be_unset=True),
    "/persona_id": FieldTraits(refers_to="persona", aliases=("pal_id",)),
    "/status": FieldTraits(defaults=("draft",)),
    "/password": FieldTraits(secret=True, masked=True, nullable=True),
    "/allowed_origins": FieldTraits(unordered=True),
}


def normalise(body: JsonObject) -> JsonObject:
    """A deployment as the API returns it, in the spelling of `spec`; a read shows only whether it has a password."""
    deployment = unwrap(body, ("deployment_id", "channel"))
    result = respell(deployment, {}, _DROPPED)
    if "has_password" in deployment:
        result["password"] = MASK if deployment["has_password"] else ""
    return result


DEPLOYMENT: Final = ResourceKind(
    name="deployment",
    collection="/v2/deployments",
    id_fields=("deployment_id",),
    name_field="name",
    update=Update.VERSIONED_PATCH,
    model=Deployment,
    fields=FIELDS,
    normalise=normalise,
    summary="A persona on a web page, in a widget or at a link.",
    listing=Listing(first_page=0, items="deployments", total="total"),
    optional=True,
    wire_names={"persona_id": "pal_id"},
    adds_members=True,
    key_aliases={"/origins": "allowed_origins"},
    computed=_DROPPED,
)
