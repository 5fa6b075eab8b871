"""Function tools, in the form that the language model and the perception model accept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from tavusctl.core.schema.spec_model import Model, Violation, cross_field_validator
from tavusctl.lib.json_types import JsonObject


class Function(Model):
    """What a tool does and which arguments it takes."""

    name: str = Field(description="Name by which the model calls the function; snake case by custom.", min_length=1)
    description: str | None = Field(None, description="When to call it, written for the model.")
    parameters: dict[str, Any] | None = Field(None, description="Arguments, as a JSON Schema object.")
    strict: bool | None = Field(None, description="Whether the model must keep to the parameters exactly.")


class Tool(Model):
    """A tool: `{type: function, function: {name, description, parameters}}`, or flat `{name, description}`."""

    type: Literal["function"] | None = Field(None, description="Always `function`.")
    function: Function | None = Field(None, description="The function: name, description and parameters.")
    name: str | None = Field(None, description="Name of the function, in the flat form.", min_length=1)
    description: str | None = Field(None, description="When to call it, in the flat form.")
    parameters: dict[str, Any] | None = Field(None, description="Arguments as a JSON Schema object, in the flat form.")

    @cross_field_validator
    @classmethod
    def has_one_form(cls, given: JsonObject) -> Iterator[Violation]:
        """A tool has exactly one of the two forms, with the keys that it needs."""
        flat = [key for key in ("name", "description", "parameters") if key in given]
        if "function" in given and flat:
            yield (flat[0],), "not_together", f"`{flat[0]}` is beside `function`; move it inside `function`"
        elif "function" in given and "type" not in given:
            yield ("type",), "missing_key", "the key `type` is missing; add `type: function`"
        elif "function" not in given and "name" not in given:
            message = "the key `function` is missing; add `function: {name, description, parameters}`"
            yield ("function",), "missing_key", message
