"""The password in the address of a remote, or the token that is its user: git gets it in its environment.

Everybody on the machine can see the arguments of a program.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from tavusctl.integrations.git.process import Git, GitError
from tavusctl.secrets import detection

_TIMEOUT: Final = 10.0  # seconds of one command
_REWRITES: Final = ("insteadOf", "pushInsteadOf")


def without_password(url: str) -> str:
    """A web address without its user and password, or without its token; another URL as it is."""
    parts = urlsplit(url)
    has_secret = parts.password is not None or detection.is_key(unquote(parts.username or ""))
    if parts.scheme not in ("https", "http") or not has_secret:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def rewrites(url: str) -> list[tuple[str, str]]:
    """Settings that keep an address as it is: a rule for addresses without a password is for no other ones.

    None are needed for a URL that had no password.  The longest rule counts.
    """
    bare = without_password(url)
    return [(f"url.{bare}.{name}", bare) for name in _REWRITES] if bare != url else []


def header(url: str, root: Path, variables: Mapping[str, str]) -> list[tuple[str, str]]:
    """The setting with which git sends the password of a URL; none without a password.

    Also none if the project's git, or a setting in `variables`, has other credentials: git prefers those to a URL.
    """
    bare, parts, given = without_password(url), urlsplit(url), ""
    if bare == url:
        return []
    with contextlib.suppress(GitError):
        git = Git(root, _TIMEOUT, variables=variables)
        given = git.line_or_empty("config", "--get-urlmatch", "http.extraheader", bare)
    if given.lower().startswith("authorization:"):
        return []
    words = (unquote_to_bytes(word or "") for word in (parts.username, parts.password))
    credential = base64.b64encode(b":".join(words)).decode()
    return [(f"http.{bare}.extraheader", f"AUTHORIZATION: basic {credential}")]
