"""Reference pages of the documents that have a JSON Schema: the project file and the plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tavusctl.app.json_schemas import for_project
from tavusctl.reports.plan_schema import for_plan
from tests.pages.markdown import cell, table

Schema = dict[str, Any]
HEAD = ("Key", "Type", "Meaning")
PROJECT = """\
# The project file, `tavusctl.yaml`

The folder of this file is the project. Every key is optional.

```yaml
version: 1
manifests: manifests                    # every *.yaml and *.yml below it, in any layout
secrets: [OPENAI_API_KEY]               # variables that manifests may read, and nothing else
environments:                           # choose one with --env NAME or TAVUSCTL_ENV
  staging:
    account: acme-staging               # a label; bound to the account on first use
    api_key_env: TAVUS_API_KEY_STAGING  # without it: TAVUS_API_KEY
    vars: {brand: Acme (staging)}
safety: {max_deletes: 5, max_delete_ratio: 0.3}
uploads: s3://acme-docs/tavus           # where files of documents go
outputs:
  VITE_TAVUS_PERSONA_ID: persona/sales-coach
```

The address of the API never stands in the repository. `--base-url` or `TAVUS_BASE_URL` sets it; the default is
`https://tavusapi.com`. Anything but https needs an address of this machine.
"""
PLAN = """\
# A plan as JSON

`tavusctl plan --format json` prints this document, and a plan file holds it. It has no secrets. Within `format_version`
1.x keys may be added; none is removed, and none changes its meaning. `schemas/plan.schema.json` is its schema.
[Policies](../policies.md) read it.
"""


def project_page() -> str:
    """The Markdown text of the page of the project file."""
    return "\n".join([PROJECT, *_objects("", for_project(), {})])


def plan_page() -> str:
    """The Markdown text of the page of the plan."""
    schema = for_plan()
    lines = [PLAN, *_objects("", schema, schema["$defs"])]
    for name, inner in sorted(schema["$defs"].items()):
        if "properties" in inner:
            lines += [f"## {name}", "", inner.get("description", ""), "", *_rows(inner), ""]
    return "\n".join(lines)


def _objects(path: str, schema: Schema, shapes: Schema) -> Iterator[str]:
    """One section with a table for each object, the outermost first."""
    yield f"## `{path}`" if path else "## Keys"
    yield ""
    yield from _rows(schema)
    yield ""
    for name, member in schema.get("properties", {}).items():
        inner = f"{path}.{name}" if path else name
        if "properties" in member:
            yield from _objects(inner, member, shapes)
        elif "properties" in (entry := _mapping_values(member)):
            yield from _objects(f"{inner}.NAME", entry, shapes)


def _mapping_values(member: Schema) -> Schema:
    values_schema = member.get("additionalProperties")
    return values_schema if isinstance(values_schema, dict) else {}


def _rows(schema: Schema) -> Iterator[str]:
    required = schema.get("required", ())
    rows = [
        (f"`{key}`", cell(_type_text(value) + (", always there" if key in required else "")), cell(_meaning(value)))
        for key, value in schema["properties"].items()
    ]
    return table(HEAD, rows)


def _meaning(member: Schema) -> str:
    text: str = member.get("description", "")
    if values := member.get("enum"):
        text += f" One of {', '.join(f'`{value}`' for value in values)}."
    if "const" in member:
        text += f" Always `{json.dumps(member['const'])}`."
    return text.strip()


def _type_text(member: Schema) -> str:
    """The type of a member in words; a type that has a table on the same page is a link to it."""
    if "$ref" in member:
        name = str(member["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in member:
        return " or ".join(dict.fromkeys(_type_text(choice) for choice in member["anyOf"]))
    if "items" in member:
        return f"list of {_type_text(member['items'])}"
    if entry := _mapping_values(member):
        return f"mapping of names to {_type_text(entry)}" if entry else "mapping"
    types = member.get("type", "any value")
    return " or ".join(name for name in types if name != "null") if isinstance(types, list) else str(types)
