"""Format manifests without changing their meaning."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct, field

from tavusctl.app.json_schemas import schema_file
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.manifests import without_manifests
from tavusctl.app.session.opening import report_skipped
from tavusctl.config import files, manifest_files, yaml12
from tavusctl.config.limits import MAX_YAML_BYTES, Budget, LimitExceededError
from tavusctl.config.spec import plain_secrets
from tavusctl.config.yaml12 import Parsed
from tavusctl.core.address import Source
from tavusctl.core.diagnostics import Diagnostic, errors_in, redacted_diagnostics
from tavusctl.core.errors import ConfigError
from tavusctl.rewrite.formatter import format_document
from tavusctl.secrets.redaction import redactor_for


class Formatting(Struct):
    """The files that formatting changes, before and after, and the diagnostics about files that cannot be read."""

    before: dict[str, bytes] = {}
    after: dict[str, bytes] = {}
    read: set[str] = set()  # the paths of files, links resolved
    diagnostics: list[Diagnostic] = []
    budget: Budget = field(default_factory=Budget)

    def format_file(self, path: Path, root: Path, *, overlay: bool) -> None:
        """Format one file and record the result, or why it cannot be read; `overlay` selects the schema.

        A file with several names is formatted once, under the first of them.
        """
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        try:
            content, real_name = files.read_bytes(path, root, MAX_YAML_BYTES), files.real_name(path, root)
        except files.UnreadableFileError as error:
            self.diagnostics.append(Diagnostic("TV110", f"the file {error}", Source(name, 1, 1)))
            return
        if real_name in self.read:
            return
        self.read.add(real_name)
        self.budget.count(Source(name, 1, 1), files=1, manifests=len(content))
        parsed = yaml12.read(content, name)
        self.budget.count(Source(name, 1, 1), values=parsed.values)
        errors = errors_in(parsed.diagnostics)
        self.diagnostics += redacted_diagnostics(errors, redactor_for(content.decode("utf-8", "replace")))
        new_content = (
            content if errors else format_document(content, name, _schema(parsed, path, root, overlay=overlay))
        )
        if new_content != content:
            self.before[name], self.after[name] = content, new_content
            for document in parsed.documents:
                plain_secrets.register_secrets(document.value)


def fmt(session: LocalSession, paths: Sequence[Path]) -> Formatting:
    """The changes that formatting would make; nothing is written.  ConfigError if a file cannot be read.

    RefusedError if the project has no manifest: a check in a wrong folder must not pass.
    """
    formatting = Formatting()
    report_skipped(session, paths)
    try:
        for folder in manifest_files.folders(session.project):
            found = manifest_files.find(session.project, folder, paths, formatting.diagnostics, formatting.budget)
            for path in sorted(found, key=Path.is_symlink):  # the file itself before links to it
                formatting.format_file(path, session.root, overlay=folder != Path(session.project.manifests))
    except LimitExceededError as error:
        formatting.diagnostics.append(error.diagnostic)
    if errors_in(formatting.diagnostics):
        raise ConfigError(formatting.diagnostics)
    if not paths and not formatting.read:
        raise without_manifests(session)
    return formatting


def _schema(parsed: Parsed, path: Path, root: Path, *, overlay: bool) -> str:
    """The relative path from a file to its schema; empty if the project has none, or the file has several kinds."""
    kinds = {str(document.value.get("kind")) for document in parsed.documents if isinstance(document.value, dict)}
    schemas = [root / "schemas" / schema_file(kind, overlay=overlay) for kind in kinds]
    is_found = len(schemas) == 1 and schemas[0].is_file()
    return Path(os.path.relpath(schemas[0], path.parent)).as_posix() if is_found else ""
