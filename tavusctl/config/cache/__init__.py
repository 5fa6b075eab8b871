"""The cache of manifests between runs."""
