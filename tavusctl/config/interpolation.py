"""Expressions in text: `${ref:kind/name}`, `${file:path}`, `${var:name}`, `${secret:NAME}`; `$${` is a literal `${`.

An expression that is the whole text keeps its type: a reference becomes an `Address`, a variable its JSON value.
Amid other text, files and variables are inserted as text, and a secret makes the whole a `SecretText`.  Inserted text
is never expanded again.
"""

from __future__ import annotations

import contextlib
import copy
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from typing import Final

from msgspec import Struct

from tavusctl.core.address import NAME, NOWHERE, Address, Source
from tavusctl.core.diagnostics import Diagnostic, Passage
from tavusctl.core.messages import VARIABLE_HINT, Fault, likely_name, listed, parted, shown, suggestion, variable_fault
from tavusctl.kinds import address_in
from tavusctl.lib.json_types import Json
from tavusctl.lib.patterns import pattern
from tavusctl.secrets.redaction import shortened
from tavusctl.secrets.values import SecretText

MAX_TEXT: Final = 5 * 1024 * 1024  # characters of one text after expansion
_MAX_DIAGNOSTICS: Final = 10  # of one text
SECRETS_HINT: Final = "use secrets in API keys, headers, URLs and free-form objects only"
PATH_HINT: Final = "write the path of a file from the manifests folder, or with `./` from the folder of this manifest"
_TOKEN = pattern(r"\$(?P<literal>\$)?\{(?(literal)|(?P<body>[^}\n]*)(?P<end>\}?))")
_SECRET_NAME = pattern(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME_OF_SECRET = pattern(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD)(?:_|$)", re.IGNORECASE)


class FileText(Struct, frozen=True):
    """The text of a file, and its path as messages show it."""

    text: str
    path: str


class Scope(Struct, frozen=True):
    """What expressions may refer to."""

    variables: Mapping[str, Json]
    secrets: Collection[str]  # names that manifests may read
    read_file: Callable[[str], FileText]  # ValueError says why a file cannot be read
    environment: str  # name of the environment that the variables belong to
    takes_secrets: bool = True  # whether a secret may stand where the text does


class Expansion(Struct, frozen=True):
    """The expanded value of a text; `origin` is the file if the whole value comes from one."""

    value: Json
    diagnostics: tuple[Diagnostic, ...] = ()
    origin: str = ""
    passages: tuple[Passage, ...] = ()  # parts of a text that come from files
    expressions: int = 1  # number of expressions evaluated
    character_count: int = 0  # characters put together, also if the expansion failed


def expand(text: str, where: Source, scope: Scope) -> Expansion:
    """Expand the expressions of a text; if one is invalid, the value is the text unchanged, with diagnostics."""
    if "${" not in text:
        return Expansion(text)
    only_token = _TOKEN.fullmatch(text)
    try:
        if only_token and not only_token["literal"]:
            return _typed_expansion(_evaluate(only_token, scope))
    except _WrongError as error:
        return Expansion(text, (_diagnostic(error.fault, where),))
    return _Mixture(text, where, scope).expansion()


def expressions(text: str) -> tuple[str, ...]:
    """The expressions in a text as written, without escaped ones."""
    return tuple(token.group() for token in _TOKEN.finditer(text) if not token["literal"])


def pieces(text: str) -> tuple[tuple[str, bool], ...]:
    """A text cut into expressions and the text between them; each part as written, and whether it is an expression."""
    parts, end = [], 0
    for token in _TOKEN.finditer(text):
        if not token["literal"]:
            parts += [(text[end : token.start()], False), (token.group(), True)]
            end = token.end()
    return tuple(part for part in (*parts, (text[end:], False)) if part[0])


def unescaped(text: str) -> str:
    """The value of a text without expressions: `$${` becomes `${`."""
    return text.replace("$${", "${")


def inserted_text(text: str, scope: Scope) -> str | None:
    """The text that an expression inserts; None if its value is not text or is a secret."""
    expansion = expand(f"{text} ", NOWHERE, scope)
    return expansion.value[:-1] if isinstance(expansion.value, str) and not expansion.diagnostics else None


def escape_expressions(text: str) -> str:
    """Escape a text so that nothing in it is an expression."""
    return text.replace("${", "$${")


class _WrongError(Exception):
    """An expression that has no value."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def _diagnostic(fault: Fault, where: Source, line: int = 1) -> Diagnostic:
    message = fault.message if line == 1 else f"{fault.message} (line {line} of the text)"
    return Diagnostic(fault.id, message, where, fault.hint)


def _typed_expansion(value: Json) -> Expansion:
    if isinstance(value, FileText):
        return Expansion(value.text, origin=value.path, passages=(Passage(0, value.path),))
    return Expansion(value)


def _evaluate(token: re.Match[str], scope: Scope) -> Json:
    """The value of one expression: an Address, a SecretText, a FileText, or the variable's JSON value."""
    expression = token.group()
    if not token["end"]:
        message = f"{shown(expression)} has no closing brace on its line"
        raise _WrongError(Fault("TV109", message, "add `}` at its end; write `$${` for a literal `${`"))
    scheme, colon, rest = token["body"].partition(":")
    evaluate = _SCHEMES.get(scheme)
    if evaluate is None or not colon:
        raise _unknown(expression, token["body"], scope)
    if not rest or rest != rest.strip() or "${" in rest:
        if scheme == "secret" and rest.strip() and "${" not in rest:
            _check_variable(rest.strip())  # a key in its place is not quoted
        what = "expressions cannot be nested" if "${" in rest else "it needs a value after the colon, without spaces"
        right = f"${{{scheme}:{shortened(rest.strip(), 60)}}}" if rest.strip() and "${" not in rest else _FORMS[scheme]
        hint = _hint(scheme, f"write `{right}`", scope)
        raise _WrongError(Fault("TV109", f"invalid expression {shown(expression)}: {what}", hint))
    return evaluate(rest, scope)


def _unknown(expression: str, body: str, scope: Scope) -> _WrongError:
    advice = _intended(body, scope)
    if not advice:
        scheme = body.partition(":")[0].strip()
        forms = {one: form for one, form in _FORMS.items() if one != "secret" or scope.takes_secrets}
        meant = suggestion(scheme, forms) if len(scheme) > 1 else ""
        advice = meant if meant.startswith("did") else f"known: {listed(forms.values())}"
    hint = f"{advice}; write `$${{` for a literal `${{`"
    return _WrongError(Fault("TV109", f"unknown expression {shown(expression)}", hint))


def _hint(scheme: str, hint: str, scope: Scope) -> str:
    """A hint to use an expression, or where secrets may stand, if that is one and none may stand here."""
    return SECRETS_HINT if scheme == "secret" and not scope.takes_secrets else hint


def _intended(body: str, scope: Scope) -> str:
    """A hint for an expression in the syntax of another tool: `${BRAND}`, `${{ secrets.KEY }}`, `${var.brand}`.

    Empty if its name fits nothing.
    """
    inner = body.strip("{} \t")
    scheme, _, rest = map(str.strip, inner.partition(":"))
    if scheme == "secret" and rest:
        _check_variable(rest)
    if scheme in _SCHEMES and rest:
        return _hint(scheme, f"write `${{{scheme}:{shortened(rest, 60)}}}`", scope)
    name = re.sub(r"^(?:env|vars?|secrets?|inputs)\s*[.:]\s*", "", inner)
    for known, scheme in ((scope.variables, "var"), (scope.secrets, "secret")):
        match = name if name in known else next((key for key in known if key.lower() == name.lower()), "")
        if match:
            return _hint(scheme, f"write `${{{scheme}:{match}}}`", scope)
    with contextlib.suppress(ValueError):
        return f"write `${{ref:{address_in(name)}}}`"
    with contextlib.suppress(ValueError):
        scope.read_file(name)
        return f"write `${{file:{name}}}`"
    if not _SECRET_NAME.fullmatch(name):
        return ""
    if "secret" in body or _NAME_OF_SECRET.search(name):
        return _hint("secret", f"write `${{secret:{name}}}`, and add `{name}` to `secrets:` in tavusctl.yaml", scope)
    if ":" not in body or inner.startswith("env:"):
        return f"write `${{var:{name}}}`, and declare `{name}` under `vars:` of the environment in tavusctl.yaml"
    return ""


def _ref(rest: str, _: Scope) -> Address:
    try:
        return address_in(rest)
    except ValueError as error:
        message, hint = parted(str(error))
        kind, slash, name = rest.partition("/")
        right = likely_name(name) if slash and NAME.fullmatch(kind) else ""
        hint = f"write `${{ref:{kind}/{right}}}`" if right else hint
        raise _WrongError(Fault("TV107", message, hint)) from None


def _var(name: str, scope: Scope) -> Json:
    if name not in scope.variables:
        declare = f"declare it under `environments.{scope.environment}.vars` in tavusctl.yaml"
        message = f"undefined variable {shown(name)} in the environment `{scope.environment}`"
        raise _WrongError(Fault("TV111", message, suggestion(name, scope.variables) or declare))
    return copy.deepcopy(scope.variables[name])


def _check_variable(name: str) -> None:
    if fault := variable_fault(name):
        raise _WrongError(Fault("TV109", fault, VARIABLE_HINT))


def _secret(name: str, scope: Scope) -> SecretText:
    _check_variable(name)
    if name not in scope.secrets:
        meant = suggestion(name, scope.secrets)
        hint = meant if meant.startswith("did") else f"add `{shortened(name, 60)}` to `secrets:` in tavusctl.yaml"
        unlisted = f"the secret {shown(name)} is not listed under `secrets:`"
        message = unlisted if scope.takes_secrets else f"a secret, {shown(name)}, in a field that is not a secret field"
        raise _WrongError(Fault("TV112", message, _hint("secret", hint, scope)))
    return SecretText(("", ""), (name,))


def _file(path: str, scope: Scope) -> FileText:
    try:
        return scope.read_file(path)
    except ValueError as error:
        hint = path_hint(error, path, "${{file:{}}}")
        raise _WrongError(Fault("TV110", f"file {shown(path)} {error}", hint)) from None


def path_hint(error: ValueError, path: str, form: str = "{}") -> str:
    """What to do about a path that leads to no file that may be read; `form` is how the right path is written."""
    likely_path = getattr(error, "hint", "")
    name, found = path.rpartition("/")[2], likely_path.rpartition("/")[2]
    if name != found and unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", found):
        return "rename the file: its name looks like this one, but has letters such as `é` in another Unicode form"
    if likely_path:
        return f"write `{form.format(likely_path)}`"
    return PATH_HINT if getattr(error, "wrong_path", False) else getattr(error, "advice", "")


_SCHEMES: Final[dict[str, Callable[[str, Scope], Json]]] = {"ref": _ref, "file": _file, "var": _var, "secret": _secret}
_FORMS: Final = {"ref": "${ref:kind/name}", "file": "${file:path}", "var": "${var:name}", "secret": "${secret:NAME}"}


class _Mixture(Struct):
    """A text with expressions amid other text."""

    text: str
    where: Source
    scope: Scope
    _pieces: list[str] = []  # text since the last secret
    _parts: list[str] = []
    _secret_names: list[str] = []
    _diagnostics: list[Diagnostic] = []
    _passages: list[Passage] = []
    _length: int = 0
    _count: int = 0

    def expansion(self) -> Expansion:
        """Expand the text; the value is a SecretText if there is a secret in it."""
        end = 0
        for token in _TOKEN.finditer(self.text):
            self._add(self.text[end : token.start()])
            end = token.end()
            self._count += 1
            try:
                self._insert(token)
            except _WrongError as error:
                line = self.text.count("\n", 0, token.start()) + 1
                self._diagnostics.append(_diagnostic(error.fault, self.where, line))
            if len(self._diagnostics) == _MAX_DIAGNOSTICS or self._length > MAX_TEXT:
                break
        self._add(self.text[end:])
        return self._result()

    def _insert(self, token: re.Match[str]) -> None:
        if token["literal"]:
            self._add("${")
            return
        value = _evaluate(token, self.scope)
        if isinstance(value, SecretText):
            self._parts.append("".join(self._pieces))
            self._pieces.clear()
            self._secret_names += value.names
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
            self._diagnostics.append(Diagnostic("TV115", message, self.where))
        if self._diagnostics:
            return Expansion(self.text, tuple(self._diagnostics), "", (), self._count, self._length)
        rest = "".join(self._pieces)
        value = SecretText((*self._parts, rest), tuple(self._secret_names)) if self._secret_names else rest
        passages = () if self._secret_names else tuple(self._passages)
        return Expansion(value, (), "", passages, self._count, self._length)


def _as_text(value: Json, expression: str) -> str:
    """The text of a value that is inserted amid other text; _WrongError if it cannot be text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return shown(value)
    if isinstance(value, Address):
        hint = "remove the text around it"
        raise _WrongError(Fault("TV109", f"{shown(expression)} must be the whole value", hint))
    message = f"{shown(expression)} is {shown(value)}, which cannot be inserted into text"
    raise _WrongError(Fault("TV109", message, "use it as the whole value"))
