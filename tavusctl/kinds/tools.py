"""Function tools, as the language model and the perception model take them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from tavusctl.shape import Quarrel, Shape, optional, required


class Function(Shape):
    """What a tool does and which arguments it takes."""

    name: str = required("Name by which the model calls the function; snake case by custom.", min_length=1)
    description: str | None = optional("When to call it, written for the model.")
    parameters: dict[str, Any] | None = optional("Arguments, as a JSON Schema object.")
    strict: bool | None = optional("Whether the model must keep to the parameters exactly.")


class Tool(Shape):
    """A tool: `{type: function, function: {name, description, parameters}}`, or flat `{name, description}`."""

    type: Literal["function"] | None = optional("Always `function`.")
    function: Function | None = optional("The function: name, description and parameters.")
    name: str | None = optional("Name of the function, in the flat form.", min_length=1)
    description: str | None = optional("When to call it, in the flat form.")
    parameters: dict[str, Any] | None = optional("Arguments as a JSON Schema object, in the flat form.")

    @classmethod
    def quarrels(cls, given: Mapping[str, Any]) -> Iterator[Quarrel]:
        """A tool is written in one of the two forms, whole."""
        flat = [key for key in ("name", "description", "parameters") if key in given]
        if "function" in given and flat:
            yield (flat[0],), "not_together", f"{flat[0]} stands beside function; move it inside function"
        elif "function" in given and "type" not in given:
            yield ("type",), "missing_key", "the tool has no type; write type: function"
        elif "function" not in given and "name" not in given:
            message = "the tool has no function; write function: {name, description, parameters}"
            yield ("function",), "missing_key", message
