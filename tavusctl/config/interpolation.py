"""Expressions in text: `${ref:kind/name}`, `${file:path}`, `${var:name}`, `${secret:NAME}`; `$${` is a literal `${`.

An expression that is the whole text keeps its type: a reference is an `Address`, a variable what the project file says.
Amid other text, files and variables are text, and a secret makes the whole a `SecretText`.  What an expression brings
is never scanned again.
"""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Callable, Collection, Mapping
from typing import Final

from msgspec import Struct, field

from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Diagnostic, Passage
from tavusctl.core.messages import Fault, listed, shown, suggestion
from tavusctl.kinds import address_in
from tavusctl.lib.json_types import Json
from tavusctl.lib.patterns import pattern
from tavusctl.secrets.redaction import shortened
from tavusctl.secrets.values import SecretText

MAX_TEXT: Final = 5 * 1024 * 1024  # characters of one text after expansion
_MAX_COMPLAINTS: Final = 10  # of one text
_TOKEN = pattern(r"\$(?P<literal>\$)?\{(?(literal)|(?P<body>[^}\n]*)(?P<end>\}?))")
_SECRET_NAME = pattern(r"[A-Za-z_][A-Za-z0-9_]*")


class FileText(Struct, frozen=True):
    """The text of a file and where it came from."""

    text: str
    path: str


class Scope(Struct, frozen=True):
    """What expressions can reach."""

    variables: Mapping[str, Json]
    secrets: Collection[str]  # names that manifests may read
    read_file: Callable[[str], FileText]  # ValueError says why a file is not to be had
    environment: str  # whose variables these are


class Expansion(Struct, frozen=True):
    """The expanded value of a text; `origin` is the file if the whole value comes from one."""

    value: Json
    diagnostics: tuple[Diagnostic, ...] = ()
    origin: str = ""
    passages: tuple[Passage, ...] = ()  # of a text, when files have brought some of it
    expressions: int = 1  # that were looked at
    gathered: int = 0  # characters that were put together, in vain ones included


def expand(text: str, where: Source, scope: Scope) -> Expansion:
    """Expand the expressions of a text; with diagnostics, return the text unchanged."""
    if "${" not in text:
        return Expansion(text)
    whole = _TOKEN.fullmatch(text)
    try:
        if whole and not whole["literal"]:
            return _whole(_evaluate(whole, scope))
    except _WrongError as wrong:
        return Expansion(text, (_complaint(wrong.fault, where),))
    return _Mixture(text, where, scope).expansion()


def expressions(text: str) -> tuple[str, ...]:
    """The expressions in a text, as they are written."""
    return tuple(token.group() for token in _TOKEN.finditer(text) if not token["literal"])


def pieces(text: str) -> tuple[tuple[str, bool], ...]:
    """The parts of a text as they are written, and whether each is an expression."""
    found, end = [], 0
    for token in _TOKEN.finditer(text):
        if not token["literal"]:
            found += [(text[end : token.start()], False), (token.group(), True)]
            end = token.end()
    return tuple(one for one in (*found, (text[end:], False)) if one[0])


def unescaped(text: str) -> str:
    """Unescape a text without expressions."""
    return text.replace("$${", "${")


def brought(text: str, scope: Scope) -> str | None:
    """The text that an expression inserts; None if its value is not text or is a secret."""
    found = expand(f"{text} ", Source("", 0, 0), scope)
    return found.value[:-1] if isinstance(found.value, str) and not found.diagnostics else None


def literally(text: str) -> str:
    """A text as it is written so that nothing in it is an expression."""
    return text.replace("${", "$${")


class _WrongError(Exception):
    """An expression that stands for nothing."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def _complaint(fault: Fault, where: Source, line: int = 1) -> Diagnostic:
    message = fault.message if line == 1 else f"{fault.message} (line {line} of the text)"
    return Diagnostic(fault.id, message, where, fault.hint)


def _whole(found: Json) -> Expansion:
    if isinstance(found, FileText):
        return Expansion(found.text, origin=found.path, passages=(Passage(0, found.path),))
    return Expansion(found)


def _evaluate(token: re.Match[str], scope: Scope) -> Json:
    """The value of one expression: an Address, a SecretText, a FileText, or the variable's JSON value."""
    expression = token.group()
    if not token["end"]:
        message = f"{shown(expression)} has no closing brace on its line"
        raise _WrongError(Fault("TV109", message, "write `$${` for a literal `${`"))
    scheme, colon, rest = token["body"].partition(":")
    evaluate = _SCHEMES.get(scheme)
    if evaluate is None or not colon:
        raise _unknown(expression, token["body"], scope)
    if not rest or rest != rest.strip() or "${" in rest:
        what = "expressions cannot be nested" if "${" in rest else "it needs a value after the colon, without spaces"
        raise _WrongError(
            Fault("TV109", f"invalid expression {shown(expression)}: {what}", f"write `{_FORMS[scheme]}`")
        )
    return evaluate(rest, scope)


def _unknown(expression: str, body: str, scope: Scope) -> _WrongError:
    right = _intended(body, scope)
    if not right:
        scheme = body.partition(":")[0].strip()
        meant = suggestion(scheme, _SCHEMES) if len(scheme) > 1 else ""
        right = meant if meant.startswith("did") else f"known: {listed(_FORMS.values())}"
    hint = f"{right}; write `$${{` for a literal `${{`"
    return _WrongError(Fault("TV109", f"unknown expression {shown(expression)}", hint))


def _intended(body: str, scope: Scope) -> str:
    """What an expression as other tools have them says here: `${BRAND}`, `${{ secrets.KEY }}`, `${var.brand}`."""
    name = re.sub(r"^(?:env|vars?|secrets?|inputs)\s*[.:]\s*", "", body.strip("{} \t"))
    for known, scheme in ((scope.variables, "var"), (scope.secrets, "secret")):
        found = name if name in known else next((one for one in known if one.lower() == name.lower()), "")
        if found:
            return f"write `${{{scheme}:{found}}}`"
    with contextlib.suppress(ValueError):
        return f"write `${{ref:{address_in(name)}}}`"
    with contextlib.suppress(ValueError):
        scope.read_file(name)
        return f"write `${{file:{name}}}`"
    if re.search(r"secret", body) and _SECRET_NAME.fullmatch(name):
        return f"write `${{secret:{name}}}`, and add `{name}` to `secrets:` in tavusctl.yaml"
    if _SECRET_NAME.fullmatch(name) and ":" not in body:
        return f"write `${{var:{name}}}`, and declare `{name}` under `vars:` of the environment in tavusctl.yaml"
    return ""


def _ref(rest: str, _: Scope) -> Address:
    try:
        return address_in(rest)
    except ValueError as error:
        raise _WrongError(Fault("TV107", str(error))) from None


def _var(name: str, scope: Scope) -> Json:
    if name not in scope.variables:
        declare = f"declare it under `environments.{scope.environment}.vars` in tavusctl.yaml"
        message = f"undefined variable {shown(name)} in the environment `{scope.environment}`"
        raise _WrongError(Fault("TV111", message, suggestion(name, scope.variables) or declare))
    return copy.deepcopy(scope.variables[name])


def _secret(name: str, scope: Scope) -> SecretText:
    if not _SECRET_NAME.fullmatch(name):
        raise _WrongError(Fault("TV109", f"{shown(name)} is not a valid name of an environment variable"))
    if name not in scope.secrets:
        meant = suggestion(name, scope.secrets)
        hint = meant if meant.startswith("did") else f"add `{shortened(name, 60)}` to `secrets:` in tavusctl.yaml"
        raise _WrongError(Fault("TV112", f"the secret {shown(name)} is not listed under `secrets:`", hint))
    return SecretText(("", ""), (name,))


def _file(path: str, scope: Scope) -> FileText:
    try:
        return scope.read_file(path)
    except ValueError as error:
        there = getattr(error, "hint", "")
        hint = f"write `${{file:{there}}}`" if there else ""
        raise _WrongError(Fault("TV110", f"file {shown(path)} {error}", hint)) from None


_SCHEMES: Final[dict[str, Callable[[str, Scope], Json]]] = {"ref": _ref, "file": _file, "var": _var, "secret": _secret}
_FORMS: Final = {"ref": "${ref:kind/name}", "file": "${file:path}", "var": "${var:name}", "secret": "${secret:NAME}"}


class _Mixture(Struct):
    """A text with expressions amid other text."""

    text: str
    where: Source
    scope: Scope
    _pieces: list[str] = field(default_factory=list)  # of the part being read
    _parts: list[str] = field(default_factory=list)
    _names: list[str] = field(default_factory=list)
    _complaints: list[Diagnostic] = field(default_factory=list)
    _passages: list[Passage] = field(default_factory=list)
    _length: int = 0
    _count: int = 0

    def expansion(self) -> Expansion:
        """The text put together, a SecretText when there is a secret in it."""
        end = 0
        for token in _TOKEN.finditer(self.text):
            self._add(self.text[end : token.start()])
            end = token.end()
            self._count += 1
            try:
                self._take(token)
            except _WrongError as wrong:
                line = self.text.count("\n", 0, token.start()) + 1
                self._complaints.append(_complaint(wrong.fault, self.where, line))
            if len(self._complaints) == _MAX_COMPLAINTS or self._length > MAX_TEXT:
                break
        self._add(self.text[end:])
        return self._result()

    def _take(self, token: re.Match[str]) -> None:
        if token["literal"]:
            self._add("${")
            return
        value = _evaluate(token, self.scope)
        if isinstance(value, SecretText):
            self._parts.append("".join(self._pieces))
            self._pieces.clear()
            self._names += value.names
        elif isinstance(value, FileText):
            self._passages.append(Passage(self._length, value.path))
            self._add(value.text)
            self._passages.append(Passage(self._length, ""))
        else:
            self._add(_as_text(value, token.group()))

    def _add(self, piece: str) -> None:
        self._length += len(piece)
        self._pieces.append(piece)

    def _result(self) -> Expansion:
        if self._length > MAX_TEXT:
            message = f"the text is longer than {MAX_TEXT} characters after its expressions are expanded"
            self._complaints.append(Diagnostic("TV115", message, self.where))
        if self._complaints:
            return Expansion(self.text, tuple(self._complaints), "", (), self._count, self._length)
        last = "".join(self._pieces)
        found = SecretText((*self._parts, last), tuple(self._names)) if self._names else last
        passages = () if self._names else tuple(self._passages)
        return Expansion(found, (), "", passages, self._count, self._length)


def _as_text(value: Json, expression: str) -> str:
    """A value amid other text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return shown(value)
    if isinstance(value, Address):
        hint = "remove the text around it"
        raise _WrongError(Fault("TV109", f"{shown(expression)} must be the whole value", hint))
    message = f"{shown(expression)} is {shown(value)}, which cannot be inserted into text"
    raise _WrongError(Fault("TV109", message, "use it as the whole value"))
