"""Objectives: a set of goals with branches that a conversation works through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from tavusctl.core.json_tree import is_empty
from tavusctl.core.messages import sanitized_name, shown
from tavusctl.core.resource_kind import FieldTraits, Listing, ResourceKind, Update
from tavusctl.core.schema.model_fields import KnownValues
from tavusctl.core.schema.spec_model import Model, Violation, cross_field_validator
from tavusctl.kinds.common.field_types import Filled, Modality, PatternSchema, matching, optional
from tavusctl.kinds.common.normalise import COMPUTED_OF_SETS, normaliser_of_sets
from tavusctl.lib.graph import Edge, Graph, Node
from tavusctl.lib.json_types import Json, JsonObject


def _no_name(value: str) -> str:
    suggestion = sanitized_name(value, r"\W+", "_", "a_name")
    return f"an objective name must not contain white space, found {shown(value)}; write `{suggestion}`"


_NAME: Final = r"\S+"
ObjectiveName = Annotated[str, matching(_NAME, _no_name), PatternSchema(_NAME)]


class Objective(Model):
    """One goal, and where the conversation goes from it."""

    objective_name: ObjectiveName = Field(
        description="Name of the goal, without white space; others lead to it by this name."
    )
    objective_prompt: Filled = Field(description="What is to be reached.")
    confirmation_mode: Annotated[str, KnownValues("auto", "manual")] | None = optional(
        "`auto`: the model decides when it is reached; `manual`: your side does."
    )
    output_variables: list[str] | None = optional("Names of the values that the conversation collects.")
    modality: Modality | None = optional("Whether it is reached by what is said, seen or heard.")
    next_conditional_objectives: dict[str, str | None] | None = optional(
        "Goals that may follow: name, and the condition for it."
    )
    next_required_objectives: list[str] | None = optional("Goals that must follow.")
    next_required_objective: str | None = optional("The goal that must follow, when there is one.")
    callback_url: str | None = optional("URL that is called when the goal is reached.")
    tool_call: dict[str, Any] | None = optional("Call of a function that goes with the goal.")

    @cross_field_validator
    @classmethod
    def has_one_list_of_next_goals(cls, given: JsonObject) -> Iterator[Violation]:
        """The required next goals are written either as one name or as a list."""
        if "next_required_objective" in given and "next_required_objectives" in given:
            message = "`next_required_objective` and `next_required_objectives` are mutually exclusive; remove one"
            yield ("next_required_objective",), "not_together", message


class Objectives(Model):
    """A set of objectives as it is written."""

    name: str | None = optional("Name of the set, shown in lists.")
    allow_loops: bool | None = optional("Whether goals may lead back to earlier ones.")
    data: list[Objective] = Field(description="The goals, in the order they are worked through.", min_length=1)


FIELDS: Final[Mapping[str, FieldTraits]] = {
    "/allow_loops": FieldTraits(defaults=(False,)),
    "/data": FieldTraits(keyed_by="objective_name"),
    "/data/*": FieldTraits(read_in_part=True),
    "/data/*/callback_url": FieldTraits(receives_data=True),
    "/data/*/confirmation_mode": FieldTraits(defaults=("auto",)),
    "/data/*/modality": FieldTraits(defaults=("verbal",)),
    "/data/*/next_required_objectives": FieldTraits(scalar_alias="next_required_objective"),
}


_SETTINGS: Final = ("confirmation_mode", "modality", "output_variables", "callback_url")


def flow(spec: JsonObject) -> Graph:
    """The graph of goals: an edge to a conditional goal is labelled with its condition, one to a required goal is not.

    Invalid specs are accepted, because live objects are drawn as well: goals without a name are left out, and a goal
    that is not in the set, but named by another goal, is drawn faint.
    """
    goals = data if isinstance(data := spec.get("data"), list) else []
    named = ((_text(goal.get("objective_name")), goal) for goal in goals if isinstance(goal, dict))
    items = {name: goal for name, goal in named if name}
    edges = tuple(edge for name, item in items.items() for edge in _edges(name, item))
    nodes = [Node(name, name, detail=_detail(item)) for name, item in items.items()]
    unknown = dict.fromkeys(edge.target for edge in edges if edge.target not in items)
    nodes += [Node(name, name, detail="not in this set", faint=True) for name in unknown]
    return Graph(tuple(nodes), edges, _text(spec.get("name")))


def _edges(name: str, item: JsonObject) -> Iterator[Edge]:
    conditional, required = item.get("next_conditional_objectives"), item.get("next_required_objectives")
    for target in [*_texts(required), *_texts([item.get("next_required_objective")])]:
        yield Edge(name, target)
    for target, condition in conditional.items() if isinstance(conditional, dict) else ():
        yield Edge(name, str(target), _text(condition))


def _detail(item: JsonObject) -> str:
    """The details of a goal: its prompt, and a line for each further setting."""
    settings = (f"{key}: {_joined_text(item[key])}" for key in _SETTINGS if not is_empty(item.get(key)))
    return "\n".join(filter(None, [_text(item.get("objective_prompt")), *settings]))


def _joined_text(value: Json) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _texts(items: Json) -> Iterable[str]:
    return (item for item in items if isinstance(item, str) and item) if isinstance(items, list) else ()


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


OBJECTIVES: Final = ResourceKind(
    name="objectives",
    collection="/v2/objectives",
    id_fields=("objectives_id", "uuid", "id"),
    name_field="name",
    update=Update.JSON_PATCH,
    model=Objectives,
    fields=FIELDS,
    normalise=normaliser_of_sets({}),
    summary="A set of goals that a conversation works through.",
    listing=Listing(completeness_key="data"),
    key_aliases={
        "/objectives_name": "name",
        "/objectives": "data",
        "/data/*/name": "objective_name",
        "/data/*/prompt": "objective_prompt",
        "/data/*/objectives_name": "objective_name",
        "/data/*/objectives_prompt": "objective_prompt",
        "/data/*/next_conditional_objective": "next_conditional_objectives",
    },
    conversation_graph=flow,
    computed=COMPUTED_OF_SETS,
)
