"""Live objects as the manifests that a careful person would have written.  Pure: bodies in, texts of files out."""

from tavusctl.writeback.export.files import Rendered, rendered
from tavusctl.writeback.export.manifest import UNTOLD, Exported, applied, described
from tavusctl.writeback.export.naming import addresses
from tavusctl.writeback.export.secretlist import with_secrets

__all__ = ["UNTOLD", "Exported", "Rendered", "addresses", "applied", "described", "rendered", "with_secrets"]
