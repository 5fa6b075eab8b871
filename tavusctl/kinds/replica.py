"""Replicas: trained faces.  Name and default voice can change; a change of any other field needs a new training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from tavusctl.core.resource_kind import FieldTraits, Listing, Provisioning, ResourceKind, Update
from tavusctl.core.schema.model_fields import KnownValues
from tavusctl.core.schema.spec_model import Model, Violation, cross_field_validator
from tavusctl.kinds.common import failure_messages
from tavusctl.kinds.common.field_types import Filled, WebAddress, blank, optional
from tavusctl.kinds.common.normalise import COMPUTED, normaliser
from tavusctl.lib.json_types import JsonObject


class Finish(Model):
    """How the trained picture is finished."""

    background_green_screen: bool | None = optional("Whether the background becomes green, to be keyed out later.")
    gaze_correction: bool | None = optional("Whether the eyes are turned to the camera.")


class Replica(Model):
    """A replica as it is trained."""

    replica_name: Filled | None = optional("Name shown in lists.")
    train_video_url: WebAddress | None = optional("Where the training video can be fetched.")
    train_image_url: WebAddress | None = optional("Where the training picture can be fetched, instead of a video.")
    consent_video_url: WebAddress | None = optional("Where the recorded consent can be fetched; needed for a person.")
    model_name: Annotated[str, KnownValues("phoenix-4.5", "phoenix-4", "phoenix-3", "phoenix-2")] | None = optional(
        "Model that is trained; the API chooses one where it is left out, and its choice changes."
    )
    voice_name: str | None = optional("Stock voice for a replica made from a picture.")
    default_voice_id: Filled | None = optional(
        "Voice of the replica where a persona names none; a `${ref:voice/NAME}`."
    )
    auto_fix_training_image: bool | None = optional("Whether the training picture may be mended.")
    callback_url: str | None = optional("URL that is called when the training ends.")
    properties: Finish | None = optional("How the picture is finished.")

    @cross_field_validator
    @classmethod
    def has_something_to_train_from(cls, given: JsonObject) -> Iterator[Violation]:
        """A training needs either a video, or a picture with a voice; and at most one voice."""
        video, picture = (not blank(given.get(key)) for key in ("train_video_url", "train_image_url"))
        if not video and not picture:
            message = (
                "`train_video_url` is missing or empty; set `train_video_url` or `train_image_url`, "
                "or set `external: true` for a trained replica"
            )
            yield ("train_video_url",), "missing_key", message
        if video and picture:
            message = "`train_video_url` and `train_image_url` are mutually exclusive; remove one"
            yield ("train_image_url",), "not_together", message
        voices = [key for key in ("voice_name", "default_voice_id") if not blank(given.get(key))]
        if picture and not voices:
            message = "a replica made from a picture needs a voice; add `voice_name` or `default_voice_id`"
            yield ("train_image_url",), "missing_key", message
        if len(voices) > 1:
            message = "`voice_name` and `default_voice_id` are mutually exclusive; remove one"
            yield ("voice_name",), "not_together", message


_DROPPED: Final = COMPUTED | {
    *("replica_id", "face_id", "replica_type", "face_type", "status", "training_progress", "thumbnail_video_url"),
    *("thumbnail_image_url", "error_message", "finetune_status", "original_voice_id"),
}
_TRAINED: Final = FieldTraits(replaces=True, write_only=True)
_VIDEO: Final = FieldTraits(replaces=True, write_only=True, must_stay_reachable=True, formats=("mp4", "webm"))
_PICTURE: Final = FieldTraits(
    replaces=True, write_only=True, must_stay_reachable=True, formats=("jpg", "jpeg", "png", "webp", "heic")
)

FIELDS: Final[Mapping[str, FieldTraits]] = {
    "/replica_name": FieldTraits(aliases=("face_name",), cannot_be_unset=True),
    "/default_voice_id": FieldTraits(refers_to="voice", cannot_be_unset=True),
    "/train_video_url": _VIDEO,
    "/train_image_url": _PICTURE,
    "/consent_video_url": _VIDEO,
    # The API chose one of these where the field was left out: to leave it out, or to write one, needs no new training.
    "/model_name": FieldTraits(replaces=True, write_only=True, defaults=("phoenix-3", "phoenix-4")),
    "/voice_name": _TRAINED,
    "/auto_fix_training_image": _TRAINED,
    "/callback_url": FieldTraits(replaces=True, write_only=True, receives_data=True),
    "/properties": _TRAINED,
    "/properties/background_green_screen": _TRAINED,
    "/properties/gaze_correction": _TRAINED,
}


REPLICA: Final = ResourceKind(
    name="replica",
    aliases=("face",),
    collection="/v2/replicas",
    id_fields=("replica_id", "face_id"),
    name_field="replica_name",
    update=Update.RENAME,
    merge_collection="/v2/faces",
    model=Replica,
    fields=FIELDS,
    normalise=normaliser(("replica_id", "face_id", "replica_name"), _DROPPED),
    summary="A trained face and voice; training takes hours, and only name and voice can change.",
    listing=Listing(owner_query={"replica_type": "user"}, newer_owner_query={"face_type": "user"}),
    get_query={"verbose": "true"},  # only verbose reads have the type
    ready_statuses=frozenset({"completed", "ready"}),
    failed_statuses=frozenset({"error"}),
    is_builtin=lambda body: "system" in (body.get("replica_type"), body.get("face_type")),
    key_aliases={"/name": "replica_name", "/video_url": "train_video_url"},
    computed=_DROPPED,
    holds=("original_voice_id",),
    provisioning=Provisioning("training", (4 * 3600, 6 * 3600), failure_messages.REPLICA),
    expensive=True,
    partner_key="replica_id",
)
