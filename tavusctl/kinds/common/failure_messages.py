"""Messages for failed processing and failed training, each with its remedy, from the API's table of errors.

The keys of `DOCUMENT` are error codes.  Replicas and voices fail with a sentence or with a code: the keys of `REPLICA`
and `VOICE` are parts of the sentence, or codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DOCUMENT: Final[Mapping[str, str]] = {
    "file_size_too_large": "the file is larger than 50 MB: split it",
    "file_format_unsupported": "unsupported format: use pdf, txt, docx, doc, png, jpg, pptx, csv, xlsx, md or json",
    "invalid_file_url": "invalid URL: check that anybody can open it",
    "file_download_failed": "the file could not be downloaded: check that anybody can open its URL",
    "file_empty": "the file contains no text: check what its URL returns",
    "website_processing_failed": "the web page could not be read: check that it opens without signing in",
    **dict.fromkeys(
        (
            "chunking_failed",
            "embedding_failed",
            "vector_store_failed",
            "s3_storage_failed",
            "document_processing_failed",
        ),
        "an error of Tavus: try again later, then ask support@tavus.io",
    ),
    "contact_support": "ask support@tavus.io",
}
REPLICA: Final[Mapping[str, str]] = {
    "download_link": "the video could not be downloaded: check that anybody can open its URL",
    "issue downloading your video": "check that anybody can open the URL, and that it works for a day",
    "file_size": "the video is larger than 750 MB: make it smaller",
    "exceeds the maximum file size": "make the video smaller than 750 MB",
    **dict.fromkeys(
        ("video_format", "video_codec", "not a .mp4", "encoded using h.264"), "use an mp4 file encoded with h264"
    ),
    **dict.fromkeys(("video_duration", "minimum duration"), "record one and a half to two minutes"),
    **dict.fromkeys(("video_fps", "frame rate"), "record with at least 25 frames a second"),
    **dict.fromkeys(
        ("consent_phrase_mismatch", "consent phrase"),
        "say the consent phrase word for word, as the API's page gives it",
    ),
    **dict.fromkeys(
        ("face_or_obstruction_detected", "more than one face", "second_person_detected", "second person"),
        "record with one face in the picture, seen clearly and whole",
    ),
    **dict.fromkeys(("lighting", "shadows"), "record in even light, without shadows"),
    **dict.fromkeys(("background_noise_detected", "background noise"), "record in a quiet room, with one voice"),
    **dict.fromkeys(("video_editing_detected", "appears edited"), "record in one take, and do not cut"),
    **dict.fromkeys(
        ("community guidelines", "community_guidelines_violation"), "the video is not allowed: use another one"
    ),
    "too small in the frame": "come nearer to the camera",
    **dict.fromkeys(("video_processing", "damaged"), "check that the video plays to its end"),
    "movement": "sit still, in the middle of the picture",
    "audio": "check that the video has sound to its end",
    **dict.fromkeys(("hand obstructed", "hands_obstructing_face"), "keep the hands away from the face"),
    "distance": "keep the same distance from the camera, neither near nor far",
    **dict.fromkeys(("turned away", "face_turned_away"), "look into the camera all the time"),
    **dict.fromkeys(("camera angle", "camera_angle"), "put the camera at the height of the eyes"),
    "teeth": "smile widely at the beginning, so that the teeth are seen",
    **dict.fromkeys(("quality issue", "quality_issue"), "ask support@tavus.io what is wrong with the video"),
}
VOICE: Final[Mapping[str, str]] = {
    "download": "the recording could not be downloaded: check that anybody can open its URL",
    "format": "use mp3, wav, m4a, flac, ogg, webm, mp4 or mov",
    "duration": "record one voice for a minute or two",
    "noise": "record in a quiet room, with one voice",
    "community guidelines": "the recording is not allowed: use another one",
}
