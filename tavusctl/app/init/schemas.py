"""Write the JSON Schemas of a project as files, for editors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tavusctl.app.files import file_writer
from tavusctl.app.json_schemas import all_schemas
from tavusctl.core.errors import UsageError
from tavusctl.secrets.redaction import Record


def schema_files() -> Mapping[str, str]:
    """The text of every schema by the name of its file."""
    return {name: text(schema) for name, schema in all_schemas().items()}


def write_schemas(out: Path) -> int:
    """Write every schema into a folder; return their number.  UsageError if one would overwrite through a link."""
    schemas = schema_files()
    file_writer.real_path(out)
    file_writer.make_folder(out)
    linked = next((out / file for file in schemas if (out / file).is_symlink()), None)
    if linked:
        message = f"`{linked}` is a symbolic link, whose target would be overwritten"
        raise UsageError(message, "remove the link, or choose another folder", id="E1210")
    for file, schema in schemas.items():
        file_writer.write(out / file, Record(schema), rights=file_writer.PUBLIC)
    return len(schemas)


def text(schema: object) -> str:
    """A schema as the text of its file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
