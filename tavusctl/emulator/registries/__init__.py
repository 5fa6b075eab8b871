"""Registries of today: single guardrails, tools, voices, dictionaries, deployments, connectors."""
