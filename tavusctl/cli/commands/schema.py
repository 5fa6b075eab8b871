"""`tavusctl schema`: the JSON Schemas of manifests, project file and plan."""

from __future__ import annotations

from pathlib import Path

import click

from tavusctl.app.init.schemas import schema_files, write_schemas
from tavusctl.core.errors import UsageError


@click.command("schema")
@click.argument("name", required=False)
@click.option("-o", "--out", type=click.Path(file_okay=False, path_type=Path), help="Write all schemas to this folder.")
def command(name: str | None, out: Path | None) -> None:
    """Print one JSON Schema, or write all of them to a folder for an editor.

    \b
    tavusctl schema persona
    tavusctl schema --out schemas
    """
    if out:
        click.echo(f"wrote {write_schemas(out)} schemas to {out}", err=True)
        return
    schemas = {file.removesuffix(".schema.json"): text for file, text in schema_files().items()}
    if name not in schemas:
        message = f"unknown schema `{name}`" if name else "missing argument NAME"
        raise UsageError(message, f"choose one of {', '.join(schemas)}, or use `--out DIR` for all")
    click.echo(schemas[name], nl=False)
