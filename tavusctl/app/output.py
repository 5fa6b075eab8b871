"""The values of `outputs:`: ids of objects for applications, under the variable names that these read."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import secrets
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from tavusctl.app.files import file_writer
from tavusctl.app.session.keyring import available_keys
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.manifests import load, unknown_outputs
from tavusctl.core.address import Address
from tavusctl.core.errors import ConfigError, StateError, UsageError
from tavusctl.core.messages import suggestion
from tavusctl.core.ports import State
from tavusctl.core.project_settings import Output
from tavusctl.engine import renames
from tavusctl.lib import dotenv
from tavusctl.lib.atomic_files import remedy
from tavusctl.lib.json_types import Json
from tavusctl.lib.private_files import read_regular
from tavusctl.reports.escaping import escape_json
from tavusctl.secrets.redaction import Record
from tavusctl.state.seals import Trust, open_state

Values = Mapping[str, Json]  # by the name of the output: an id, a list of ids, or a literal of the project file


def shell(values: Values) -> str:
    """Lines for `eval` in a POSIX shell."""
    return "".join(f"export {name}={shlex.quote(_text(value))}\n" for name, value in values.items())


def github(values: Values) -> str:
    """Lines for $GITHUB_OUTPUT; the delimiter is random, so that no value can contain it and set another output."""
    lines = []
    for name, value in values.items():
        mark = f"tavusctl-{secrets.token_hex(16)}"
        lines.append(f"{name}<<{mark}\n{_text(value)}\n{mark}\n")
    return "".join(lines)


def _dotenv(values: Values) -> str:
    return dotenv.merge("", _texts(values))


def _json(values: Values) -> str:
    return escape_json(json.dumps(dict(values), indent=2, ensure_ascii=False)) + "\n"


FORMATS: Mapping[str, Callable[[Values], str]] = {"dotenv": _dotenv, "json": _json, "shell": shell, "github": github}


def outputs_of(session: LocalSession, names: Sequence[str]) -> Values:
    """The value of every output that `names` match; ConfigError for an address that the project does not have."""
    manifests, _ = load(session)
    bindings, _ = renames.follow(manifests, _trusted_state(session).bindings)
    ids = {str(address): binding.remote_id for address, binding in bindings.items()}
    ids |= {str(one.address): one.external_id for one in manifests if one.external_id}
    outputs = session.project.outputs
    if not outputs:
        addresses = sorted({*ids, *(str(one.address) for one in manifests)})
        every = {_name(Address.parse(address)): address for address in addresses}
        chosen = {name: every[name] for name in _chosen(names, every)}
        _refuse_unknown(session, (address for address in chosen.values() if address not in ids))
        return {name: ids[address] for name, address in chosen.items()}
    outputs = {name: outputs[name] for name in _chosen(names, outputs)}
    known = {*ids, *(str(one.address) for one in manifests)}
    diagnostics = unknown_outputs(outputs, known, manifests)
    if diagnostics:
        raise ConfigError(diagnostics)
    _refuse_unknown(session, {address for output in outputs.values() for address in output.addresses} - set(ids))
    return {name: _value_of(output, ids) for name, output in outputs.items()}


def _trusted_state(session: LocalSession) -> State:
    """The state; StateError unless it is trusted.  Without any API key, only a missing seal shows that it is not."""
    keys = available_keys(session)
    sealed_state = open_state(session.store(), keys)
    if keys.all or sealed_state.seals.trust is Trust.UNSEALED:
        sealed_state.seals.check_trusted()
    return sealed_state.replay.state


def _refuse_unknown(session: LocalSession, addresses: Iterable[str]) -> None:
    """Raise StateError if there are addresses without a known id."""
    unknown = sorted(addresses)
    if unknown:
        message = f"no id is known yet for {', '.join(unknown)}"
        hint = f"run `{session.command('apply')}`, or `{session.command('import ADDRESS ID')}`"
        raise StateError(message, hint, id="E940")


def _chosen(patterns: Sequence[str], available: Collection[str]) -> list[str]:
    """The known names that match a pattern, in their own order; UsageError for a pattern without a match."""
    for pattern in patterns:
        if not fnmatch.filter(available, pattern):
            raise UsageError(f"unknown output `{pattern}`", suggestion(pattern, available))
    return [name for name in available if not patterns or any(fnmatch.fnmatchcase(name, one) for one in patterns)]


def _value_of(output: Output, ids: Mapping[str, str]) -> Json:
    if output.many:
        return [ids[address] for address in output.addresses]
    return ids[output.addresses[0]] if output.addresses else output.value


def _name(address: Address) -> str:
    return f"{address.kind}_{address.name}_ID".upper().replace("-", "_")


def _text(value: Json) -> str:
    """A value as the text of an environment variable: a list joined by commas, booleans as true and false."""
    if isinstance(value, list):
        return ",".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def _texts(values: Values) -> dict[str, str]:
    texts = {name: _text(value) for name, value in values.items()}
    for name, text in texts.items():
        try:
            dotenv.quoted(text)
        except dotenv.UnwritableError as error:
            message = f"`outputs.{name}` cannot be written to a .env file: {error}"
            raise UsageError(message, "remove quotes, backslashes and dollar signs, or use `--format json`") from None
    return texts


def stale(path: Path, values: Values) -> dict[str, str]:
    """The outputs that a .env file lacks or has with another value: the desired texts by name."""
    desired = _texts(values)
    return {name: desired[name] for name in dotenv.differing_names(_read(path), desired)}


def update(path: Path, values: Values) -> Sequence[str]:
    """Update a .env file in place; returns the names of the changed variables."""
    desired, text = _texts(values), _read(path)
    names = dotenv.differing_names(text, desired)
    if names:
        for name in names:
            file_writer.record(desired[name], f"{name} in {path}")
        # The other lines of the file, often API keys, are written back unchanged.
        file_writer.write(path, Record(dotenv.merge(text, desired)), keep_rights=True)
    return names


def _read(path: Path) -> str:
    """The text of a file, empty if there is none; bytes that are not UTF-8 survive the round trip."""
    with file_writer.errors_as_usage("read", path), contextlib.suppress(FileNotFoundError):
        return read_regular(path).decode("utf-8", "surrogateescape")
    return ""


def append(path: Path, text: Record) -> None:
    """Append to the file that GITHUB_OUTPUT names; UsageError if it cannot be written."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"cannot write {path}, which GITHUB_OUTPUT names: {error.strerror}", remedy(error)) from None
