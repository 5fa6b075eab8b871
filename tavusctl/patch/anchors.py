"""Which item of a long array has become which, guessed from contents in time near the length of the arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from tavusctl.lib.diffing.patience import Pair, unique_places
from tavusctl.lib.json_types import Json
from tavusctl.patch.region import Region


def pair_similar(region: Region) -> list[Pair]:
    """Pairs of old and new items: equal items, else items with the same identity, else items with most in common.

    Contents are common to two items only if no other item on either side has them.  An old item is in one pair at most.
    """
    pairs = dict((*_pair_unique(region.old, region.new), *_pair_unique(*region.identities())))
    paired_new = set(pairs.values())
    unpaired_old = [index for index in range(len(region.old)) if index not in pairs]
    unpaired_new = [index for index in range(len(region.new)) if index not in paired_new]
    pairs.update(_pair_by_parts(region, unpaired_old, unpaired_new))
    return list(pairs.items())


def _pair_unique(old: Sequence[Hashable], new: Sequence[Hashable]) -> Iterable[Pair]:
    new_places = unique_places(enumerate(new))
    for content, index in unique_places(enumerate(old)).items():
        if content is not None and content in new_places:
            yield index, new_places[content]


def _pair_by_parts(region: Region, old: list[int], new: list[int]) -> dict[int, int]:
    old_parts = unique_places(
        (old_index, part) for old_index in old for part in _parts(region, region.old_values[old_index])
    )
    new_parts = unique_places(
        (new_index, part) for new_index in new for part in _parts(region, region.new_values[new_index])
    )
    votes = Counter((old_index, new_parts[part]) for part, old_index in old_parts.items() if part in new_parts)
    pairs: dict[int, int] = {}
    for (old_index, new_index), _ in votes.most_common():
        pairs.setdefault(old_index, new_index)
    return pairs


def _parts(region: Region, value: Json) -> Iterable[int]:
    """The numbers of the contents of every value inside a container."""
    pending = [value]
    while pending:
        container = pending.pop()
        children = container.values() if type(container) is dict else container if type(container) is list else ()
        for child in children:
            yield region.differ.value_index.of(child).number
            if type(child) is dict or type(child) is list:
                pending.append(child)
