"""What is taken for a plain JSON Schema is one: the validator that is not asked would have nothing to say."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
from hypothesis import given
from hypothesis import strategies as st

from tavusctl import lint
from tavusctl.core.address import Address, Source
from tavusctl.core.model import Manifest
from tavusctl.kinds import KINDS
from tavusctl.lib.json_types import JsonObject

META = jsonschema_rs.Draft202012Validator({"$ref": "https://json-schema.org/draft/2020-12/schema"})
TYPES = ["object", "array", "string", "number", "integer", "boolean", "null", "text", "", None, ["string", "null"]]
WORDS = st.sampled_from(["", "a", "b", "c"])
ANY: st.SearchStrategy[Any] = st.sampled_from([None, True, 0, 1.5, "a", [], {}, ["a", "a"], {"type": "text"}])


def schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects with the keys of a schema, and values that mostly may stand there."""
    known = {
        "title": WORDS | ANY,
        "description": WORDS | ANY,
        "properties": st.dictionaries(WORDS, inner, max_size=3) | ANY,
        "required": st.lists(WORDS, max_size=3) | ANY,
        "items": inner | ANY,
        "enum": st.lists(ANY, max_size=2) | ANY,
        "minimum": ANY,
        "unknown": ANY,
    }
    return st.fixed_dictionaries({"type": st.sampled_from(TYPES)}, optional=known)


@given(schemas(st.recursive(schemas(ANY), schemas, max_leaves=4)))
def test_a_remark_is_made_exactly_where_the_validator_has_one(parameters: dict[str, Any]) -> None:
    tool: JsonObject = {
        "type": "function",
        "function": {"name": "wave", "description": "Wave.", "parameters": parameters},
    }
    spec: JsonObject = {"system_prompt": "Be kind.", "layers": {"llm": {"tools": [tool]}}}
    manifest = Manifest(Address("persona", "guide"), spec, Source("m.yaml", 1, 1))
    found = lint.check(lint.Project((manifest,)), KINDS)
    told = any(
        "JSON Schema" in one.diagnostic.message or "not a JSON Schema of an object" in one.diagnostic.message
        for one in found
    )
    assert told is (parameters["type"] != "object" or not META.is_valid(parameters))
