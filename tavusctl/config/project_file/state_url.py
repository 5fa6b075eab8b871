"""Checks the syntax of `state:` in a project file; nothing is opened.  Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from tavusctl.core.messages import Fault, listed, literal, nearest, shown
from tavusctl.lib.patterns import pattern

_ID: Final = "TV117"
_REF: Final = pattern(r"refs(/[A-Za-z0-9%_+-]+(\.[A-Za-z0-9%_+-]+)*){2,}")
_BUCKETS: Final[Mapping[str, str]] = {
    "s3": "s3://BUCKET/PREFIX",
    "gs": "gs://BUCKET/PREFIX",
    "az": "az://CONTAINER/PREFIX",
}
_FORMS: Final[Mapping[str, str]] = {"git": "git", "git+": "git+URL", **_BUCKETS, "file": "file://PATH"}
_SCHEME: Final = pattern(r"([A-Za-z][A-Za-z0-9+-]*)(:(?://)?)(.*)", re.DOTALL)
_GIT_ADDRESS: Final = pattern(r"(https?|ssh|git)://|[\w.-]+@[\w.-]+:")


def is_ref(name: str) -> bool:
    """Whether a name is the full name of a git ref that can hold a state."""
    return _REF.fullmatch(name) is not None and not name.endswith(".lock")


def state_fault(url: str) -> Fault | None:
    """The fault of a `state:` URL, or None; the message shows no part that may be a password."""
    head, separator, query = url.partition("?")
    if head == "git" or head.startswith("git+"):
        return _git_fault(head, f"{separator}{query}")
    match = _SCHEME.fullmatch(url)
    if match:
        return _url_fault(match[1], match[2], match[3], url)
    if _GIT_ADDRESS.match(url):
        return _other_form(url, _REPOSITORY_HINT)
    if url and not re.search(r"[/.]", head):
        return _other_form(url, f"{_form_hint(head)} Write {literal(f'./{url}')} for a file of that name")
    return None


_REPOSITORY_HINT: Final = "write `git+` before the address of a git repository"


def _git_fault(head: str, query: str) -> Fault | None:
    if head == "git+":
        return Fault(_ID, "`git+` needs the address of a repository", "write `git` for the remote `origin`")
    if query and not (query.startswith("?ref=") and is_ref(query.removeprefix("?ref="))):
        message = "what follows `?` must be `ref=` and the full name of a ref"
        return Fault(_ID, message, "write it like `git?ref=refs/heads/tavusctl-state`")
    return None


def _url_fault(scheme: str, separator: str, location: str, url: str) -> Fault | None:
    if separator == ":":
        return _other_form(url, f"{_form_hint(scheme)} Put `./` before a path with a colon")
    if scheme == "file":
        return None if location else Fault(_ID, "expected a path after `file://`", "write it like `file://PATH`")
    if scheme not in _BUCKETS:
        hint = _REPOSITORY_HINT if _GIT_ADDRESS.match(url) else _form_hint(scheme).rstrip(".")
        return Fault(_ID, f"unsupported scheme `{scheme}://`", hint)
    bucket = location.partition("/")[0]
    if not bucket or "@" in bucket or "?" in location:  # a password may be in the URL, which is not shown
        return Fault(_ID, f"expected a bucket after `{scheme}://`", f"write it like `{_BUCKETS[scheme]}`")
    return None


def _other_form(url: str, hint: str) -> Fault:
    found = "a text with `@` or `?`" if re.search("[@?]", url) else shown(url)
    return Fault(_ID, f"expected `git`, the URL of a store or a path, found {found}", hint)


def _form_hint(word: str) -> str:
    """A hint: the form that was probably meant, else all forms."""
    scheme = nearest(word, _FORMS)
    return f"did you mean `{_FORMS[scheme]}`?" if scheme else f"known: {listed(_FORMS.values())}."
