"""Live objects as manifests that a careful person could have written.  Pure: bodies in, texts of files out."""

from tavusctl.rewrite.export.manifest import SOURCE_NOT_RETURNED, Exported, export_manifest, recorded_base, shared_names
from tavusctl.rewrite.export.names import addresses
from tavusctl.rewrite.export.rendered_files import Rendered, render
from tavusctl.rewrite.export.secret_names import secrets_in, with_secrets

__all__ = [
    "SOURCE_NOT_RETURNED",
    "Exported",
    "Rendered",
    "addresses",
    "export_manifest",
    "recorded_base",
    "render",
    "secrets_in",
    "shared_names",
    "with_secrets",
]
