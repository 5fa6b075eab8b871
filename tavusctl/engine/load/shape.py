"""The shape of a spec: the kind's pydantic model asked, and its errors told as complaints with places."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from tavusctl import secrecy
from tavusctl.engine.load import unknown
from tavusctl.engine.load.notes import Notes, dotted
from tavusctl.engine.load.unknown import generic, value_at
from tavusctl.fit import MAX_ERRORS, Misfit, misfits
from tavusctl.model import Address, Document, Field, ResourceKind, Value
from tavusctl.model import Path as KeyPath
from tavusctl.patch.pointer import escape, join
from tavusctl.secret import SecretText
from tavusctl.wording import either, nearest, shown

_EXPECTED: Final[Mapping[str, str]] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "none_required": "null",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "multiple_of": "a multiple of {multiple_of}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
    "literal_error": "{expected}",
    "enum": "{expected}",
    "union_tag_invalid": "{discriminator}: {expected_tags}",
}
_BESIDE: Final = ("missing_key", "not_together")  # about keys, never about what they hold
_QUOTED = re.compile(r"'([^']*)'")


def check(kind: ResourceKind, spec: Document, notes: Notes, failed: frozenset[str] = frozenset()) -> None:
    """Complain about all that does not fit the kind; `failed` are pointers of values that have a complaint already."""
    view, had_null = _view(spec)
    errors = misfits(kind, view)
    if had_null:  # a null removes a key, so it fits everywhere, but not under a name that is no key
        nulls = (e for e in misfits(kind, _view(spec, keep_null=True)[0]) if e.type == "extra_forbidden")
        errors += [e for e in nulls if value_at(spec, e.path) is None]
    for path, group in _by_path(errors).items():
        pointer = "/spec" + join(path)
        if pointer not in failed:
            _tell(kind, spec, path, group, notes)


def _by_path(errors: list[Misfit]) -> dict[KeyPath, list[Misfit]]:
    """Errors of one place together; where the members of a union disagree, the deepest one knows best."""
    above = {e.path[:length] for e in errors for length in range(len(e.path))}
    above |= {e.path for e in errors if e.type == "missing"}
    groups: dict[KeyPath, list[Misfit]] = {}
    for error in errors:
        if error.path not in above or error.type == "missing" or error.told:
            groups.setdefault(error.path, []).append(error)
    return dict(list(groups.items())[:MAX_ERRORS])


def _tell(kind: ResourceKind, spec: Document, path: KeyPath, group: list[Misfit], notes: Notes) -> None:
    found, declared = value_at(spec, path), kind.field_at(generic(spec, path))
    if _stands_in(declared, found):  # the word for it may not fit; what is missing beside it is missing all the same
        group = [error for error in group if error.type in _BESIDE]
    source = notes.value_at("/spec" + join(path))
    for name in dict.fromkeys(error.name for error in group if error.name):
        where = f"{dotted(join(path))}: " if path else ""
        notes.error("TV106", f"{where}the key {name!r} is missing", source)
    for error in group:
        if error.told:
            id = "TV106" if error.type == "missing_key" else "TV104"  # noqa: A001 - as in Complaint
            silent = error.type not in _BESIDE and (isinstance(found, Address) or _is_secret(kind, spec, path, found))
            message = "the value does not fit" if silent else error.message
            notes.error(id, f"{unknown.place(kind, path)}: {message}", source)
    wrong = [error for error in group if not error.name and not error.told]
    if any(error.type == "extra_forbidden" for error in wrong):
        unknown.tell(kind, spec, path, notes)
    elif wrong:
        _wrong_value(kind, spec, path, wrong, notes)


def _wrong_value(kind: ResourceKind, spec: Document, path: KeyPath, wrong: list[Misfit], notes: Notes) -> None:
    pointer, found = "/spec" + join(path), value_at(spec, path)
    decisive = wrong[0].context.get("discriminator") if wrong[0].type == "union_tag_invalid" else None
    if decisive is not None:  # the key that decides between the members of a union
        key = str(decisive).strip("'")
        pointer, found = f"{pointer}/{escape(key)}", found.get(key)
    expected = either(dict.fromkeys(_expected(error) for error in wrong))
    is_secret = _is_secret(kind, spec, path, found)
    message = f"{unknown.place(kind, path)}: expected {expected}" + ("" if is_secret else f", found {shown(found)}")
    notes.error("TV104", message, notes.value_at(pointer), _meant(found, expected))


def _is_secret(kind: ResourceKind, spec: Document, path: KeyPath, found: Value) -> bool:
    """Whether a secret may stand at a path or below it, or plainly does."""
    place = generic(spec, path)
    if kind.is_free(place) or (isinstance(found, str) and secrecy.tells(found)):
        return True
    patterns = (pattern.split("/")[1:] for pattern, declared in kind.fields.items() if declared.secret)
    return any(
        len(keys) >= len(place) and all(key in ("*", own) for key, own in zip(keys, place, strict=False))
        for keys in patterns
    )


def _expected(error: Misfit) -> str:
    template = _EXPECTED.get(error.type)
    if template is None:
        return error.message.removeprefix("Input should be ").removeprefix("Value should be ")
    return template.format_map(error.context)


def _meant(found: Value, expected: str) -> str:
    """The allowed value that was probably meant."""
    if not isinstance(found, str):
        return "put it in quotes" if expected == "text" and isinstance(found, bool | int | float) else ""
    meant = nearest(found, _QUOTED.findall(expected))
    return f"did you mean {meant!r}?" if meant else ""


def _stands_in(declared: Field, found: Value) -> bool:
    """Whether only the word that stands for a reference or secret did not fit; misplaced secrets are told elsewhere."""
    return isinstance(found, SecretText) or (isinstance(found, Address) and bool(declared.refers_to))


def _view(value: Value, *, keep_null: bool = False) -> tuple[Value, bool]:
    """A spec as the model reads it, words for references and secrets; and whether a key had the value null."""
    nulls = False

    def seen(value: Value) -> Value:
        nonlocal nulls
        if isinstance(value, dict):
            nulls = nulls or None in value.values()
            return {key: seen(item) for key, item in value.items() if keep_null or item is not None}
        if isinstance(value, list):
            return [seen(item) for item in value]
        return _STAND_INS.get(type(value), _same)(value)

    return seen(value), nulls


def _same(value: Value) -> Value:
    return value


_STAND_INS: Final[dict[type, Callable[[Value], Value]]] = {Address: lambda _: "ref", SecretText: lambda _: "secret"}
