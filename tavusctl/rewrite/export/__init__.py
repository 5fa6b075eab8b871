"""Live objects as manifests that a careful person could have written.  Pure: bodies in, texts of files out."""

from tavusctl.rewrite.export.manifest import UNTOLD, Exported, applied, described, shared_names
from tavusctl.rewrite.export.names import addresses
from tavusctl.rewrite.export.rendered_files import Rendered, rendered
from tavusctl.rewrite.export.secret_names import secrets_in, with_secrets

__all__ = [
    "UNTOLD",
    "Exported",
    "Rendered",
    "addresses",
    "applied",
    "described",
    "rendered",
    "secrets_in",
    "shared_names",
    "with_secrets",
]
