"""The project file `tavusctl.yaml`: every key optional, unknown ones refused, and never a word about the API's host."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from tavusctl.engine.load.attachments import upload_fault
from tavusctl.engine.load.notes import EnoughError, Notes, dotted
from tavusctl.model import NAME, Address, Complaint, Document, Environment, Project, Safety, Severity, Value
from tavusctl.patch.pointer import escape
from tavusctl.settings import Output
from tavusctl.wording import nearest, shown
from tavusctl.yaml12 import Node

FILE: Final = "tavusctl.yaml"
_KEYS: Final = ("version", "manifests", "secrets", "environments", "safety", "outputs", "uploads", "crawl_limit")
_ENVIRONMENT_KEYS: Final = ("account", "api_key_env", "state", "uploads", "crawl_limit", "vars")
_MEANT: Final = (*_KEYS, "vars")
_HOST_KEYS: Final = frozenset(("base_url", "api_url", "host", "api_host", "endpoint", "url"))
_OTHERWISE: Final = "keep the secret in a variable with another name"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What CI systems and tavusctl itself are told with.  Some of it is chosen by whoever opens a pull request: names of
# branches, titles, logins.
_SYSTEM: Final = re.compile(
    r"(GITHUB|RUNNER|ACTIONS|INPUT|TAVUSCTL|CI_COMMIT|CI_MERGE_REQUEST|BITBUCKET|BUILDKITE|CIRCLE|TRAVIS)_.*",
    re.IGNORECASE,
)


def open_project(node: Node, root: Path) -> tuple[Project, Notes]:
    """Read the project file; what is wrong is left at its default, with a complaint."""
    notes = Notes(node)
    try:
        return _project(node.value, root, notes), notes
    except EnoughError:
        return default(root), notes


def _project(found: Value, root: Path, notes: Notes) -> Project:
    if not notes.typed(found, dict, ""):
        return default(root)
    _refuse_hosts(found, "", notes)
    notes.unknown_keys({key: 0 for key in found if key not in _HOST_KEYS}, _KEYS)
    if found.get("version", 1) != 1 or found.get("version") is True:
        notes.error("TV104", f"version: expected 1, found {shown(found['version'])}", notes.value_at("/version"))
    manifests, secrets = str(_manifests(found, root, notes)), _secrets(found, notes)
    environments, safety = _environments(found, notes), _safety(found, notes)
    return Project(str(root), manifests, secrets, environments, safety, _outputs(found.get("outputs"), notes))


def default(root: Path) -> Project:
    """The project where there is no project file."""
    return Project(str(root), str(root / "manifests"), environments={"default": Environment()})


def unreadable(root: Path) -> Project:
    """The project where nothing can be read of the project file."""
    return replace(default(root), doubtful=frozenset(_KEYS))


def doubtful(node: Node, complaints: Iterable[Complaint]) -> frozenset[str]:
    """Keys of the project file in which something is wrong; of an unknown key, the one that was probably meant."""
    if not isinstance(node.value, dict):
        return frozenset(_KEYS)
    keys = sorted((node.keys[f"/{escape(key)}"].line, key) for key in node.value)
    found: set[str] = set()
    for one in complaints:
        if one.severity is Severity.ERROR and one.source:
            before = [key for line, key in keys if line <= one.source.line]
            found.update([before[-1], nearest(before[-1], _MEANT)] if before else _KEYS)
    return frozenset(filter(None, found))


def _refuse_hosts(found: Document, pointer: str, notes: Notes) -> None:
    for key in found:
        if key in _HOST_KEYS:
            message = f"{key}: the API's host is never read from a file"
            hint = "use --base-url or TAVUS_BASE_URL"
            notes.error("TV103", message, notes.key_at(f"{pointer}/{key}"), hint)


def _manifests(found: Document, root: Path, notes: Notes) -> Path:
    folder = found.get("manifests", "manifests")
    if not notes.typed(folder, str, "/manifests"):
        return root / "manifests"
    where = Path(root, folder)
    if not Path(os.path.realpath(where)).is_relative_to(os.path.realpath(root)):
        message = f"manifests: {shown(folder)} is outside the project"
        notes.error("TV110", message, notes.value_at("/manifests"))
        return root / "manifests"
    return where


def _secrets(found: Document, notes: Notes) -> tuple[str, ...]:
    names = found.get("secrets", [])
    if not notes.typed(names, list, "/secrets"):
        return ()
    for index, name in enumerate(names):
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            message = f"secrets: {shown(name)} cannot be the name of an environment variable"
            notes.error("TV104", message, notes.value_at(f"/secrets/{index}"))
        elif _SYSTEM.fullmatch(name):
            notes.error("TV104", f"secrets: {_of_the_system(name)}", notes.value_at(f"/secrets/{index}"), _OTHERWISE)
    return tuple(str(name) for name in names)


def _of_the_system(name: str) -> str:
    return f"{shown(name)} is a variable of the CI system or of tavusctl, and cannot be a key or a secret"


def _environments(found: Document, notes: Notes) -> Mapping[str, Environment]:
    environments = found.get("environments") or {}
    common = Environment(uploads=_uploads(found, "", "", notes), crawl_limit=_crawl_limit(found, 0, "", notes))
    if not notes.typed(environments, dict, "/environments") or not environments:
        return {"default": common}
    return {name: _environment(replace(common, name=name), value, notes) for name, value in environments.items()}


def _environment(common: Environment, found: Value, notes: Notes) -> Environment:
    name = common.name
    pointer = f"/environments/{escape(name)}"
    if not NAME.fullmatch(name):
        hint = "use 1 to 63 of a-z, 0-9 and hyphens, with no hyphen at either end"
        notes.error("TV107", f"{shown(name)} cannot be the name of an environment", notes.key_at(pointer), hint)
    if found is None or not notes.typed(found, dict, pointer):
        return common
    _refuse_hosts(found, pointer, notes)
    notes.unknown_keys({key: 0 for key in found if key not in _HOST_KEYS}, _ENVIRONMENT_KEYS, pointer)
    variables = found.get("vars") or {}
    key = _text(found, "api_key_env", "TAVUS_API_KEY", pointer, notes)
    if not _VARIABLE.fullmatch(key):
        message = f"api_key_env: {shown(key)} cannot be the name of an environment variable"
        hint = "the name of the variable, not the key itself"
        notes.error("TV104", message, notes.value_at(f"{pointer}/api_key_env"), hint)
    elif _SYSTEM.fullmatch(key):
        notes.error(
            "TV104", f"api_key_env: {_of_the_system(key)}", notes.value_at(f"{pointer}/api_key_env"), _OTHERWISE
        )
    account, state = _text(found, "account", "", pointer, notes), _text(found, "state", "", pointer, notes)
    usable = notes.typed(variables, dict, f"{pointer}/vars")
    uploads = _uploads(found, common.uploads, pointer, notes)
    limit = _crawl_limit(found, common.crawl_limit, pointer, notes)
    return Environment(name, account, key, state, variables if usable else {}, uploads, limit)


def _uploads(found: Document, otherwise: str, pointer: str, notes: Notes) -> str:
    """Where files of documents go that name no other place."""
    url = _text(found, "uploads", otherwise, pointer, notes)
    reason = upload_fault(url) if url and "uploads" in found else ""
    if reason:
        where = notes.value_at(f"{pointer}/uploads")
        notes.error("TV104", f"uploads: {shown(url)} {reason}", where, "write s3://bucket/prefix, for one")
    return url


def _crawl_limit(found: Document, otherwise: int, pointer: str, notes: Notes) -> int:
    """How many documents with a crawl the account may have, where that is more than everybody may."""
    limit = found.get("crawl_limit", otherwise)
    if not notes.typed(limit, int, f"{pointer}/crawl_limit"):
        return otherwise
    if "crawl_limit" in found and limit < 1:
        message = f"crawl_limit: expected 1 or more, found {limit}"
        notes.error("TV104", message, notes.value_at(f"{pointer}/crawl_limit"))
    return int(limit)


def _text(found: Document, key: str, otherwise: str, pointer: str, notes: Notes) -> str:
    value = found.get(key, otherwise)
    return str(value) if notes.typed(value, str, f"{pointer}/{key}") else otherwise


def _safety(found: Document, notes: Notes) -> Safety:
    safety = found.get("safety") or {}
    if not notes.typed(safety, dict, "/safety"):
        return Safety()
    notes.unknown_keys(safety, ("max_deletes", "max_delete_ratio"), "/safety")
    standard = Safety()
    deletes = safety.get("max_deletes", standard.max_deletes)
    ratio = safety.get("max_delete_ratio", standard.max_delete_ratio)
    fits = notes.typed(deletes, int, "/safety/max_deletes")
    if not notes.typed(ratio, float, "/safety/max_delete_ratio") or not fits:
        return standard
    if deletes < 0:
        message = f"safety.max_deletes: expected 0 or more, found {deletes}"
        notes.error("TV104", message, notes.value_at("/safety/max_deletes"))
    if not 0 <= ratio <= 1:
        message = f"safety.max_delete_ratio: expected 0 to 1, found {ratio}"
        notes.error("TV104", message, notes.value_at("/safety/max_delete_ratio"), "0.3 is 30 %")
    return Safety(deletes, ratio)


def _outputs(found: Value, notes: Notes) -> Mapping[str, Output]:
    """Names for applications: each for an address, a list of them, or a value as it is."""
    if found is None or not notes.typed(found, dict, "/outputs"):
        return {}
    for name in found:
        if not _VARIABLE.fullmatch(name):
            message = f"outputs: {shown(name)} cannot be the name of a variable"
            notes.error("TV107", message, notes.key_at(f"/outputs/{escape(name)}"))
    return {name: _output(value, f"/outputs/{escape(name)}", notes) for name, value in found.items()}


def _output(found: Value, pointer: str, notes: Notes) -> Output:
    if isinstance(found, dict):
        return Output(value=_literal(found, pointer, notes))
    many = isinstance(found, list)
    items = [(item, f"{pointer}/{index}") for index, item in enumerate(found)] if many else [(found, pointer)]
    good = [(item, place) for item, place in items if _is_address(item, place, notes)]
    sources = [notes.value_at(place) for _, place in good]
    places = tuple((source.line, source.column) for source in sources)
    return Output(tuple(item for item, _ in good), many, None, places)


def _literal(found: Document, pointer: str, notes: Notes) -> Value:
    notes.unknown_keys(found, ("value",), pointer)
    value = found.get("value")
    if "value" not in found:
        notes.error("TV106", f"{dotted(pointer)}: the key 'value' is missing", notes.key_at(pointer))
    elif not isinstance(value, str | int | float):
        message = f"{dotted(pointer)}.value: expected text, a number, true or false, found {shown(value)}"
        notes.error("TV104", message, notes.value_at(f"{pointer}/value"))
    elif isinstance(value, str) and not value.isprintable():
        message = f"{dotted(pointer)}.value: expected one line of printable text, found {shown(value)}"
        notes.error("TV104", message, notes.value_at(f"{pointer}/value"))
    return value


def _is_address(found: Value, pointer: str, notes: Notes) -> bool:
    if not notes.typed(found, str, pointer):
        return False
    try:
        Address.parse(found)
    except ValueError as error:
        notes.error("TV107", f"outputs: {error}", notes.value_at(pointer))
        return False
    return True
