"""`tavusctl schema`: the JSON Schemas of manifests, project file and plan."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tavusctl.cli import writing
from tavusctl.errors import UsageError
from tavusctl.kinds import KINDS
from tavusctl.kinds.schema import all_schemas
from tavusctl.redaction import Record


@click.command("schema")
@click.argument("name", required=False)
@click.option(
    "-o", "--out", type=click.Path(file_okay=False, path_type=Path), help="Write every schema into this folder."
)
def command(name: str | None, out: Path | None) -> None:
    """Print one schema, or write all of them for an editor.

    \b
    tavusctl schema persona
    tavusctl schema --out schemas
    """  # noqa: D301
    schemas = all_schemas(KINDS)
    names = {file.removesuffix(".schema.json"): file for file in schemas}
    if out:
        writing.where(out)
        linked = next((out / file for file in schemas if (out / file).is_symlink()), None)
        if linked:
            message = f"{linked} is a link, and what it leads to would be overwritten"
            raise UsageError(message, "remove the link, or choose another folder", id="E1210")
        out.mkdir(parents=True, exist_ok=True)
        for file, schema in schemas.items():
            writing.write(out / file, Record(text(schema)), rights=writing.PUBLIC)
        click.echo(f"{len(schemas)} schemas written to {out}", err=True)
    elif name in names:
        click.echo(text(schemas[names[name]]), nl=False)
    else:
        message = f"there is no schema {name!r}" if name else "which schema?"
        raise UsageError(message, f"one of {', '.join(names)}; or --out DIR for all")


def text(schema: object) -> str:
    """A schema as the bytes of its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
