"""Voices: cloned from a recording within minutes.  Another recording or callback URL needs a new voice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from tavusctl.core.resource_kind import FieldTraits, Listing, Provisioning, ResourceKind, Update
from tavusctl.core.schema.spec_model import Model
from tavusctl.kinds.common import failure_messages
from tavusctl.kinds.common.field_types import Filled, WebAddress, optional
from tavusctl.kinds.common.normalise import COMPUTED, normaliser

Tag = Annotated[Filled, Field(max_length=64)]


class Voice(Model):
    """A voice as it is written."""

    voice_name: Filled | None = optional("Name shown in lists.", max_length=255)
    train_audio_url: WebAddress = Field(description="Where the recording can be fetched.", max_length=2048)
    description: str | None = optional("What it sounds like, for people.", max_length=1000)
    tags: list[Tag] | None = optional("Tags by which people find it.", max_length=50)
    callback_url: str | None = optional("URL that is called when the voice is ready.")


_DROPPED: Final = COMPUTED | {"voice_id", "voice_type", "status", "error_message", "face_id", "replica_id"}

FIELDS: Final[Mapping[str, FieldTraits]] = {
    "/voice_name": FieldTraits(cannot_be_unset=True),
    "/train_audio_url": FieldTraits(
        replaces=True,
        write_only=True,
        must_stay_reachable=True,
        formats=("mp3", "wav", "m4a", "flac", "ogg", "oga", "webm", "mp4", "mov"),
    ),
    "/description": FieldTraits(nullable=True),
    "/callback_url": FieldTraits(replaces=True, write_only=True, receives_data=True),
    "/tags": FieldTraits(unordered=True),
}


VOICE: Final = ResourceKind(
    name="voice",
    collection="/v2/voices",
    id_fields=("voice_id",),
    name_field="voice_name",
    update=Update.MERGE,
    model=Voice,
    fields=FIELDS,
    normalise=normaliser(("voice_id", "voice_name"), _DROPPED),
    summary="A voice that is cloned from a recording, which takes minutes.",
    listing=Listing(owner_query={"voice_type": "user"}),
    optional=True,
    ready_statuses=frozenset({"completed"}),
    failed_statuses=frozenset({"error"}),
    provisioning=Provisioning("training", (60, 10 * 60), failure_messages.VOICE),
    is_builtin=lambda body: body.get("voice_type") == "system",
    key_aliases={"/name": "voice_name", "/audio_url": "train_audio_url"},
    computed=_DROPPED,
)
