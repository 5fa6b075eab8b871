"""Pages of documents that have a JSON Schema: the project file, and a plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tavusctl.config.project_file.project_schema import for_project
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
    """The page of the project file."""
    return "\n".join([PROJECT, *_objects("", for_project(), {})])


def plan_page() -> str:
    """The page of a plan."""
    schema = for_plan()
    lines = [PLAN, *_objects("", schema, schema["$defs"])]
    for name, inner in sorted(schema["$defs"].items()):
        if "properties" in inner:
            lines += [f"## {name}", "", inner.get("description", ""), "", *_rows(inner), ""]
    return "\n".join(lines)


def _objects(path: str, schema: Schema, shapes: Schema) -> Iterator[str]:
    """One table for each object, the outermost first."""
    yield f"## `{path}`" if path else "## Keys"
    yield ""
    yield from _rows(schema)
    yield ""
    for name, member in schema.get("properties", {}).items():
        inner = f"{path}.{name}" if path else name
        if "properties" in member:
            yield from _objects(inner, member, shapes)
        elif "properties" in (entry := _entry(member)):
            yield from _objects(f"{inner}.NAME", entry, shapes)


def _entry(member: Schema) -> Schema:
    found = member.get("additionalProperties")
    return found if isinstance(found, dict) else {}


def _rows(schema: Schema) -> Iterator[str]:
    required = schema.get("required", ())
    rows = [
        (f"`{name}`", cell(_sort(one) + (", always there" if name in required else "")), cell(_meaning(one)))
        for name, one in schema["properties"].items()
    ]
    return table(HEAD, rows)


def _meaning(member: Schema) -> str:
    text: str = member.get("description", "")
    if values := member.get("enum"):
        text += f" One of {', '.join(f'`{value}`' for value in values)}."
    if "const" in member:
        text += f" Always `{json.dumps(member['const'])}`."
    return text.strip()


def _sort(member: Schema) -> str:
    """The type in words; another table of the same page is a link."""
    if "$ref" in member:
        name = str(member["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in member:
        return " or ".join(dict.fromkeys(_sort(one) for one in member["anyOf"]))
    if "items" in member:
        return f"list of {_sort(member['items'])}"
    if entry := _entry(member):
        return f"mapping of names to {_sort(entry)}" if entry else "mapping"
    sort = member.get("type", "any value")
    return " or ".join(one for one in sort if one != "null") if isinstance(sort, list) else str(sort)
