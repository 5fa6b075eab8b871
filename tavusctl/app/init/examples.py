"""The texts of the files of a new project."""

from __future__ import annotations

from collections.abc import Mapping

EXTENSIONS = """\
{
  "recommendations": ["redhat.vscode-yaml"]
}
"""
ASSISTANTS = """\
# For assistants that edit this project

This folder declares the personas of a Tavus account. Read `tavusctl explain KIND` before you write a manifest.

- The prompts are Markdown files in `{manifests}/prompts/`. Everything else of an object is in its YAML file.
- `kind:` and `name:` of a manifest are its address. Do not change `name:`, unless you add `moved_from: KIND/OLD-NAME`.
- Write `${{ref:KIND/NAME}}` for another object, and `${{file:prompts/NAME.md}}` for a file. Never make up an id.
- Never write a key. Write `${{secret:NAME}}`, and list NAME under `secrets:` in tavusctl.yaml.
- After each edit run `tavusctl fmt` and `tavusctl validate`, and do what the hints say.
- `tavusctl plan` shows what the edit would change; it changes nothing. Show its output to the person you work for.
- Do not run `apply`, `destroy`, `undo`, `import` or `state`: a person does.
- Do not read `.env`, and leave `.tavusctl/` and `schemas/` alone.
"""
IGNORED = (".tavusctl/", ".env")
PROJECT = """\
# yaml-language-server: $schema=schemas/project.schema.json
version: 1
manifests: manifests
# Environment variables that manifests may read as ${secret:NAME}, and nothing else:
secrets: []
safety: {max_deletes: 5, max_delete_ratio: 0.3}
"""
STATE_IN_FILE = """\
# The API key is in TAVUS_API_KEY, and the state is a file in .tavusctl. For another account, add an environment, and
# choose it with --env:
#   staging: {account: acme-staging, api_key_env: TAVUS_API_KEY_STAGING}
environments:
  default: {}
"""
STATE_IN_GIT = """\
# The API key is in TAVUS_API_KEY. The state is in the ref {ref} of the remote "origin", for everybody
# who can push there; without any remote, it is in this repository. For another account, add an environment, and
# choose it with --env:
#   staging: {{state: git, account: acme-staging, api_key_env: TAVUS_API_KEY_STAGING}}
environments:
  default: {{state: git}}
"""
DEMO = """\
# An emulator of Tavus takes the place of an account: each command starts it, and its account is in .tavusctl/demo.
# For an account of your own, add an environment, and choose it with --env:
#   prod: {account: acme}    # a label; the API key is in TAVUS_API_KEY
environments:
  demo: {demo: true}
"""
PERSONA = """\
# yaml-language-server: $schema=../../schemas/persona.schema.json
kind: persona
name: assistant
spec:
  persona_name: Assistant
  system_prompt: ${file:prompts/assistant.md}
  default_replica_id: ${ref:replica/nathan}
  layers:
    conversational_flow: {turn_taking_patience: medium}
"""
REPLICA = """\
# yaml-language-server: $schema=../../schemas/replica.schema.json
# A stock replica: every account has it, so it is referred to and never written.
# `tavusctl list replica --stock` shows the others.
kind: replica
name: nathan
external: true
id: rfe12d8b9597
"""
PROMPT = """\
You are a friendly assistant. You greet people by name when you know it, keep
answers short, and say so when you do not know something. You never promise a
price, a date or a discount.
"""
EXAMPLES: Mapping[str, str] = {
    "manifests/personas/assistant.yaml": PERSONA,
    "manifests/replicas/nathan.yaml": REPLICA,
    "manifests/prompts/assistant.md": PROMPT,
}
