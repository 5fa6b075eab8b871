"""The nouns: addresses, resources, changes, diagnostics, errors, ports."""
