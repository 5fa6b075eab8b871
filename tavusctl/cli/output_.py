"""`tavusctl output`: ids for applications, under the names that these read."""

from __future__ import annotations

import fnmatch
import json
import os
import secrets
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

import click

from tavusctl import dotenv
from tavusctl.cli import writing
from tavusctl.cli.keyring import keys_at_hand
from tavusctl.cli.local import LocalSession, local_options, say
from tavusctl.cli.output import print_record
from tavusctl.cli.writers import OutputFile
from tavusctl.custody import opened
from tavusctl.engine import move
from tavusctl.engine.load.project import FILE
from tavusctl.errors import ConfigError, StateError, UsageError
from tavusctl.model import Address, Complaint, Source, Value
from tavusctl.redaction import Record
from tavusctl.settings import Output
from tavusctl.stores import open_store
from tavusctl.wording import suggestion

WOULD_CHANGE = 2
Values = Mapping[str, Value]  # by name: an id, a list of ids, or a value as the project file has it


@click.command("output")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option(
    "-f",
    "--format",
    "format_",
    type=click.Choice(["dotenv", "json", "shell", "github"]),
    default="dotenv",
    help="Output format, default dotenv.",
)
@click.option("--check", type=click.Path(dir_okay=False, path_type=Path), help="Say what is stale in a .env; exit 2.")
@click.option("--write", type=OutputFile(), help="Bring a .env up to date in place.")
@local_options
def command(
    session: LocalSession, *, names: tuple[str, ...], format_: str, check: Path | None, write: Path | None
) -> int:
    """Print ids for applications, under the names that `outputs:` in tavusctl.yaml gives them; all, or those at NAME.

    A `*` in NAME stands for anything.  Without `outputs:`, every object has a name like PERSONA_SALES_COACH_ID.  Needs
    no network and no key.  With --format github, outputs of the step are set where GitHub Actions wants them.

    \b
    tavusctl output --write web/.env 'VITE_*'
    tavusctl output --check web/.env 'VITE_*'
    eval "$(tavusctl output --format shell)"
    """  # noqa: D301
    if (check or write) and (format_ != "dotenv" or (check and write)):
        message = "--check and --write work on a .env file, one at a time"
        raise UsageError(message, "leave --format out")
    values = _values(session, names)
    if check:
        return _check(session, check, values)
    if write:
        return _write(session, write, values)
    if format_ == "github" and os.environ.get("GITHUB_OUTPUT"):
        _append(Path(os.environ["GITHUB_OUTPUT"]), writing.record(github(values), "the output"))
    else:
        print_record(_FORMATS[format_](values), "the output")
    return 0


def shell(values: Values) -> str:
    """Lines for `eval` in a POSIX shell."""
    return "".join(f"export {name}={shlex.quote(_text(value))}\n" for name, value in values.items())


def github(values: Values) -> str:
    """Lines for $GITHUB_OUTPUT; nobody can guess the delimiter, so no value can end early and set something else."""
    lines = []
    for name, value in values.items():
        mark = f"tavusctl-{secrets.token_hex(16)}"
        lines.append(f"{name}<<{mark}\n{_text(value)}\n{mark}\n")
    return "".join(lines)


def _dotenv(values: Values) -> str:
    return dotenv.merged("", _texts(values))


def _json(values: Values) -> str:
    return json.dumps(dict(values), indent=2, ensure_ascii=False) + "\n"


_FORMATS: Mapping[str, Callable[[Values], str]] = {"dotenv": _dotenv, "json": _json, "shell": shell, "github": github}


def _values(session: LocalSession, names: Sequence[str]) -> Values:
    """Every output with what stands behind it; ConfigError for addresses that the project does not have."""
    manifests, _ = session.load()
    store = open_store(session.environment.state, session.root, session.environment.name)
    bindings, _ = move.follow(manifests, opened(store, keys_at_hand(session.environment)).replay.state.bindings)
    ids = {str(address): binding.remote_id for address, binding in bindings.items()}
    ids |= {str(one.address): one.external_id for one in manifests if one.external_id}
    outputs = session.project.outputs
    if not outputs:
        addresses = sorted({*ids, *(str(one.address) for one in manifests)})
        every = {_name(Address.parse(address)): address for address in addresses}
        chosen = {name: every[name] for name in _chosen(names, every)}
        _refuse_unknown(address for address in chosen.values() if address not in ids)
        return {name: ids[address] for name, address in chosen.items()}
    outputs = {name: outputs[name] for name in _chosen(names, outputs)}
    known = {*ids, *(str(one.address) for one in manifests)}
    left = {str(old): one.address for one in manifests for old in one.moved_from}
    complaints = [one for name, output in outputs.items() for one in _strangers(name, output, known, left)]
    if complaints:
        raise ConfigError(complaints)
    _refuse_unknown({address for output in outputs.values() for address in output.addresses} - set(ids))
    return {name: _behind(output, ids) for name, output in outputs.items()}


def _refuse_unknown(addresses: Iterable[str]) -> None:
    """StateError where the state knows no id for something that is asked for."""
    wanted = sorted(addresses)
    if wanted:
        message = f"there is no id yet for {', '.join(wanted)}"
        raise StateError(message, "run tavusctl apply, or tavusctl import ADDR ID", id="E940")


def _chosen(patterns: Sequence[str], known: Collection[str]) -> list[str]:
    """The names that are asked for, in their own order; UsageError for a pattern that is of none."""
    for pattern in patterns:
        if not fnmatch.filter(known, pattern):
            message = f"there is no output {pattern}"
            raise UsageError(message, suggestion(pattern, known))
    return [name for name in known if not patterns or any(fnmatch.fnmatchcase(name, one) for one in patterns)]


def _strangers(name: str, output: Output, known: set[str], left: Mapping[str, Address]) -> list[Complaint]:
    return [
        Complaint(
            "TV119",
            f"outputs.{name}: the project has no {address}",
            Source(FILE, *place),
            f"it is {left[address]} now" if address in left else suggestion(address, known),
        )
        for address, place in zip(output.addresses, output.places, strict=True)
        if address not in known
    ]


def _behind(output: Output, ids: Mapping[str, str]) -> Value:
    if output.many:
        return [ids[address] for address in output.addresses]
    return ids[output.addresses[0]] if output.addresses else output.value


def _name(address: Address) -> str:
    return f"{address.kind}_{address.name}_ID".upper().replace("-", "_")


def _text(value: Value) -> str:
    """A value as environments hold it: ids of a list with commas between them, booleans as true and false."""
    if isinstance(value, list):
        return ",".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def _texts(values: Values) -> dict[str, str]:
    texts = {name: _text(value) for name, value in values.items()}
    for name, text in texts.items():
        try:
            dotenv.quoted(text)
        except dotenv.UnwritableError as error:
            message = f"outputs.{name} cannot be written into a .env file: {error}"
            raise UsageError(message, "leave out quotes, backslashes and dollar signs, or use --format json") from None
    return texts


def _check(session: LocalSession, path: Path, values: Values) -> int:
    wanted = _texts(values)
    stale = dotenv.stale(_read(path), wanted)
    for name in stale:
        click.echo(f"{path}: {name} is not {wanted[name]}")
    if stale:
        say(session, f"next: tavusctl output --write {path}")
    return WOULD_CHANGE if stale else 0


def _write(session: LocalSession, path: Path, values: Values) -> int:
    wanted, text = _texts(values), _read(path)
    stale = dotenv.stale(text, wanted)
    if stale:
        _refuse_secrets(path, {name: wanted[name] for name in stale})
        # Whatever else stands in the file, keys as a rule, is written back as it was.
        writing.write(path, Record(dotenv.merged(text, wanted)), keep_rights=True)
    say(session, f"{path}: set {', '.join(stale)}" if stale else f"{path} is up to date")
    return 0


def _refuse_secrets(path: Path, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        writing.record(value, f"{name} in {path}")


def _read(path: Path) -> str:
    """The text of a file, empty when there is none; bytes that are not UTF-8 come back as they were."""
    try:
        return path.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise UsageError(message) from None


def _append(path: Path, text: Record) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        message = f"cannot write {path}, which GITHUB_OUTPUT names: {error.strerror}"
        raise UsageError(message) from None
