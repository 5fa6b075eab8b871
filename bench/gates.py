"""Promises with figures: what was measured, and whether it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Gate:
    """A promise, what was measured, and whether it is kept."""

    promise: str
    measured: float
    most: float

    @property
    def kept(self) -> bool:
        """Whether the measured is within bounds."""
        return self.measured <= self.most


def gate_lines(gates: list[Gate]) -> Iterator[str]:
    """The gates as a table."""
    yield "| promise | measured | at most | |"
    yield "|---|---:|---:|---|"
    for gate in gates:
        yield f"| {gate.promise} | {gate.measured:.4g} | {gate.most:g} | {'kept' if gate.kept else '**broken**'} |"
