"""A kind with one field of each sort, for tests of what is common to all kinds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AnyUrl, Field

from tavusctl import model
from tavusctl.shape import Shape, optional, required


class Engine(Shape):
    name: Literal["small", "large"] | None = None
    api_key: str | None = None
    headers: dict[str, str] | None = None
    options: dict[str, Any] | None = None


class Circle(Shape):
    form: Literal["circle"]
    radius: float


class Square(Shape):
    form: Literal["square"]
    side: float


def calm(label: str) -> str:
    if "!" in label:
        message = f"{label} is loud; leave out the exclamation mark"
        raise ValueError(message)
    return label


class Link(Shape):
    url: str = required("Where it leads.", pattern="^https://")
    label: Annotated[str, AfterValidator(calm)] | None = None


class Toy(Shape):
    title: str
    size: int | None = optional("How large it is.", ge=1, le=10)
    ratio: float | None = None
    on: bool | None = None
    engine: Engine | None = None
    figure: Annotated[Circle | Square, Field(discriminator="form")] | None = None
    link: str | Link | None = None
    links: list[Link] | None = None
    friend_id: str | None = optional("Another toy.", pattern="^[a-z][0-9]+$")
    tags: list[str] | None = None
    old: str | None = None
    site: AnyUrl | None = None


FIELDS = {
    "/friend_id": model.Field(refers_to="toy"),
    "/engine/api_key": model.Field(secret=True),
    "/engine/headers/*": model.Field(secret=True),
    "/old": model.Field(deprecated="old is going away; write title"),
}


def toy(name: str, *, crawls: bool) -> model.ResourceKind:
    return model.ResourceKind(
        name=name,
        collection=f"/v2/{name}s",
        id_fields=("id",),
        name_field="title",
        update=model.Update.MERGE,
        model=Toy,
        fields=FIELDS,
        normalise=lambda body: body,
        crawls=crawls,
    )


KINDS = {kind.name: kind for kind in (toy("toy", crawls=False), toy("crawler", crawls=True))}
