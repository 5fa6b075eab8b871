"""Lint rules for sets of objectives and the transitions between them.

The API accepts any set, but a conversation with a wrong one ends a second after it began.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Final

from tavusctl.core.messages import sanitized_name, shown, suggestion
from tavusctl.lib.graph import Graph
from tavusctl.lib.patterns import pattern
from tavusctl.lint.core import Finding, Subject, pointer_of, repeated_names, too_long

_CYCLE_LIMIT: Final = 10  # most cycles reported for one set
_CYCLE_NAMES_LIMIT: Final = 12  # most names shown of one cycle
_CYCLE_HINT: Final = "remove one of these transitions, or allow them with `allow_loops: true`"
_NAME: Final = pattern(r"[A-Za-z0-9_]+")
_LIMITS: Final = {"objective_name": 100, "objective_prompt": 10_000, "callback_url": 2_048}  # characters
_COUNT_LIMIT: Final = 50  # objectives of a set, or output variables of one


def _graph(subject: Subject) -> Graph:
    return subject.kind.conversation_graph(subject.spec) if subject.kind.conversation_graph else Graph()


def _transitions(graph: Graph) -> dict[str, list[str]]:
    targets: defaultdict[str, list[str]] = defaultdict(list)
    for edge in dict.fromkeys((edge.source, edge.target) for edge in graph.edges):
        targets[edge[0]].append(edge[1])
    return targets


def _indices(subject: Subject) -> dict[str, int]:
    """The index of each objective in the set, by name; of objectives with the same name, that of the first."""
    indices: dict[str, int] = {}
    for index, item in subject.items:
        indices.setdefault(str(item.get("objective_name")), index)
    return indices


def unknown_next_objective(subject: Subject) -> Iterator[Finding]:
    """Report a next objective that the set does not have."""
    indices, transitions = _indices(subject), _transitions(_graph(subject))
    for edge in _graph(subject).edges:
        if edge.target not in indices:
            pointer = _transition_pointer(subject, indices.get(edge.source, 0), edge.target)
            message = f"`{edge.source}` leads to {shown(edge.target)}, which is not in this set"
            # An objective from which the source can be reached, the source included, would close a cycle.
            predecessors = {name for name in indices if edge.source in _reachable(transitions, name)}
            hint = suggestion(edge.target, indices, predecessors | {*transitions[edge.source]})
            yield Finding(pointer, message, hint or "add an objective of that name to `data:`")


def unreachable_objective(subject: Subject) -> Iterator[Finding]:
    """Report an objective that cannot be reached from where the set begins, in a set that has transitions.

    That is the only objective to which none leads; where there are several or none, the first of the set.
    """
    graph, indices = _graph(subject), _indices(subject)
    if not graph.edges or not indices:
        return
    targets = {edge.target for edge in graph.edges}
    roots = [name for name in indices if name not in targets]
    start = roots[0] if len(roots) == 1 else next(iter(indices))
    reachable = _reachable(_transitions(graph), start)
    for name, index in indices.items():
        if name not in reachable:
            message = f"`{name}` cannot be reached from `{start}`"
            yield Finding(
                pointer_of("data", index), message, "name it as the next objective of another one, or remove it"
            )


def _reachable(transitions: Mapping[str, list[str]], start: str) -> set[str]:
    """The objectives that can follow an objective in a conversation, and that objective itself."""
    visited, queue = set[str](), [start]
    while queue:
        name = queue.pop()
        if name not in visited:
            visited.add(name)
            queue += transitions.get(name, [])
    return visited


def objective_cycle(subject: Subject) -> Iterator[Finding]:
    """Report cycles of transitions in a set without `allow_loops`: conversations with it end as soon as they start."""
    if subject.value_at("allow_loops") is True:
        return
    transitions, indices = _transitions(_graph(subject)), _indices(subject)
    has_no_end = bool(indices) and all(map(transitions.get, indices))
    for _ in range(_CYCLE_LIMIT):
        cycle = _find_cycle(transitions)
        if not cycle:
            return
        no_end = "; no objective of the set is the last one" if has_no_end else ""
        message = f"objective cycle: {_as_text(cycle)}; a conversation with it ends as soon as it starts{no_end}"
        yield Finding(_transition_pointer(subject, indices.get(cycle[0], 0), cycle[1]), message, _CYCLE_HINT)
        transitions[cycle[0]].remove(cycle[1])


def _find_cycle(transitions: Mapping[str, list[str]]) -> list[str]:
    try:
        TopologicalSorter(transitions).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))  # graphlib lists the cycle against the direction of the edges
    return []


def _as_text(cycle: list[str]) -> str:
    names = cycle if len(cycle) <= _CYCLE_NAMES_LIMIT else [*cycle[: _CYCLE_NAMES_LIMIT - 2], "…", cycle[-1]]
    return " -> ".join(names)


def _transition_pointer(subject: Subject, index: int, target: str) -> str:
    fields = ("next_conditional_objectives", "next_required_objectives", "next_required_objective")
    item = dict(subject.items).get(index, {})
    conditional, required, single = map(item.get, fields)
    if single == target:
        return pointer_of("data", index, fields[2])
    if isinstance(required, list) and target in required:
        return pointer_of("data", index, fields[1], required.index(target))
    if isinstance(conditional, dict) and target in conditional:
        return pointer_of("data", index, fields[0], target)
    return pointer_of("data", index)


def dead_end_objective(subject: Subject) -> Iterator[Finding]:
    """Report an objective whose only transition is conditional."""
    for index, item in subject.items:
        conditional = item.get("next_conditional_objectives")
        required = item.get("next_required_objectives") or item.get("next_required_objective")
        if isinstance(conditional, dict) and len(conditional) == 1 and not required:
            ((target, condition),) = conditional.items()
            if isinstance(condition, str) and not condition.strip():
                continue  # another rule asks for the condition
            pointer = pointer_of("data", index, "next_conditional_objectives", target)
            message = f"{shown(item.get('objective_name'))} leads only to {shown(target)}, and only under a condition"
            yield Finding(pointer, message, "add the next objective for the case that the condition is not met")


def duplicate_objective(subject: Subject) -> Iterator[Finding]:
    """Report two objectives with the same name in a set."""
    yield from repeated_names(subject, "objective")


def shared_output_variable(subject: Subject) -> Iterator[Finding]:
    """Report an output variable of two objectives of one conversation: the later value overwrites the earlier one.

    Two objectives of which none follows the other are branches, and a conversation takes one of them.
    """
    transitions = _transitions(_graph(subject))
    owners: defaultdict[str, list[str]] = defaultdict(list)
    for index, item in subject.items:
        own = str(item.get("objective_name"))
        for position, name in enumerate(_variables(item)):
            owner = next((one for one in owners[name] if one != own and _may_both_run(transitions, one, own)), None)
            owners[name].append(own)
            if owner:
                message = f"{shown(name)} is also an output variable of `{owner}`"
                yield Finding(
                    pointer_of("data", index, "output_variables", position),
                    message,
                    "rename one of them: the later value overwrites the earlier one",
                )


def _may_both_run(transitions: Mapping[str, list[str]], one: str, other: str) -> bool:
    """Whether a conversation may work through both of two objectives; in a set without transitions it may."""
    return not transitions or one in _reachable(transitions, other) or other in _reachable(transitions, one)


def invalid_output_variable(subject: Subject) -> Iterator[Finding]:
    """Report output variables that are not valid names of a variable."""
    for index, item in subject.items:
        for position, name in enumerate(_variables(item)):
            if not name.isidentifier():
                pointer = pointer_of("data", index, "output_variables", position)
                yield Finding(
                    pointer,
                    f"{shown(name)} is not a valid name of a variable",
                    "use letters, digits and underscores only",
                )


def refused_objective(subject: Subject) -> Iterator[Finding]:
    """Report what newer versions of the API refuse: names, lengths, and sets with several first objectives."""
    items = subject.items
    yield from too_long(subject.spec, {"name": 100})
    for index, item in items:
        name = item.get("objective_name")
        if isinstance(name, str) and not _NAME.fullmatch(name):
            valid_name = sanitized_name(name, r"\W+", "_", "a_name")
            message = f"newer versions of the API accept letters, digits and underscores only, found {shown(name)}"
            yield Finding(pointer_of("data", index, "objective_name"), message, f"write `{valid_name}`")
        yield from too_long(item, _LIMITS, "data", index)
        if len(_variables(item)) > _COUNT_LIMIT:
            message = f"{len(_variables(item))} output variables; newer versions of the API accept {_COUNT_LIMIT}"
            yield Finding(pointer_of("data", index, "output_variables"), message, "split the objective in two")
        yield from _required_list(subject, index, item.get("next_required_objectives"))
    if len(items) > _COUNT_LIMIT:
        message = f"{len(items)} objectives; newer versions of the API accept {_COUNT_LIMIT} in a set"
        yield Finding(pointer_of("data"), message, "split the set in two")
    if len(_indices(subject)) > 1 and not _graph(subject).edges and subject.value_at("allow_loops") is not True:
        message = "none of the objectives leads to another; newer versions of the API accept one first objective only"
        yield Finding(pointer_of("data"), message, "name the next objective of each but the last")


def _required_list(subject: Subject, index: int, names: object) -> Iterator[Finding]:
    """A finding on a list of required next objectives, where newer versions of the API accept one name only."""
    if not isinstance(names, list) or not names or not isinstance(names[0], str):
        return
    pointer, new_key = pointer_of("data", index, "next_required_objectives"), "next_required_objective"
    message = "newer versions of the API take one required next objective, under another key"
    if len(names) > 1:
        hint = "write them under `next_conditional_objectives`, each with the condition for it"
        yield Finding(pointer, f"{message}; found {len(names)}", hint)
        return
    rename = subject.edit(pointer, "rename", new_key)
    fix = (rename, subject.edit(pointer_of("data", index, new_key), "set", names[0]))
    yield Finding(pointer, message, f"write `{new_key}: {names[0]}`", fix=fix)


def ambiguous_next_objective(subject: Subject) -> Iterator[Finding]:
    """Report objectives with both a required next objective and conditional ones."""
    for index, item in subject.items:
        required = item.get("next_required_objectives") or item.get("next_required_objective")
        if required and item.get("next_conditional_objectives"):
            message = "newer versions of the API refuse a required next objective beside conditional ones"
            hint = "keep one of the two; write the required one under a condition"
            yield Finding(pointer_of("data", index, "next_conditional_objectives"), message, hint)


def _variables(item: Mapping[str, object]) -> list[str]:
    variables = item.get("output_variables")
    return [name for name in variables if isinstance(name, str)] if isinstance(variables, list) else []
