"""From bytes to manifests and diagnostics: project file, manifests, included files, expressions."""
