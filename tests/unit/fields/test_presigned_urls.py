"""Presigned links: what gives access in them, and when they end to work."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tavusctl.fields import presigned_urls

AMZ = "https://b.s3.amazonaws.com/a.mp4?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20260101T120000Z&X-Amz-Expires=3600"
SIGNED = {
    f"{AMZ}&X-Amz-Signature=abc": datetime(2026, 1, 1, 13, tzinfo=UTC),
    "https://storage.googleapis.com/b/a?X-Goog-Date=20260101T120000Z&X-Goog-Expires=604800&X-Goog-Signature=abc": (
        datetime(2026, 1, 8, 12, tzinfo=UTC)
    ),
    "https://x.blob.core.windows.net/b/a?sv=2021&se=2026-01-02T03%3A04%3A05Z&sp=r&sig=abc": (
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    ),
    "https://x.blob.core.windows.net/b/a?se=2026-01-02&sig=abc": datetime(2026, 1, 2, tzinfo=UTC),
    "https://d1.cloudfront.net/a.mp4?Expires=1767268800&Signature=abc&Key-Pair-Id=K1": datetime(
        2026, 1, 1, 12, tzinfo=UTC
    ),
    "https://b.s3.amazonaws.com/a?AWSAccessKeyId=K&Expires=1767268800&Signature=abc": datetime(
        2026, 1, 1, 12, tzinfo=UTC
    ),
}


@pytest.mark.parametrize("link", SIGNED)
def test_the_end_of_a_link_is_read_from_it(link: str) -> None:
    assert presigned_urls.expiry(link) == SIGNED[link]
    assert presigned_urls.access_parameters(link) == ("abc",)
    assert presigned_urls.without_query(link) == link.partition("?")[0]


@pytest.mark.parametrize(
    "other",
    [
        "https://example.com/a.mp4?Expires=1767268800",
        "https://example.com/a.mp4?se=2026-01-01&x=1",
        "https://example.com/a.mp4",
        "https://[::1/a?Signature=abc",
        "a text with ?Signature=abc",
        None,
        7,
    ],
)
def test_what_is_not_signed_is_left_alone(other: object) -> None:
    assert presigned_urls.expiry(other) is None
    assert presigned_urls.access_parameters(other) == ()
    assert presigned_urls.without_query(other) == other


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Date=yesterday&X-Amz-Expires=60",
        "X-Amz-Date=20260101T120000Z&X-Amz-Expires=" + "9" * 30,
        "X-Amz-Expires=60",
        "se=soon&sig=abc",
        "se=0001-01-01T00:00:00%2B14:00&sig=abc",
        "Expires=" + "9" * 400,
        "Expires=" + "1" * 17,
        "",
    ],
)
def test_an_end_that_cannot_be_read_is_none(query: str) -> None:
    assert presigned_urls.expiry(f"https://example.com/a?{query}&Signature=abc") is None
