"""The graph of a set of objectives: which objectives follow each objective."""

from __future__ import annotations

from collections.abc import Sequence

from tavusctl.emulator.http.messages import Object, refuse_message

MAX_OBJECTIVES = 50


def check(data: Sequence[Object], *, loops: bool) -> None:
    """Refuse an empty or too long set, or unknown references; without `loops`, also a cycle or more than one root."""
    if not 1 <= len(data) <= MAX_OBJECTIVES:
        message = f"data must have between 1 and {MAX_OBJECTIVES} objectives"
        raise refuse_message(message)
    edges = {item["objective_name"]: _successors(item) for item in data}
    for name, successors in edges.items():
        unknown = [successor for successor in successors if successor not in edges]
        if unknown:
            message = f"objective '{name}' references unknown objective '{unknown[0]}'"
            raise refuse_message(message)
    if loops:
        return
    if _has_cycle(edges):
        message = "objectives must not form a cycle unless allow_loops is true"
        raise refuse_message(message)
    roots = set(edges) - {successor for successors in edges.values() for successor in successors}
    if len(roots) != 1:
        message = f"objectives must have a single root; found {len(roots)}"
        raise refuse_message(message)


def _successors(item: Object) -> list[str]:
    required, conditional = item.get("next_required_objective"), item.get("next_conditional_objectives")
    if required and conditional:
        message = "an objective may have next_required_objective or next_conditional_objectives, not both"
        raise refuse_message(message)
    return [required] if required else list(conditional or {})


def _has_cycle(edges: dict[str, list[str]]) -> bool:
    """Whether objectives are left after repeatedly removing those that nothing follows: they form a cycle."""
    remaining = dict(edges)
    while ends := [
        name for name, successors in remaining.items() if not any(successor in remaining for successor in successors)
    ]:
        for name in ends:
            del remaining[name]
    return bool(remaining)
