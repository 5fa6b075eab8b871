"""The references in `outputs:` of the project file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tavusctl.core.address import Source
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.messages import suggestion
from tavusctl.core.model import Manifest
from tavusctl.core.project_settings import FILE, Output


def unknown_outputs(
    outputs: Mapping[str, Output], known: Collection[str], manifests: Sequence[Manifest]
) -> list[Diagnostic]:
    """A diagnostic for each unknown address in outputs; for a renamed resource, the hint has the new address."""
    moved = {str(old): one.address for one in manifests for old in one.moved_from}
    return [
        Diagnostic(
            "TV119",
            f"outputs.{name}: unknown resource `{address}`",
            Source(FILE, *place),
            f"write `{moved[address]}`, its new address" if address in moved else suggestion(address, known),
        )
        for name, output in outputs.items()
        for address, place in zip(output.addresses, output.places, strict=True)
        if address not in known
    ]
