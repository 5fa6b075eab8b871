"""One reference page for each kind: every field of its manifest, as `tavusctl explain` describes it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tavusctl.app.explain import FieldDescription, find
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.kinds import KINDS
from tests.pages.markdown import cell, table

HEAD = ("Field", "Type", "Meaning")


def pages() -> dict[str, str]:
    """The page of each kind and an index page, by file."""
    kind_pages = {f"kinds/{name}.md": "\n".join(_page(kind)) for name, kind in KINDS.items()}
    rows = [(f"[{name}]({name}.md)", ", ".join(kind.aliases), cell(kind.summary)) for name, kind in KINDS.items()]
    intro = (
        "# Kinds of manifests\n\nEvery manifest has a `kind`. `tavusctl explain KIND` shows the same in a terminal.\n"
    )
    return {
        **kind_pages,
        "kinds/index.md": "\n".join([intro, *table(("Kind", "Also called", "What it declares"), rows), ""]),
    }


def _page(kind: ResourceKind) -> Iterator[str]:
    top = find(kind.name)
    yield f"# Fields of a {kind.name} manifest"
    yield ""
    yield kind.summary
    yield ""
    if kind.aliases:
        yield f"Also called {', '.join(f'`{alias}`' for alias in kind.aliases)}."
        yield ""
    yield "A change of a field is made in place, unless its row says that the object is replaced."
    yield ""
    yield from _section("Fields beside `spec`", [member for member in top.members if not member.is_managed])
    yield from _section("Fields in `spec`", [member for member in top.members if member.is_managed])


def _section(title: str, members: list[FieldDescription]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield from table(HEAD, [_row(member) for member in members])
    yield ""
    for member in members:
        yield from _inner_sections(member)


def _inner_sections(field: FieldDescription) -> Iterator[str]:
    """The fields inside a field, one section with a heading per object."""
    if field.is_free or field.path.endswith(".extra"):
        return
    members = [find(member.path) for member in find(field.path).members]
    if members:
        yield f"### `{field.path.partition('.')[2]}`"
        yield ""
        yield from table(HEAD, [_row(member) for member in members])
        yield ""
        for member in members:
            yield from _inner_sections(member)


def _row(field: FieldDescription) -> tuple[str, str, str]:
    name = field.path.rpartition(".")[2]
    sort = f"{field.sort}, **required**" if field.is_required else field.sort
    return f"`{name}`", cell(sort), cell(" ".join([field.text, *_constraints(field)]))


def _constraints(field: FieldDescription) -> Iterator[str]:
    """Sentences on the constraints of a field: values, range, default, reference, secret, order, replacement."""
    declared = field.declared
    target = declared.refers_to or field.each.refers_to
    if field.values and field.sort != "mapping":
        yield f"One of {', '.join(f'`{value}`' for value in field.values)}."
    for limit in filter(None, (field.limits.range(), field.limits.size())):
        yield f"{limit.capitalize()}." if limit[0].isalpha() else f"From {limit}."
    if field.defaults:
        yield f"Without it: {' or '.join(f'`{_as_text(value)}`' for value in field.defaults)}."
    if target and f"ref:{target}" not in field.text:
        yield f"Refers to a {target}: `${{ref:{target}/NAME}}`."
    if (declared.secret or field.each.secret) and "secret:" not in field.text:
        yield "A secret: `${secret:NAME}`."
    if declared.unordered:
        yield "The order has no meaning."
    if declared.keyed_by:
        yield f"Items are told apart by `{declared.keyed_by}`."
    if not field.in_place and field.is_managed:
        yield "A change replaces the object."
    if declared.deprecated:
        yield f"Deprecated: {declared.deprecated}."


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
