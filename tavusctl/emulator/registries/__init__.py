"""Registries of the era `today`: single guardrails, tools, voices, dictionaries, deployments, connectors."""
