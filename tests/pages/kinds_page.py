"""One page of the reference for each kind: every field of its manifest, as `tavusctl explain` knows it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tavusctl.app.explain import FieldDescription, find
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.kinds import KINDS
from tests.pages.markdown import cell, table

HEAD = ("Field", "Type", "Meaning")


def pages() -> dict[str, str]:
    """The pages by file, and one that leads to them."""
    found = {f"kinds/{name}.md": "\n".join(_page(kind)) for name, kind in KINDS.items()}
    rows = [(f"[{name}]({name}.md)", ", ".join(kind.also), cell(kind.summary)) for name, kind in KINDS.items()]
    intro = (
        "# Kinds of manifests\n\nEvery manifest has a `kind`. `tavusctl explain KIND` shows the same in a terminal.\n"
    )
    return {
        **found,
        "kinds/index.md": "\n".join([intro, *table(("Kind", "Also called", "What it declares"), rows), ""]),
    }


def _page(kind: ResourceKind) -> Iterator[str]:
    top = find(kind.name)
    yield f"# Fields of a {kind.name} manifest"
    yield ""
    yield kind.summary
    yield ""
    if kind.also:
        yield f"Also called {', '.join(f'`{one}`' for one in kind.also)}."
        yield ""
    yield "A change of a field is made in place, unless its row says that the object is replaced."
    yield ""
    yield from _section("Around `spec`", [one for one in top.members if not one.is_managed])
    yield from _section("In `spec`", [one for one in top.members if one.is_managed])


def _section(title: str, members: list[FieldDescription]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield from table(HEAD, [_row(one) for one in members])
    yield ""
    for one in members:
        yield from _below(one)


def _below(field: FieldDescription) -> Iterator[str]:
    """The fields inside of a field, each object under a heading of its own."""
    if field.is_free or field.path.endswith(".extra"):
        return
    members = [find(one.path) for one in find(field.path).members]
    if members:
        yield f"### `{field.path.partition('.')[2]}`"
        yield ""
        yield from table(HEAD, [_row(one) for one in members])
        yield ""
        for one in members:
            yield from _below(one)


def _row(one: FieldDescription) -> tuple[str, str, str]:
    name = one.path.rpartition(".")[2]
    sort = f"{one.sort}, **required**" if one.is_required else one.sort
    return f"`{name}`", cell(sort), cell(" ".join([one.text, *_facts(one)]))


def _facts(one: FieldDescription) -> Iterator[str]:
    """What there is to know besides, in sentences."""
    declared, low_high = one.declared, one.limits
    target = declared.refers_to or one.each.refers_to
    if one.values and one.sort != "mapping":
        yield f"One of {', '.join(f'`{value}`' for value in one.values)}."
    if any(limit is not None for limit in low_high):
        yield _range(*low_high)
    if one.defaults:
        yield f"Without it: {' or '.join(f'`{_shown(value)}`' for value in one.defaults)}."
    if target and f"ref:{target}" not in one.text:
        yield f"Refers to a {target}: `${{ref:{target}/NAME}}`."
    if (declared.secret or one.each.secret) and "secret:" not in one.text:
        yield "A secret: `${secret:NAME}`."
    if declared.unordered:
        yield "The order has no meaning."
    if declared.keyed_by:
        yield f"Items are told apart by `{declared.keyed_by}`."
    if not one.in_place and one.is_managed:
        yield "A change replaces the object."
    if declared.deprecated:
        yield f"Deprecated: {declared.deprecated}."


def _range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"From {low:g} to {high:g}."
    return f"At least {low:g}." if low is not None else f"At most {high:g}."


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
