"""The graph of a set of objectives: which objectives follow each objective."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from tavusctl.emulator.http.messages import Object, refuse_message

MAX_OBJECTIVES = 50


def check(data: Sequence[Object], *, loops: bool) -> None:
    """Refuse an empty or too long set, or unknown references; without `loops`, also a cycle or more than one root."""
    if not 1 <= len(data) <= MAX_OBJECTIVES:
        raise refuse_message(f"data must have between 1 and {MAX_OBJECTIVES} objectives")
    edges = {item["objective_name"]: _successors(item) for item in data}
    for name, successors in edges.items():
        unknown = [successor for successor in successors if successor not in edges]
        if unknown:
            raise refuse_message(f"objective '{name}' references unknown objective '{unknown[0]}'")
    if loops:
        return
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        raise refuse_message("objectives must not form a cycle unless allow_loops is true") from error
    roots = set(edges) - {successor for successors in edges.values() for successor in successors}
    if len(roots) != 1:
        raise refuse_message(f"objectives must have a single root; found {len(roots)}")


def _successors(item: Object) -> list[str]:
    required, conditional = item.get("next_required_objective"), item.get("next_conditional_objectives")
    if required and conditional:
        raise refuse_message("an objective may have next_required_objective or next_conditional_objectives, not both")
    return [required] if required else list(conditional or {})
