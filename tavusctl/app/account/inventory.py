"""List the objects of an account, each with the address under which the project has it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from msgspec import Struct

from tavusctl.app.account import table
from tavusctl.app.session.online import Session
from tavusctl.app.session.progress import reading
from tavusctl.config import loading
from tavusctl.core.binding import Binding
from tavusctl.core.project_settings import Environment
from tavusctl.engine.account.inventory import Entry, entries
from tavusctl.kinds import KINDS
from tavusctl.lib.concurrency import run_all
from tavusctl.reports.json import FORMAT_VERSION
from tavusctl.state.journal import recall

_MANAGED: Final = "managed"  # by this environment of the project
_EXTERNAL: Final = "external"  # a manifest refers to it, and never writes it
_ELSEWHERE: Final = "elsewhere"  # managed by another environment
_IN_USE: Final = "in-use"  # the object that the address means, while it is replaced
_NEW: Final = "new"  # what takes its place once it is ready
_OLD: Final = "old"  # what had its place, and is to be deleted
_WORDS: Final = {_IN_USE: "in use", _NEW: "new version", _OLD: "old version"}


class Item(Struct, frozen=True):
    """An object, and what the project calls it."""

    entry: Entry
    address: str = ""
    relation: str = ""  # one of those above; empty where the project does not know the object
    version: str = ""  # which of several objects under one address; empty where there is one


class Inventory(Struct, frozen=True):
    """What was asked for of an account."""

    environment: Environment
    items: Sequence[Item]
    one_kind: bool  # the kind goes without saying


def inventory(session: Session, kinds: Collection[str], *, stock: bool, unmanaged: bool) -> Inventory:
    """The objects of some kinds, or of all; the account's own, or those of Tavus; all, or those without a manager."""
    wanted = [kind for name, kind in KINDS.items() if name in kinds or not kinds]
    known = _known(session)
    with session.reader() as api, reading(session.progress, api):
        found = run_all([partial(entries, api, kind, stock=stock) for kind in wanted])
    items = [_item(one, known) for some in found for one in sorted(some)]
    kept = [one for one in items if not (unmanaged and one.relation in (_MANAGED, _ELSEWHERE))]
    return Inventory(session.environment, kept, len(wanted) == 1)


def _known(session: Session) -> Mapping[str, tuple[str, ...]]:
    """What the project knows by its id: the address, what it is to the project, and which version of the object."""
    others = session.others()
    for name, why in others.unread:
        session.say(f"warning: the state of the environment `{name}` cannot be read, so its objects are unknown: {why}")
    known: dict[str, tuple[str, ...]] = {
        id_: (whose.replace("`", ""), _ELSEWHERE) for id_, whose in others.owners.items()
    }
    manifests = loading.read(session.project, session.environment, KINDS).manifests
    known |= {one.external_id: (str(one.address), _EXTERNAL) for one in manifests if one.external_id}
    for binding in recall(session.store()).bindings.values():
        known |= {id_: (str(binding.address), _MANAGED, version) for id_, version in _versions(binding)}
    return known


def _versions(binding: Binding) -> Iterator[tuple[str, str]]:
    """The objects of an address by their ids; which is which, where a replacement is under way."""
    replaced = binding.successor or binding.retired
    yield binding.remote_id, _IN_USE if replaced else ""
    yield from ((one, _OLD) for one in binding.retired)
    if binding.successor:
        yield binding.successor, _NEW


def _item(entry: Entry, known: Mapping[str, tuple[str, ...]]) -> Item:
    return Item(entry, *known.get(entry.remote_id, ()))


def text(found: Inventory, width: int = 0) -> str:
    """A line for each object; within a width, names and addresses are cut, and ids are not."""
    if not found.items:
        return "No objects.\n"
    kind = [] if found.one_kind else ["KIND"]
    head = [*kind, "NAME", "ID", "STATUS", "ADDRESS"]
    rows = [_row(one, with_kind=bool(kind)) for one in found.items]
    count = len(rows)
    return table.drawn(head, rows, width=width, whole=head.index("ID")) + f"{count} object{'' if count == 1 else 's'}\n"


def _row(item: Item, *, with_kind: bool) -> list[str]:
    entry = item.entry
    remark = _EXTERNAL if item.relation == _EXTERNAL else _WORDS.get(item.version, "")
    address = f"{item.address} ({remark})" if remark else item.address
    return [*([entry.kind] if with_kind else []), entry.name, entry.remote_id, entry.status, address]


def document(found: Inventory) -> str:
    """The same as JSON."""
    objects = [
        {
            "kind": one.entry.kind,
            "id": one.entry.remote_id,
            "name": one.entry.name or None,
            "status": one.entry.status or None,
            "stock": one.entry.stock,
            "address": one.address or None,
            "relation": one.relation or None,
            "version": one.version or None,
        }
        for one in found.items
    ]
    account = {"environment": found.environment.name, "account": found.environment.account or None}
    return (
        json.dumps({"format_version": FORMAT_VERSION, **account, "objects": objects}, indent=2, ensure_ascii=False)
        + "\n"
    )
