"""What is said of work of the server in the background."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tavusctl.core.model import Live
from tavusctl.engine import provisioning
from tavusctl.kinds import KINDS

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "words"), [("started", "started: training takes"), ("", "without a status: training takes")]
)
def test_an_outlook_begins_with_the_status_or_says_that_there_is_none(status: str, words: str) -> None:
    assert provisioning.outlook(Live(KINDS["voice"], "v1", {}, status=status), NOW).startswith(words)


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        ("error", "", "its processing failed: the API does not say why"),
        ("error", "file_empty", "its processing failed: file_empty (the file contains no text"),
        ("disabled", "", "its status is disabled"),
    ],
)
def test_a_failure_is_named_and_an_object_that_was_disabled_is_none(status: str, error: str, words: str) -> None:
    document = Live(KINDS["document"], "d1", {}, status=status, error=error)

    assert provisioning.failure_reason(document).startswith(words)
