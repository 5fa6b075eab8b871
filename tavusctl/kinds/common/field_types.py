"""Field types that several kinds share, with their own error messages; and the test for a blank value."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from tavusctl.core.messages import literal
from tavusctl.core.schema.model_fields import KnownValues
from tavusctl.lib.json_types import Json
from tavusctl.secrets.redaction import shortened

_WEB: Final = r"https?://[^\s/]\S*"
_SECURE: Final = r"https://[^\s/]\S*"
_TRUTH: Final = {"true": True, "false": False}


def optional(description: str, **constraints: Any) -> Any:
    """A field that may be left out, which means null; `constraints` are those of pydantic's `Field`."""
    return Field(None, description=description, **constraints)


def blank(value: object) -> bool:
    """Whether a value is None, or a text that is empty or only white space."""
    return value is None or (isinstance(value, str) and not value.strip())


def matching(pattern: str, words: Callable[[str], str]) -> AfterValidator:
    """A validator for a text that must match a pattern completely; `words` makes the error message for other texts."""

    def match(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(words(value))
        return value

    return AfterValidator(match)


class PatternSchema:
    """The pattern of a text in the JSON Schema, for editors, beside the limits that its field has."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern

    def __get_pydantic_json_schema__(self, core: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """The JSON Schema of the text with the pattern."""
        return {**handler(core), "pattern": f"^{self.pattern}$"}


def _not_blank(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("blank_text", "Input should not be only white space")
    return value


def _no_web_address(value: str) -> str:
    scheme, colon, rest = value.strip().partition("://")
    suggestion = f"{scheme.lower()}://{rest}" if colon else f"https://{scheme}"
    is_host = colon or re.match(r"www\.|[\w-]+(\.[\w-]+)*\.[a-z]{2,}(:\d+)?/", scheme)
    if is_host and re.fullmatch(_WEB, suggestion):
        return f"expected an absolute URL, found {literal(shortened(value, 80))}; write `{shortened(suggestion, 80)}`"
    return (
        "expected a URL that starts with `https://` or `http://` "
        f"and has no spaces, found {literal(shortened(value, 80))}"
    )


def _not_secure(value: str) -> str:
    scheme, colon, rest = value.strip().partition("://")
    suggestion = f"https://{rest}" if colon and scheme.lower() in ("http", "https") else ""
    advice = f"; write `{shortened(suggestion, 80)}`" if re.fullmatch(_SECURE, suggestion) else ""
    return (
        f"expected a URL that starts with `https://` and has no spaces, found {literal(shortened(value, 80))}{advice}"
    )


def _truth(value: Json) -> Json:
    return _TRUTH.get(value, value) if isinstance(value, str) else value


Truth = Annotated[bool, BeforeValidator(_truth), WithJsonSchema({"anyOf": [{"type": "boolean"}, {"enum": [*_TRUTH]}]})]
# A text that must not be empty, nor only white space.
Filled = Annotated[str, Field(min_length=1), AfterValidator(_not_blank)]
Modality = Annotated[str, KnownValues("verbal", "visual", "audio")]
WebAddress = Annotated[str, matching(_WEB, _no_web_address), PatternSchema(_WEB)]
SecureAddress = Annotated[str, matching(_SECURE, _not_secure), PatternSchema(_SECURE)]
