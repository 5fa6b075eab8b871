"""A kind with one field of each sort, for tests of what is common to all kinds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AnyUrl, Field

from tavusctl.core import resource_kind
from tavusctl.core.schema.spec_model import Model


class Engine(Model):
    name: Literal["small", "large"] | None = None
    api_key: str | None = None
    headers: dict[str, str] | None = None
    options: dict[str, Any] | None = None


def calm(label: str) -> str:
    if "!" in label:
        message = f"{label} is loud; leave out the exclamation mark"
        raise ValueError(message)
    return label


class Link(Model):
    url: str = Field(description="Where it leads.", pattern="^https://")
    label: Annotated[str, AfterValidator(calm)] | None = None


class Toy(Model):
    title: str
    size: int | None = Field(None, description="How large it is.", ge=1, le=10)
    ratio: float | None = None
    on: bool | None = None
    engine: Engine | None = None
    link: str | Link | None = None
    links: list[Link] | None = None
    friend_id: str | None = Field(None, description="Another toy.", pattern="^[a-z][0-9]+$")
    tags: list[str] | None = None
    old: str | None = None
    site: AnyUrl | None = None


FIELDS = {
    "/friend_id": resource_kind.FieldTraits(refers_to="toy"),
    "/engine/api_key": resource_kind.FieldTraits(secret=True),
    "/engine/headers/*": resource_kind.FieldTraits(secret=True),
    "/old": resource_kind.FieldTraits(deprecated="old is going away; write title"),
}


def toy(name: str, *, crawls: bool) -> resource_kind.ResourceKind:
    return resource_kind.ResourceKind(
        name=name,
        collection=f"/v2/{name}s",
        id_fields=("id",),
        name_field="title",
        update=resource_kind.Update.MERGE,
        model=Toy,
        fields=FIELDS,
        normalise=lambda body: body,
        can_recrawl=crawls,
    )


KINDS = {kind.name: kind for kind in (toy("toy", crawls=False), toy("crawler", crawls=True))}
