"""Performance promises, each with its limit and the measured figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Gate:
    """A promise: the measured figure and its upper limit."""

    promise: str
    measured: float
    most: float

    @property
    def kept(self) -> bool:
        """Whether the figure is within the limit."""
        return self.measured <= self.most


def gate_lines(gates: list[Gate]) -> Iterator[str]:
    """The gates as a Markdown table."""
    yield "| promise | measured | at most | |"
    yield "|---|---:|---:|---|"
    for gate in gates:
        yield f"| {gate.promise} | {gate.measured:.4g} | {gate.most:g} | {'kept' if gate.kept else '**broken**'} |"
