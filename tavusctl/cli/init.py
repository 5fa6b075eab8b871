"""`tavusctl init`: start a project."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import click
from msgspec.structs import replace

from tavusctl.cli import neighbours, onto_github, placing, workflows, writing
from tavusctl.cli.local import learn
from tavusctl.cli.schema import text
from tavusctl.errors import UsageError
from tavusctl.kinds import KINDS
from tavusctl.kinds.schema import all_schemas
from tavusctl.redaction import Record

IGNORED = ".tavusctl/"
PROJECT = """\
# yaml-language-server: $schema=schemas/project.schema.json
version: 1
manifests: manifests
# Environment variables that manifests may read as ${secret:NAME}, and nothing else:
secrets: []
# Without environments there is one, "default", whose key is in TAVUS_API_KEY:
# environments:
#   staging: {account: acme-staging, api_key_env: TAVUS_API_KEY_STAGING}
#   prod: {account: acme, api_key_env: TAVUS_API_KEY_PROD}
safety: {max_deletes: 5, max_delete_ratio: 0.3}
"""
PERSONA = """\
# yaml-language-server: $schema=../../schemas/persona.schema.json
kind: persona
name: assistant
spec:
  persona_name: Assistant
  system_prompt: ${file:prompts/assistant.md}
  guardrails_id: ${ref:guardrails/house-rules}
  layers:
    conversational_flow: {turn_taking_patience: medium}
"""
GUARDRAILS = """\
# yaml-language-server: $schema=../../schemas/guardrails.schema.json
kind: guardrails
name: house-rules
spec:
  name: House rules
  data:
    - guardrail_name: no_promises
      guardrail_prompt: The assistant promises a price, a date or a discount.
"""
PROMPT = """\
You are a friendly assistant. You greet people by name when you know it, keep
answers short, and say so when you do not know something.
"""
EXAMPLES: Mapping[str, str] = {
    "manifests/personas/assistant.yaml": PERSONA,
    "manifests/guardrails/house-rules.yaml": GUARDRAILS,
    "manifests/prompts/assistant.md": PROMPT,
}


def _action(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    if value is not None and not workflows.REFERENCE.fullmatch(value):
        message = f"--action {value!r} names no action by a full commit"
        raise UsageError(message, f"write {workflows.ACTION}@ and the 40 digits of a commit, or ./ for this repository")
    return value


@click.command("init")
@click.argument("folder", required=False, default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option("--from-account", is_flag=True, help="With what the account of TAVUS_API_KEY has, in place of examples.")
@click.option("--base-url", envvar="TAVUS_BASE_URL", help="API host, with --from-account.")
@click.option("--github", is_flag=True, help="Write workflows for GitHub, or bring them up to date.")
@click.option("--action", callback=_action, metavar="REF", help="OWNER/REPO@COMMIT that workflows run, with --github.")
def command(folder: Path, *, from_account: bool, base_url: str | None, github: bool, action: str | None) -> int:
    """Start a project: project file, an example persona, schemas for the editor, .gitignore.

    Nothing that exists is overwritten, and nothing is sent anywhere.  Manifests have a folder of their own, `manifests`
    unless that has YAML files of other programs.  With --from-account, the account is read and written as manifests, as
    `tavusctl export` does.  With --github, in a project or with a new one, workflows are written: plan on pull
    requests, apply on merge, drift and recrawl by the clock.  Run again, it brings up to date those that nobody has
    edited, and shows for the others what would be different.
    """
    learn(())  # a project around this one may keep secret what the folder is called, or what is written into it
    if action and not github:
        message = "--action is for workflows"
        raise UsageError(message, "add --github")
    is_project = (folder / "tavusctl.yaml").exists()
    if is_project and (from_account or not github):
        message = f"{folder / 'tavusctl.yaml'} exists: this is a project already"
        raise UsageError(message, "tavusctl validate checks it")
    around = "" if is_project else neighbours.check_around(folder)
    name, stranger = ("", "") if is_project else neighbours.manifests_folder(folder)
    if from_account:
        _take_over(folder, base_url, name)
    elif not is_project:
        examples = {f"{name}{path.removeprefix('manifests')}": text for path, text in EXAMPLES.items()}
        _scaffold(folder, {**examples, **_files(name)})
    if not is_project:
        if stranger:
            click.echo(f"manifests are in {name}/, for {stranger} is of another program", err=True)
        if around:
            click.echo(f"there is a project around this one, in {around}; commands here work on this one", err=True)
        if not from_account:
            click.echo("\nnext: export TAVUS_API_KEY=... and run tavusctl plan", err=True)
    return onto_github.write(folder, action) if github else 0


def _take_over(folder: Path, base_url: str | None, name: str) -> None:
    """Start with what the account has; nothing is written before it has been read."""
    from tavusctl.cli import export as exporting
    from tavusctl.cli.exporting import Selection, Target, prepare
    from tavusctl.cli.progress import reading
    from tavusctl.cli.session import Session, check_base_url
    from tavusctl.client import DEFAULT_URL
    from tavusctl.engine.load.project import default

    root = Path(os.path.abspath(folder))  # noqa: PTH100 - links in the way to the project stay as they are
    project = replace(default(root), manifests=str(root / name))
    url = check_base_url(base_url or DEFAULT_URL)
    session = Session(project, project.environments["default"], quiet=False, base_url=url)
    store, target = session.store(), Target(Path(project.manifests), root, Path(project.manifests))
    with session.reader() as api, reading(session, api):
        export = prepare(session, Selection(), target, api, store)
    placing.new_files(target.folder, {path: text for one in export.made for path, text in one.files.items()})
    _scaffold(folder, _files(name))
    with store.lock(command="init"):
        new = exporting.write(session, export, target, store)
    click.echo(exporting.lines(export, target, new), nl=False)
    exporting.tell(session, export, target)


def _scaffold(folder: Path, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        path = folder / name
        if path.exists():
            click.echo(f"kept    {path}", err=True)
            continue
        writing.where(path, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        writing.write(path, Record(content), root=folder, rights=writing.PUBLIC)
        click.echo(f"wrote   {path}", err=True)
    _ignore_state(folder / ".gitignore")


def _files(name: str) -> Mapping[str, str]:
    schemas = {f"schemas/{name}": text(schema) for name, schema in all_schemas(KINDS).items()}
    return {"tavusctl.yaml": PROJECT.replace("manifests: manifests", f"manifests: {name}"), **schemas}


def _ignore_state(path: Path) -> None:
    """The local state tells ids and prompts; it belongs in a store, not in the repository."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if IGNORED not in before.splitlines():
        separator = "" if not before or before.endswith("\n") else "\n"
        text = Record(f"{before}{separator}{IGNORED}\n")
        writing.write(path, text, root=path.parent, rights=writing.PUBLIC, keep_rights=True)
        click.echo(f"added   {IGNORED} to {path}", err=True)
