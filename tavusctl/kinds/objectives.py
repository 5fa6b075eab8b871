"""Objectives: a set of goals with branches that a conversation works through."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from tavusctl.document import is_empty
from tavusctl.graph import Edge, Graph, Node
from tavusctl.kinds.sets import DROPPED, respell_set
from tavusctl.kinds.shape import matching
from tavusctl.model import Document, Field, ResourceKind, Update, Value
from tavusctl.shape import Quarrel, Shape, optional, required


def _no_name(value: str) -> str:
    right = re.sub(r"\s+", "_", value.strip()) or "a_name"
    return f"found {value!r}; an objective name has no white space: write {right}"


ObjectiveName = Annotated[str, matching(r"\S+", _no_name)]


class Objective(Shape):
    """One goal, and where the conversation goes from it."""

    objective_name: ObjectiveName = required("Name of the goal, without white space; others lead to it by this name.")
    objective_prompt: str = required("What is to be reached.", min_length=1)
    confirmation_mode: Literal["auto", "manual"] | None = optional(
        "`auto`: the model decides when it is reached; `manual`: your side does."
    )
    output_variables: list[str] | None = optional("What to note down on the way.")
    modality: Literal["verbal", "visual"] | None = optional("Whether it is reached by what is said or by what is seen.")
    next_conditional_objectives: dict[str, str] | None = optional(
        "Goals that may follow: name, and the condition for it."
    )
    next_required_objectives: list[str] | None = optional("Goals that must follow.")
    next_required_objective: str | None = optional("The goal that must follow, when there is one.")
    callback_url: str | None = optional("Address that is told when the goal is reached.")

    @classmethod
    def quarrels(cls, given: Mapping[str, Any]) -> Iterator[Quarrel]:
        """The next goal is written in one way."""
        if "next_required_objective" in given and "next_required_objectives" in given:
            message = "next_required_objective stands beside next_required_objectives; keep one of them"
            yield ("next_required_objective",), "not_together", message


class Objectives(Shape):
    """A set of objectives as it is written."""

    name: str | None = optional("Name of the set, shown in lists.")
    data: list[Objective] = required("The goals, in the order they are worked through.", min_length=1)


FIELDS: Final[Mapping[str, Field]] = {
    "/data": Field(keyed_by="objective_name"),
    "/data/*/callback_url": Field(called=True),
    "/data/*/confirmation_mode": Field(defaults=("auto",)),
    "/data/*/modality": Field(defaults=("verbal",)),
    "/data/*/next_required_objectives": Field(single="next_required_objective"),
}


_SETTINGS: Final = ("confirmation_mode", "modality", "output_variables", "callback_url")


def normalise(body: Document) -> Document:
    """A set of objectives as read, in the spelling of `spec`."""
    return respell_set(body, {})


def flow(spec: Document) -> Graph:
    """Which goal leads to which: conditions stand at their edges, what must follow has none.

    Read leniently, for live objects are drawn as well: what has no name is left out, and a goal that is only named by
    others is drawn faint.
    """
    items = {name: item for item in _mappings(spec.get("data")) if (name := _name(item))}
    edges = tuple(edge for name, item in items.items() for edge in _ways(name, item))
    nodes = [Node(name, name, detail=_detail(item)) for name, item in items.items()]
    unknown = dict.fromkeys(edge.target for edge in edges if edge.target not in items)
    nodes += [Node(name, name, detail="not in this set", faint=True) for name in unknown]
    return Graph(tuple(nodes), edges, _text(spec.get("name")))


def _ways(name: str, item: Document) -> Iterator[Edge]:
    conditional, required = item.get("next_conditional_objectives"), item.get("next_required_objectives")
    for target in [*_texts(required), *_texts([item.get("next_required_objective")])]:
        yield Edge(name, target)
    for target, condition in conditional.items() if isinstance(conditional, dict) else ():
        yield Edge(name, str(target), _text(condition))


def _detail(item: Document) -> str:
    """All that the goal itself says: its prompt, and a line for each further setting."""
    rest = (f"{key}: {_listed(item[key])}" for key in _SETTINGS if not is_empty(item.get(key)))
    return "\n".join(filter(None, [_text(item.get("objective_prompt")), *rest]))


def _listed(value: Value) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _mappings(items: Value) -> Iterable[Document]:
    return (item for item in items if isinstance(item, dict)) if isinstance(items, list) else ()


def _texts(items: Value) -> Iterable[str]:
    return (item for item in items if isinstance(item, str) and item) if isinstance(items, list) else ()


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _name(item: Document) -> str:
    return _text(item.get("objective_name"))


OBJECTIVES: Final = ResourceKind(
    name="objectives",
    collection="/v2/objectives",
    id_fields=("objectives_id", "uuid", "id"),
    name_field="name",
    update=Update.JSON_PATCH,
    model=Objectives,
    fields=FIELDS,
    normalise=normalise,
    summary="A set of goals that a conversation works through.",
    whole="data",
    spellings={
        "/objectives_name": "name",
        "/objectives": "data",
        "/data/*/name": "objective_name",
        "/data/*/prompt": "objective_prompt",
        "/data/*/objectives_name": "objective_name",
        "/data/*/objectives_prompt": "objective_prompt",
        "/data/*/next_conditional_objective": "next_conditional_objectives",
    },
    flow=flow,
    computed=DROPPED,
)
