"""The graph of a set of objectives: who follows whom."""

from __future__ import annotations

from collections.abc import Sequence

from tavusctl.emulator.http.messages import Object, refuse_message

MOST = 50


def check(data: Sequence[Object], *, loops: bool) -> None:
    """Refuse a set that has no beginning, more than one, no end, or that leads nowhere; `loops` are allowed or not."""
    if not 1 <= len(data) <= MOST:
        message = f"data must have between 1 and {MOST} objectives"
        raise refuse_message(message)
    edges = {item["objective_name"]: _next(item) for item in data}
    for name, following in edges.items():
        unknown = [one for one in following if one not in edges]
        if unknown:
            message = f"objective '{name}' references unknown objective '{unknown[0]}'"
            raise refuse_message(message)
    if loops:
        return
    if _has_cycle(edges):
        message = "objectives must not form a cycle unless allow_loops is true"
        raise refuse_message(message)
    roots = set(edges) - {one for following in edges.values() for one in following}
    if len(roots) != 1:
        message = f"objectives must have a single root; found {len(roots)}"
        raise refuse_message(message)


def _next(item: Object) -> list[str]:
    required, conditional = item.get("next_required_objective"), item.get("next_conditional_objectives")
    if required and conditional:
        message = "an objective may have next_required_objective or next_conditional_objectives, not both"
        raise refuse_message(message)
    return [required] if required else list(conditional or {})


def _has_cycle(edges: dict[str, list[str]]) -> bool:
    """Whether taking away what leads nowhere leaves something."""
    left = dict(edges)
    while ends := [name for name, following in left.items() if not any(one in left for one in following)]:
        for name in ends:
            del left[name]
    return bool(left)
