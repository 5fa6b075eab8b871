"""`tavusctl explain`: what a kind or a field means, takes and does."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import click

from tavusctl.cli.completing import field as known_field
from tavusctl.errors import UsageError
from tavusctl.kinds import KINDS
from tavusctl.kinds.meaning import Meaning, UnknownFieldError, meaning
from tavusctl.model import Value
from tavusctl.wording import suggestion

_LABEL: Final = 11  # columns of the words on the left


@click.command("explain")
@click.argument("path", metavar="[KIND[.FIELD...]]", required=False, shell_complete=known_field)
@click.option("-f", "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Output format.")
def command(path: str | None, *, format_: str) -> None:
    """Say what a kind or a field means, which values it takes, and what a change of it does.

    \b
    tavusctl explain persona
    tavusctl explain persona.layers.tts.voice_settings
    tavusctl explain objectives.data.next_conditional_objectives
    tavusctl explain document.recrawl
    """  # noqa: D301
    found = _find(path) if path else None
    if format_ == "json":
        document = _document(found) if found else {name: kind.summary for name, kind in KINDS.items()}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_text(found) if found else _kinds()))


def _find(path: str) -> Meaning:
    name, *keys = path.replace("/", ".").rstrip(".").split(".")
    if name not in KINDS:
        message = f"there is no kind {name!r}"
        raise UsageError(message, suggestion(name, KINDS))
    try:
        return meaning(KINDS[name], KINDS, keys)
    except UnknownFieldError as error:
        raise UsageError(str(error), suggestion(error.word, error.known)) from None


def _kinds() -> Iterator[str]:
    width = max(map(len, KINDS))
    yield from (f"{name:<{width}}  {kind.summary}" for name, kind in KINDS.items())
    yield ""
    yield "tavusctl explain KIND shows the fields of a kind, tavusctl explain KIND.FIELD those below."


def _text(found: Meaning) -> Iterator[str]:
    yield click.style(found.path, bold=True) + f"  {found.sort}{', required' if found.is_required else ''}"
    if found.text:
        yield f"  {found.text}"
    if facts := list(_facts(found)):
        yield ""
        yield from (f"  {label:<{_LABEL}}{text}" for label, text in facts)
    inside = [one for one in found.members if one.is_managed]
    around = [one for one in found.members if not one.is_managed]
    yield from _members(inside, "spec" if around else "")
    yield from _members(around, "around spec" if inside else "")


def _members(members: Sequence[Meaning], title: str) -> Iterator[str]:
    """One line each: name, type, meaning."""
    if not members:
        return
    names = [one.path.rpartition(".")[2] for one in members]
    width, sorts = max(map(len, names)), max(len(_sort(one)) for one in members)
    yield ""
    if title:
        yield click.style(f"  {title}", dim=True)
    for name, one in zip(names, members, strict=True):
        going = " (deprecated)" if one.declared.deprecated else ""
        yield f"  {click.style(name, bold=True)}{' ' * (width - len(name))}  {_sort(one):<{sorts}}  {one.text}{going}"


def _sort(one: Meaning) -> str:
    return f"{one.sort}{', required' if one.is_required else ''}"


def _facts(found: Meaning) -> Iterator[tuple[str, str]]:
    """What there is to know besides type and meaning: a word, and what it says."""
    declared, target = found.declared, _target(found)
    facts = {
        "values": ", ".join(found.values),
        "range": _range(*found.limits),
        "pattern": found.pattern,
        "default": " or ".join(map(_shown, found.defaults)),
        "change": _change(found),
        "refers to": f"{target}: write ${{ref:{target}/NAME}}" if target else "",
        "secret": _secret(found),
        "reads": "never returned: only the last apply is known" if declared.unread else "",
        "order": "has no meaning" if declared.unordered else "",
        "items": f"known by {declared.keyed_by}" if declared.keyed_by else "",
        "list": f"is sent as one text, joined by {declared.joined_by!r}" if declared.joined_by else "",
        "deprecated": declared.deprecated,
    }
    return ((word, text) for word, text in facts.items() if text)


def _target(found: Meaning) -> str:
    return found.declared.refers_to or found.each.refers_to


def _secret(found: Meaning) -> str:
    if found.is_free:
        return "keys in it are secrets: write ${secret:NAME}"
    if not (found.declared.secret or found.each.secret):
        return ""
    return "write ${secret:NAME}" + ("; reads show asterisks" if found.declared.masked else "")


def _change(found: Meaning) -> str:
    if not found.is_managed:
        return ""
    return "in place" if found.in_place else "a new object takes the place of the old one"


def _range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is not None:
        return f"at least {low:g}"
    return f"at most {high:g}" if high is not None else ""


def _shown(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _document(found: Meaning) -> dict[str, Any]:
    """What is known of a field as JSON; what does not apply is left out."""
    low, high = found.limits
    declared = found.declared
    known = {
        "path": found.path,
        "type": found.sort,
        "description": found.text,
        "required": found.is_required,
        "values": list(found.values),
        "minimum": low,
        "maximum": high,
        "pattern": found.pattern,
        "defaults": list(found.defaults),
        "change": ("in place" if found.in_place else "replacement") if found.is_managed else "",
        "refers_to": _target(found),
        "secret": bool(_secret(found)) or None,
        "unread": declared.unread or None,
        "unordered": declared.unordered or None,
        "keyed_by": declared.keyed_by,
        "deprecated": declared.deprecated,
        "fields": {one.path.rpartition(".")[2]: _document(one) for one in found.members},
    }
    return {key: value for key, value in known.items() if value not in (None, "", [], {})}
