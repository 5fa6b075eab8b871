"""List the objects of an account, each with its address in the project."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from msgspec import Struct

from tavusctl.app.session.online import Session
from tavusctl.app.session.progress import reading
from tavusctl.config import loading
from tavusctl.core.binding import Binding
from tavusctl.core.errors import StateError
from tavusctl.core.messages import counted
from tavusctl.core.ports import Reader, State
from tavusctl.core.project_settings import Environment
from tavusctl.engine.account.inventory import Entry, entries
from tavusctl.engine.safety.account_guard import check_key
from tavusctl.kinds import KINDS
from tavusctl.lib.concurrency import run_all
from tavusctl.reports.json import result_text
from tavusctl.reports.terminal.line_wrapping import columns
from tavusctl.secrets.escape import escape_invisible
from tavusctl.secrets.redaction import redacted
from tavusctl.state.journal import read_current_state

_MANAGED: Final = "managed"  # by this environment of the project
_EXTERNAL: Final = "external"  # a manifest refers to it, and never writes it
_ELSEWHERE: Final = "elsewhere"  # managed by another environment
_IN_USE: Final = "in-use"  # the object of the address, while its replacement is under way
_NEW: Final = "new"  # the successor, which becomes the object of the address once it is ready
_OLD: Final = "old"  # an old version, which is to be deleted
_WORDS: Final = {_IN_USE: "in use", _NEW: "new version", _OLD: "old version"}
_GAP: Final = "  "
_NARROWEST: Final = 8  # characters that a column keeps, however small the width is


class Item(Struct, frozen=True):
    """An object of the account, and its address and relation in the project."""

    entry: Entry
    address: str = ""
    relation: str = ""  # managed, external or elsewhere; empty where the project does not know the object
    version: str = ""  # in-use, new or old; empty where the address has only one object


class Inventory(Struct, frozen=True):
    """The objects of an account that were requested."""

    environment: Environment
    items: Sequence[Item]
    one_kind: bool  # the user named one kind, so the text does not repeat it
    unmanaged: bool  # only objects that no environment of the project manages


def inventory(session: Session, kinds: Collection[str], *, stock: bool, unmanaged: bool) -> Inventory:
    """The objects of the named kinds, or of all kinds if none is named, sorted by kind and name.

    With `stock`, the objects of Tavus instead of those of the account; with `unmanaged`, only objects that no
    environment of the project manages.
    """
    selected = [kind for name, kind in KINDS.items() if name in kinds or not kinds]
    state = read_current_state(session.store())
    known_ids = _known_ids(session, state)
    with session.reader() as api, reading(session.progress, api):
        listings = run_all([partial(entries, api, kind, stock=stock) for kind in selected])
        if not stock:
            _check_account(session, api, state, dict(zip((kind.name for kind in selected), listings, strict=True)))
    items = [Item(entry, *known_ids.get(entry.remote_id, ())) for listing in listings for entry in sorted(listing)]
    selected_items = [one for one in items if not (unmanaged and one.relation in (_MANAGED, _ELSEWHERE))]
    return Inventory(session.environment, selected_items, len(selected) == 1, unmanaged)


def _check_account(session: Session, api: Reader, state: State, listings: Mapping[str, Sequence[Entry]]) -> None:
    """Refuse another account than that of the state; the kinds that were not listed are read before a refusal."""
    ids_by_kind = {name: {entry.remote_id for entry in listing} for name, listing in listings.items()}

    def check() -> None:
        bound = [one for one in state.bindings.values() if one.address.kind in ids_by_kind]
        missing = sum(one.remote_id not in ids_by_kind[one.address.kind] for one in bound)
        check_key(state, session.environment, session.api_key, bound=len(bound), missing=missing)

    try:
        check()
    except StateError:
        for name in {address.kind for address in state.bindings} - ids_by_kind.keys():
            ids_by_kind[name] = {entry.remote_id for entry in entries(api, KINDS[name], stock=False)}
        check()


def _known_ids(session: Session, state: State) -> Mapping[str, tuple[str, ...]]:
    """The objects that the project knows, by id: the address, the relation and, if managed here, the version."""
    others = session.others_with_warnings()
    relations: dict[str, tuple[str, ...]] = {
        id_: (owner.replace("`", ""), _ELSEWHERE) for id_, owner in others.owners.items()
    }
    manifests = loading.read(session.project, session.environment, KINDS).manifests
    relations |= {one.external_id: (str(one.address), _EXTERNAL) for one in manifests if one.external_id}
    for binding in state.bindings.values():
        relations |= {id_: (str(binding.address), _MANAGED, version) for id_, version in _versions(binding)}
    return relations


def _versions(binding: Binding) -> Iterator[tuple[str, str]]:
    """The ids of all objects of a binding, each with its version; empty where there is only one object."""
    has_several = binding.successor or binding.retired
    yield binding.remote_id, _IN_USE if has_several else ""
    yield from ((one, _OLD) for one in binding.retired)
    if binding.successor:
        yield binding.successor, _NEW


def text(result: Inventory, width: int = 0) -> str:
    """A table with a line for each object; names and addresses are cut to fit the width, ids are not."""
    if not result.items:
        return "No unmanaged objects.\n" if result.unmanaged else "No objects.\n"
    kind = [] if result.one_kind else ["KIND"]
    head = [*kind, "NAME", "ID", "STATUS", "ADDRESS"]
    rows = [_row(one, with_kind=bool(kind)) for one in result.items]
    return draw_table(head, rows, width=width, whole=head.index("ID")) + f"{counted(len(rows), 'object')}\n"


def _row(item: Item, *, with_kind: bool) -> list[str]:
    entry = item.entry
    remark = _EXTERNAL if item.relation == _EXTERNAL else _WORDS.get(item.version, "")
    address = f"{item.address} ({remark})" if remark else item.address
    return [*([entry.kind] if with_kind else []), entry.name, entry.remote_id, entry.status, address]


def document(result: Inventory) -> str:
    """The inventory as JSON."""
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
        for one in result.items
    ]
    environment = result.environment
    return result_text(environment=environment.name, account=environment.account or None, objects=objects)


def draw_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, width: int = 0, whole: int = -1) -> str:
    """A table with one line for each row; without a width nothing is cut, and column `whole` (its index) never is.

    Secrets are redacted before cells are cut, because half of a secret would not be recognised.
    """
    cells = [[escape_invisible(redacted(cell)).replace("\n", " ") or "-" for cell in row] for row in rows]
    widths = [max(map(columns, column)) for column in zip(head, *cells, strict=True)]
    while width and sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        widest = max((index for index in range(len(widths)) if index != whole), key=widths.__getitem__)
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
    lines = [_GAP.join(map(_fitted, row, widths)).rstrip() for row in [head, *cells]]
    return "".join(f"{line}\n" for line in lines)


def _fitted(text: str, width: int) -> str:
    if columns(text) <= width:
        return text + " " * (width - columns(text))
    cut = text
    while columns(cut) > width - 1:
        cut = cut[:-1]
    return cut + "…" + " " * (width - 1 - columns(cut))
