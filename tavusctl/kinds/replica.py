"""Replicas: trained faces.  Only the name can change; all else is fixed by the training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from tavusctl.kinds import failures
from tavusctl.kinds.reading import COMPUTED, respell, unwrap
from tavusctl.kinds.shape import WebAddress, blank
from tavusctl.model import Document, Field, ResourceKind, Update, Work
from tavusctl.shape import Quarrel, Shape, optional


class Finish(Shape):
    """How the trained picture is finished."""

    background_green_screen: bool | None = optional("Whether the background becomes green, to be keyed out later.")
    gaze_correction: bool | None = optional("Whether the eyes are turned to the camera.")


class Replica(Shape):
    """A replica as it is trained."""

    replica_name: str | None = optional("Name shown in lists; the one thing that can change.")
    train_video_url: WebAddress | None = optional("Where the training video can be fetched.")
    train_image_url: WebAddress | None = optional("Where the training picture can be fetched, instead of a video.")
    consent_video_url: WebAddress | None = optional("Where the recorded consent can be fetched; needed for a person.")
    model_name: Literal["phoenix-2", "phoenix-3", "phoenix-4"] | None = optional("Model that is trained.")
    voice_name: str | None = optional("Stock voice for a replica made from a picture.")
    auto_fix_training_image: bool | None = optional("Whether the training picture may be mended.")
    callback_url: str | None = optional("Address that is told when the training ends.")
    properties: Finish | None = optional("How the picture is finished.")

    @classmethod
    def quarrels(cls, given: Mapping[str, Any]) -> Iterator[Quarrel]:
        """A training needs a video or a picture."""
        if blank(given.get("train_video_url")) and blank(given.get("train_image_url")):
            message = (
                "train_video_url is missing; write it or train_image_url, or set external: true for a trained replica"
            )
            yield ("train_video_url",), "missing_key", message


_RENAMED: Final = {"face_name": "replica_name"}
_DROPPED: Final = COMPUTED | {
    "replica_id",
    "face_id",
    "replica_type",
    "face_type",
    "status",
    "training_progress",
    "thumbnail_video_url",
    "thumbnail_image_url",
    "error_message",
}
_TRAINED: Final = Field(replaces=True, unread=True)
_VIDEO: Final = Field(replaces=True, unread=True, fetched=True)

FIELDS: Final[Mapping[str, Field]] = {
    "/train_video_url": _VIDEO,
    "/train_image_url": _VIDEO,
    "/consent_video_url": _VIDEO,
    "/model_name": Field(replaces=True, unread=True, defaults=("phoenix-3", "phoenix-4")),
    "/voice_name": _TRAINED,
    "/auto_fix_training_image": _TRAINED,
    "/callback_url": Field(replaces=True, unread=True, called=True),
    "/properties": _TRAINED,
    "/properties/background_green_screen": _TRAINED,
    "/properties/gaze_correction": _TRAINED,
}


def normalise(body: Document) -> Document:
    """A replica as read, in the spelling of `spec`: hardly more than its name."""
    return respell(unwrap(body, ("replica_id", "face_id", "replica_name")), _RENAMED, _DROPPED)


def is_stock(body: Document) -> bool:
    """Whether Tavus made the replica; verbose reads say so."""
    return body.get("replica_type") == "system" or body.get("face_type") == "system"


REPLICA: Final = ResourceKind(
    name="replica",
    collection="/v2/replicas",
    id_fields=("replica_id", "face_id"),
    name_field="replica_name",
    update=Update.RENAME,
    model=Replica,
    fields=FIELDS,
    normalise=normalise,
    summary="A trained face and voice; training takes hours, and only the name can change.",
    list_query={"replica_type": "user"},
    get_query={"verbose": "true"},
    usable=frozenset({"completed", "ready"}),
    failed=frozenset({"error"}),
    stock=is_stock,
    spellings={"/face_name": "replica_name", "/name": "replica_name", "/video_url": "train_video_url"},
    computed=_DROPPED,
    work=Work("training", (4 * 3600, 6 * 3600), failures.REPLICA),
    costly=True,
)
