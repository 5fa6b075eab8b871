"""The core types: addresses, resources, changes, diagnostics, errors and ports."""
