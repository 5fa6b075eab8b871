"""The parts of GitHub's responses that are read, https://docs.github.com/en/rest."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class User(Struct):
    """A user, an app or a workflow."""

    login: str


class Text(Struct):
    """A comment or an issue."""

    id: int = 0
    number: int = 0  # of an issue
    title: str | None = None
    body: str | None = None
    user: User | None = None
    updated_at: datetime | None = None

    @property
    def first_line(self) -> str:
        """The first line, which may be our marker."""
        return (self.body or "").partition("\n")[0].rstrip()


class Commit(Struct):
    """A git object, by its id."""

    sha: str


class Tree(Struct):
    """A commit, by its tree."""

    tree: Commit


class Reference(Struct):
    """A branch, by its newest commit."""

    object: Commit


class Pull(Struct):
    """A pull request."""

    number: int
    head: Commit
    merged_at: str | None = None
    merge_commit_sha: str | None = None


class Comparison(Struct):
    """How the second of two commits relates to the first."""

    status: str  # such as ahead or identical, if it contains the first
