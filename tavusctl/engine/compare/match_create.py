"""Find the object that a create made: by the id in the answer, else by all that was sent, never by the name alone.

A server may store a text differently from what was sent: without the spaces around it, composed (Unicode), escaped, in
lower case, or cut.  So texts are compared by what survives all that.  The object that a create made did not exist
before, belongs to no address, has the name, and reads as what was sent.  Whether an object that agrees only in part is
the right one is for a person to decide.
"""

from __future__ import annotations

import html
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from msgspec import Struct
from msgspec.structs import replace

from tavusctl.core.address import Address
from tavusctl.core.binding import Binding
from tavusctl.core.errors import Ambiguous
from tavusctl.core.json_tree import is_empty
from tavusctl.core.messages import one_of
from tavusctl.core.model import Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.compare import claim
from tavusctl.engine.compare.three_way import edited_fields
from tavusctl.lib.json_types import Json, JsonObject

_CUT = 8  # least number of characters by which a cut text is recognised
_ESCAPES = 3  # how many times a text may have been escaped


class SentCreate(Struct, frozen=True):
    """What a create has sent: `spec` as a binding records it, and the display name."""

    kind: ResourceKind
    spec: JsonObject
    name: str
    other_names: frozenset[str] = frozenset()  # sent by other creates: an object with one of them is theirs


class SearchResult(Struct, frozen=True):
    """The result of one search in the account for the object of a create."""

    remote_id: str = ""  # of the object that the create made; empty: not visible
    newest: str = ""  # creation time of the newest object of the kind, as the server reports it


def plain_text(text: str) -> str:
    """A text without differences that servers introduce: white space, Unicode composition (NFKC), HTML escapes."""
    for _ in range(_ESCAPES):
        text = html.unescape(text)
    return " ".join(unicodedata.normalize("NFKC", text).split())


def same_name(one: str, other: str) -> bool:
    """Whether two names are the same, apart from differences that servers introduce; false for empty names."""
    return bool(one) and plain_text(one) == plain_text(other)


def similar_text(sent: str, shown: str) -> bool:
    """Whether a server may show `sent` as `shown`: the same as for `same_name`, in another case, or cut."""
    sent_text, shown_text = plain_text(sent).casefold(), plain_text(shown).casefold()
    beginning = _without_dots(shown_text)
    return sent_text == shown_text or (len(beginning) >= _CUT and sent_text.startswith(beginning))


def _without_dots(text: str) -> str:
    """A text without the dots at its end by which a server marks a cut."""
    return text.rstrip(".\u2026 ")


def created_id(sent: SentCreate, live: Iterable[Live], existing_ids: AbstractSet[str]) -> str:
    """The id of the object that a create made, or an empty string; Ambiguous if it is uncertain."""
    matches = candidate_ids(sent, live, existing_ids)
    if len(matches) > 1:
        message = f"found {len(matches)} objects identical to the one sent: {', '.join(matches)}"
        raise Ambiguous(message, "import the right one with `tavusctl import ADDRESS ID`, and delete the others")
    return matches[0] if matches else ""


def candidate_ids(
    sent: SentCreate,
    live: Iterable[Live],
    existing_ids: AbstractSet[str],
    ids_of_other_creates: AbstractSet[str] = frozenset(),
) -> tuple[str, ...]:
    """Ids of objects that a create may have made; Ambiguous if there are none, but some that agree in part.

    `existing_ids` are those of objects that existed before; an object that reads as what another create has sent is in
    `ids_of_other_creates`.
    """
    new_objects = [
        obj for obj in live if obj.address is None and obj.remote_id not in existing_ids and not _is_theirs(sent, obj)
    ]
    matches = matching_ids(sent, new_objects)
    doubtful = (
        []
        if matches
        else [obj for obj in new_objects if obj.remote_id not in ids_of_other_creates and _agrees_in_part(sent, obj)]
    )
    if doubtful:
        ids = ", ".join(sorted(obj.remote_id for obj in doubtful))
        message = (
            f"{one_of(sent.kind.name)} has appeared ({ids}) that matches the one sent, `{sent.name}`, only in part"
        )
        hint = "if it is the right object, import it with `tavusctl import ADDRESS ID`; otherwise rename or delete it"
        raise Ambiguous(message, hint)
    return matches


def matching_ids(sent: SentCreate, new: Iterable[Live]) -> tuple[str, ...]:
    """Ids of the new objects that have the sent name and content; only the exact matches, if there are any."""
    named = [obj for obj in new if not sent.name or similar_text(sent.name, obj.name)]
    matches = [obj for obj in named if reads_alike(sent, obj)]
    if not sent.name:
        matches = matches if _is_distinctive(sent.kind, sent.spec) else []
    exact_matches = [obj for obj in matches if obj.name == sent.name and reads_as(sent, obj)]
    return tuple(sorted(obj.remote_id for obj in exact_matches or matches))


def is_created_object(sent: SentCreate, live: Live) -> bool:
    """Whether a new object with the id from the answer to a create is the one that the create made."""
    return not _is_theirs(sent, live) and (
        (bool(sent.name) and similar_text(sent.name, live.name)) or _content_matches(sent, live)
    )


def possible_duplicates(sent: SentCreate, live: Iterable[Live], existing_ids: AbstractSet[str]) -> tuple[Live, ...]:
    """New objects without an address that match what a create sent, so that they may be duplicates of its object."""
    name = claim.without_claim(sent.name)
    return tuple(
        obj
        for obj in live
        if obj.address is None
        and obj.remote_id not in existing_ids
        and same_name(name, claim.without_claim(obj.name))
        and reads_alike(sent, obj)
    )


class UnmanagedObjects:
    """Unmanaged objects, indexed to find those that a planned create would duplicate."""

    def __init__(
        self,
        live: Iterable[Live],
        owned_ids: AbstractSet[str] = frozenset(),
        forgotten: AbstractSet[Address] = frozenset(),
    ) -> None:
        """`owned_ids` are ids of objects that belong to an address but are not bound to it, such as old versions.

        The objects of `forgotten` addresses are still bound, and will be unmanaged.
        """
        self._all: defaultdict[str, list[Live]] = defaultdict(list)
        self._same: defaultdict[tuple[str, str], list[Live]] = defaultdict(list)
        self._similar: defaultdict[tuple[str, str], list[Live]] = defaultdict(list)
        for obj in live:
            if (obj.address is None or obj.address in forgotten) and obj.remote_id not in owned_ids:
                name = plain_text(claim.without_claim(obj.name))
                self._all[obj.kind.name].append(obj)
                self._same[obj.kind.name, name].append(obj)
                self._similar[obj.kind.name, _without_dots(name.casefold())].append(obj)

    def find_duplicates(self, kind: ResourceKind, spec: JsonObject, name: str) -> tuple[Live, ...]:
        """Objects with the name that a create sends, or else with its content where that is distinctive.

        If the manifest gives a name, an object whose name no server can have made from it is another object.
        """
        same_named = self._same.get((kind.name, plain_text(name)), ()) if name else ()
        has_no_name = is_empty(spec.get(kind.name_field))
        candidates = self._all.get(kind.name, ()) if has_no_name else self._cut(kind, name)
        sent = SentCreate(kind, spec, name)
        matches = {obj.remote_id: obj for obj in same_named}
        matches |= {obj.remote_id: obj for obj in candidates if _content_matches(sent, obj)}
        return tuple(matches[remote_id] for remote_id in sorted(matches))

    def find_copies(self, kind: ResourceKind, spec: JsonObject, name: str) -> tuple[str, ...]:
        """Ids of those of the duplicates that read as all that a create sends."""
        duplicates = (obj for obj in self.find_duplicates(kind, spec, name) if obj.address is None)
        unclaimed = [replace(obj, name=claim.without_claim(obj.name)) for obj in duplicates]
        return matching_ids(SentCreate(kind, spec, name), unclaimed)

    def _cut(self, kind: ResourceKind, name: str) -> Iterator[Live]:
        full_name = plain_text(name).casefold()
        for length in {len(full_name), *range(_CUT, len(full_name))}:
            yield from self._similar.get((kind.name, _without_dots(full_name[:length])), ())


def reads_as(sent: SentCreate, live: Live) -> bool:
    """Whether an object reads as all that was sent but the name; a masked secret counts as the one sent."""
    spec = {key: value for key, value in sent.spec.items() if key != sent.kind.name_field}
    return not edited_fields(live, Binding(Address(sent.kind.name, "sent"), live.remote_id, spec))


def reads_alike(sent: SentCreate, live: Live) -> bool:
    """The same, where a text that a server may have changed counts as the sent one."""
    return reads_as(sent, live) or reads_as(sent, replace(live, body=_in_sent_spelling(sent.spec, live.body)))


def _is_theirs(sent: SentCreate, live: Live) -> bool:
    has_other_name = any(same_name(other, live.name) for other in sent.other_names)
    return has_other_name and not same_name(sent.name, live.name)


def _agrees_in_part(sent: SentCreate, live: Live) -> bool:
    if not sent.name:
        # If nothing that was sent can be compared, any object may be the right one.
        return not _is_distinctive(sent.kind, sent.spec)
    return similar_text(sent.name, live.name) or _content_matches(sent, live)


def _content_matches(sent: SentCreate, live: Live) -> bool:
    """Whether everything but the name agrees, provided that there is any such content."""
    return _is_distinctive(sent.kind, sent.spec) and reads_alike(sent, live)


def _is_distinctive(kind: ResourceKind, spec: JsonObject) -> bool:
    """Whether anything but the name was sent that a read can show."""
    return any(
        key != kind.name_field and not is_empty(value) and not kind.field_at((key,)).write_only
        for key, value in spec.items()
    )


def _in_sent_spelling(sent: Json, shown: Json) -> Json:
    """The shown value, with each text that a server may have changed replaced by the sent text."""
    if isinstance(sent, dict) and isinstance(shown, dict):
        return {key: _in_sent_spelling(sent[key], item) if key in sent else item for key, item in shown.items()}
    if isinstance(sent, list) and isinstance(shown, list):
        return _items_in_sent_spelling(sent, shown)
    if isinstance(sent, str) and isinstance(shown, str):
        return sent if similar_text(sent, shown) else shown
    return shown


def _items_in_sent_spelling(sent: Sequence[Json], shown: Sequence[Json]) -> list[Json]:
    if len(sent) != len(shown):
        return list(shown)
    texts = [item for item in sent if isinstance(item, str)]
    return [
        next((text for text in texts if similar_text(text, item)), item)
        if isinstance(item, str)
        else _in_sent_spelling(sent_item, item)
        for sent_item, item in zip(sent, shown, strict=True)
    ]
