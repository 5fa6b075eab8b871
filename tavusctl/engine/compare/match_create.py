"""Tell what a create has made: by the id that the server answered, else by all that was sent, never by name alone.

A server may keep a text otherwise than it was sent: without the spaces around it, composed, escaped, in lower case,
cut.  So texts are compared by what stays of them then.  What a create made was not there before, belongs to nobody,
has the name and reads as what was sent.  What agrees in one of these only is for a person to judge.
"""

from __future__ import annotations

import html
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address, Source
from tavusctl.core.binding import Binding
from tavusctl.core.errors import Ambiguous
from tavusctl.core.json_tree import is_empty
from tavusctl.core.model import Desired, Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.compare import claim
from tavusctl.engine.compare.three_way import compare
from tavusctl.lib.json_types import Json, JsonObject

_CUT = 8  # characters that a text which was cut must have left to be known by them
_ESCAPES = 3  # times that a text may have been escaped


class Sent(Struct, frozen=True):
    """What a create has sent: `spec` as a binding remembers it, and the display name."""

    kind: ResourceKind
    spec: JsonObject
    name: str
    others: frozenset[str] = frozenset()  # names that other creates have sent: what has one of them is theirs


class Sight(Struct, frozen=True):
    """What one look at the account has shown."""

    remote_id: str = ""  # of what the create made; empty: it does not show
    newest: str = ""  # when the youngest object of the kind was made, as the server says


def plain_text(text: str) -> str:
    """A text without what servers change in the spelling of one: white space, composition, escapes."""
    for _ in range(_ESCAPES):
        text = html.unescape(text)
    return " ".join(unicodedata.normalize("NFKC", text).split())


def same_name(one: str, other: str) -> bool:
    """Whether two names are one, however a server spells it."""
    return bool(one) and plain_text(one) == plain_text(other)


def similar_text(sent: str, shown: str) -> bool:
    """Whether a server may have made one text of the other: as `same_name`, in another case, or cut."""
    one, other = plain_text(sent).casefold(), plain_text(shown).casefold()
    rest = _rest(other)
    return one == other or (len(rest) >= _CUT and one.startswith(rest))


def _rest(text: str) -> str:
    """What a server may have left of a text before the dots that say so."""
    return text.rstrip(".\u2026 ")


def found(sent: Sent, live: Iterable[Live], known: AbstractSet[str]) -> str:
    """The id of the object that a create made, or an empty string; Ambiguous if it is uncertain."""
    like = matching(sent, live, known)
    if len(like) > 1:
        message = f"found {len(like)} objects identical to the one sent: {', '.join(like)}"
        raise Ambiguous(message, "import the right one with `tavusctl import`, and delete the others")
    return like[0] if like else ""


def matching(
    sent: Sent, live: Iterable[Live], known: AbstractSet[str], elsewhere: AbstractSet[str] = frozenset()
) -> tuple[str, ...]:
    """Ids of objects that a create may have made; Ambiguous when some agree in part only.

    `elsewhere` are ids of objects that read as what another create has sent.
    """
    new = [one for one in live if one.address is None and one.remote_id not in known and not _is_theirs(sent, one)]
    like = likely(sent, new)
    doubtful = [] if like else [one for one in new if one.remote_id not in elsewhere and _agrees_in_part(sent, one)]
    if doubtful:
        ids = ", ".join(sorted(one.remote_id for one in doubtful))
        message = f"a {sent.kind.name} has appeared ({ids}) that matches the one sent, `{sent.name}`, only in part"
        raise Ambiguous(
            message, "if it is the right object, import it with `tavusctl import`; otherwise rename or delete it"
        )
    return like


def likely(sent: Sent, new: Iterable[Live]) -> tuple[str, ...]:
    """Ids of those of some new objects that have the name and read as what was sent; exactly so, if any does."""
    like = [one for one in new if _is_named(sent, one) and reads_alike(sent.kind, _without_name(sent), one)]
    if not sent.name:
        like = like if _tells(sent.kind, sent.spec) else []
    exact = [one for one in like if one.name == sent.name and reads_as(sent.kind, _without_name(sent), one)]
    return tuple(sorted(one.remote_id for one in exact or like))


def is_ours(sent: Sent, live: Live) -> bool:
    """Whether the object of an id that a create was answered with, and that is new, is what the create has made."""
    return not _is_theirs(sent, live) and (
        (bool(sent.name) and similar_text(sent.name, live.name)) or _reads_otherwise_alike(sent, live)
    )


def twins(sent: Sent, live: Iterable[Live], known: AbstractSet[str]) -> tuple[Live, ...]:
    """Objects that are new, belong to nobody, and are what a create has made as well."""
    bare = replace(sent, name=claim.bare(sent.name))
    return tuple(
        one
        for one in live
        if one.address is None
        and one.remote_id not in known
        and same_name(bare.name, claim.bare(one.name))
        and reads_alike(sent.kind, _without_name(bare), one)
    )


class Strangers:
    """Objects that nobody manages, to find those that a planned create would make once more."""

    def __init__(self, live: Iterable[Live], ours: AbstractSet[str] = frozenset()) -> None:
        """`ours` are ids of objects that belong to an address which does not mean them."""
        self._all: defaultdict[str, list[Live]] = defaultdict(list)
        self._same: defaultdict[tuple[str, str], list[Live]] = defaultdict(list)
        self._similar: defaultdict[tuple[str, str], list[Live]] = defaultdict(list)
        for one in live:
            if one.address is None and one.remote_id not in ours:
                name = plain_text(claim.bare(one.name))
                self._all[one.kind.name].append(one)
                self._same[one.kind.name, name].append(one)
                self._similar[one.kind.name, _rest(name.casefold())].append(one)

    def like(self, kind: ResourceKind, spec: JsonObject, name: str) -> tuple[Live, ...]:
        """Those that have the name that a create sends, or else read like it where that tells.

        Where the manifest gives a name, one that no server makes of it is of another object.
        """
        named = self._same.get((kind.name, plain_text(name)), ()) if name else ()
        nameless = is_empty(spec.get(kind.name_field))
        others = self._all.get(kind.name, ()) if nameless else self._cut(kind, name)
        sent = Sent(kind, spec, name)
        found = {one.remote_id: one for one in named}
        found |= {one.remote_id: one for one in others if _reads_otherwise_alike(sent, one)}
        return tuple(found[key] for key in sorted(found))

    def _cut(self, kind: ResourceKind, name: str) -> Iterator[Live]:
        whole = plain_text(name).casefold()
        for length in {len(whole), *range(_CUT, len(whole))}:
            yield from self._similar.get((kind.name, _rest(whole[:length])), ())


def reads_as(kind: ResourceKind, spec: JsonObject, live: Live) -> bool:
    """Whether an object is as a binding of `spec` would have it; a masked secret counts as the one that was sent."""
    address = Address(kind.name, "sent")
    desired = Desired(kind, address, spec, Source("", 0, 0))
    return not compare(desired, live, Binding(address, live.remote_id, spec)).fields


def reads_alike(kind: ResourceKind, spec: JsonObject, live: Live) -> bool:
    """Whether an object reads as `spec`, or as a server may spell that."""
    return reads_as(kind, spec, live) or reads_as(kind, spec, replace(live, body=_respelled(spec, live.body)))


def _is_theirs(sent: Sent, live: Live) -> bool:
    named = any(same_name(other, live.name) for other in sent.others)
    return named and not same_name(sent.name, live.name)


def _is_named(sent: Sent, live: Live) -> bool:
    return not sent.name or similar_text(sent.name, live.name)


def _agrees_in_part(sent: Sent, live: Live) -> bool:
    if not sent.name:
        return not _tells(sent.kind, sent.spec)  # nothing is known of what was sent: it may be any
    return similar_text(sent.name, live.name) or _reads_otherwise_alike(sent, live)


def _reads_otherwise_alike(sent: Sent, live: Live) -> bool:
    """Whether all but the name agrees, where there is something by which to tell."""
    return _tells(sent.kind, sent.spec) and reads_alike(sent.kind, _without_name(sent), live)


def _without_name(sent: Sent) -> JsonObject:
    return {key: value for key, value in sent.spec.items() if key != sent.kind.name_field}


def _tells(kind: ResourceKind, spec: JsonObject) -> bool:
    """Whether a read shows anything but the name of what was sent."""
    return any(
        key != kind.name_field and not is_empty(value) and not kind.field_at((key,)).write_only
        for key, value in spec.items()
    )


def _respelled(told: Json, shown: Json) -> Json:
    """What is shown, with every text that may be a sent one in the spelling of that."""
    if isinstance(told, dict) and isinstance(shown, dict):
        return {key: _respelled(told[key], item) if key in told else item for key, item in shown.items()}
    if isinstance(told, list) and isinstance(shown, list):
        return _respelled_items(told, shown)
    if isinstance(told, str) and isinstance(shown, str):
        return told if similar_text(told, shown) else shown
    return shown


def _respelled_items(told: Sequence[Json], shown: Sequence[Json]) -> list[Json]:
    if len(told) != len(shown):
        return list(shown)
    texts = [item for item in told if isinstance(item, str)]
    return [
        next((text for text in texts if similar_text(text, item)), item)
        if isinstance(item, str)
        else _respelled(one, item)
        for one, item in zip(told, shown, strict=True)
    ]
