"""Messages for failed processing and failed training, each with its remedy, from the API's table of errors.

The keys of `DOCUMENT` are error codes.  Replicas and voices fail with a sentence or with a code: the keys of `REPLICA`
and `VOICE` are parts of the sentence, or codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_TAVUS: Final = "an error of Tavus: try again later, then ask support@tavus.io"

DOCUMENT: Final[Mapping[str, str]] = {
    "file_size_too_large": "the file is larger than 50 MB: split it",
    "file_format_unsupported": "unsupported format: use pdf, txt, docx, doc, png, jpg, pptx, csv, xlsx, md or json",
    "invalid_file_url": "invalid URL: check that anybody can open it",
    "file_download_failed": "the file could not be downloaded: check that anybody can open its URL",
    "file_empty": "the file contains no text: check what its URL returns",
    "website_processing_failed": "the web page could not be read: check that it opens without signing in",
    "chunking_failed": _TAVUS,
    "embedding_failed": _TAVUS,
    "vector_store_failed": _TAVUS,
    "s3_storage_failed": _TAVUS,
    "document_processing_failed": _TAVUS,
    "contact_support": "ask support@tavus.io",
}

_MP4: Final = "use an mp4 file encoded with h264"
_ALONE: Final = "record with one face in the picture, seen clearly and whole"

REPLICA: Final[Mapping[str, str]] = {
    "download_link": "the video could not be downloaded: check that anybody can open its URL",
    "issue downloading your video": "check that anybody can open the URL, and that it works for a day",
    "file_size": "the video is larger than 750 MB: make it smaller",
    "exceeds the maximum file size": "make the video smaller than 750 MB",
    "video_format": _MP4,
    "video_codec": _MP4,
    "not a .mp4": _MP4,
    "encoded using h.264": _MP4,
    "video_duration": "record one and a half to two minutes",
    "minimum duration": "record one and a half to two minutes",
    "video_fps": "record with at least 25 frames a second",
    "frame rate": "record with at least 25 frames a second",
    "consent_phrase_mismatch": "say the consent phrase word for word, as the API's page gives it",
    "consent phrase": "say the consent phrase word for word, as the API's page gives it",
    "face_or_obstruction_detected": _ALONE,
    "more than one face": _ALONE,
    "second_person_detected": _ALONE,
    "second person": _ALONE,
    "lighting": "record in even light, without shadows",
    "shadows": "record in even light, without shadows",
    "background_noise_detected": "record in a quiet room, with one voice",
    "background noise": "record in a quiet room, with one voice",
    "video_editing_detected": "record in one take, and do not cut",
    "appears edited": "record in one take, and do not cut",
    "community guidelines": "the video is not allowed: use another one",
    "community_guidelines_violation": "the video is not allowed: use another one",
    "too small in the frame": "come nearer to the camera",
    "video_processing": "check that the video plays to its end",
    "damaged": "check that the video plays to its end",
    "movement": "sit still, in the middle of the picture",
    "audio": "check that the video has sound to its end",
    "hand obstructed": "keep the hands away from the face",
    "hands_obstructing_face": "keep the hands away from the face",
    "distance": "keep the same distance from the camera, neither near nor far",
    "turned away": "look into the camera all the time",
    "face_turned_away": "look into the camera all the time",
    "camera angle": "put the camera at the height of the eyes",
    "camera_angle": "put the camera at the height of the eyes",
    "teeth": "smile widely at the beginning, so that the teeth are seen",
    "quality issue": "ask support@tavus.io what is wrong with the video",
    "quality_issue": "ask support@tavus.io what is wrong with the video",
}

VOICE: Final[Mapping[str, str]] = {
    "download": "the recording could not be downloaded: check that anybody can open its URL",
    "format": "use mp3, wav, m4a, flac, ogg, webm, mp4 or mov",
    "duration": "record one voice for a minute or two",
    "noise": "record in a quiet room, with one voice",
    "community guidelines": "the recording is not allowed: use another one",
}
