"""Pydantic models of manifests and of the project file: their fields, rules and JSON Schemas."""
