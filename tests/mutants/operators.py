"""The mutation operators: each makes one small change in a module, such as a typing error would be.

Not changed: docstrings, annotations, decorators, and names and values that only a type checker reads.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_SKIPPED_FIELDS = frozenset({"annotation", "returns", "decorator_list", "type_params", "format_spec"})
_OPPOSITES = {"all": "any", "any": "all", "min": "max", "max": "min", "sorted": "list"}


@dataclass(frozen=True, slots=True)
class Place:
    """The position of a node in its syntax tree."""

    parent: ast.AST
    field: str
    index: int | None = None  # in a list of nodes; None: the field is the node itself

    def put(self, node: Any) -> Any:
        """Put a node at this place; return the node that was there."""
        value = getattr(self.parent, self.field)
        if self.index is None:
            setattr(self.parent, self.field, node)
            return value
        previous, value[self.index] = value[self.index], node
        return previous


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of a module."""

    line: int
    what: str  # the change in words, without the line number, so that it stays the same when the line moves
    tree: ast.Module
    place: Place
    node: Any

    def source(self) -> str:
        """The source of the module with the change."""
        before = self.place.put(self.node)
        try:
            return ast.unparse(ast.fix_missing_locations(self.tree))
        finally:
            self.place.put(before)


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module, sorted by line."""
    tree = ast.parse(source)
    unsorted = (
        Mutant(line, what, tree, place, node)
        for place, statement in _walk(tree)
        for line, what, node in _changes(place, statement)
    )
    yield from sorted(unsorted, key=lambda mutant: mutant.line)


def _walk(node: ast.AST) -> Iterator[tuple[Place, ast.AST]]:
    for name, value in ast.iter_fields(node):
        if name in _SKIPPED_FIELDS or (isinstance(node, ast.ClassDef) and name in {"bases", "keywords"}):
            continue
        children = enumerate(value) if isinstance(value, list) else [(None, value)]
        for index, child in children:
            if isinstance(child, ast.AST) and not _is_skipped(child):
                yield Place(node, name, index), child
                yield from _walk(child)


def _is_skipped(node: ast.AST) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom | ast.arg):
        return True
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id in {"__all__", "__slots__"}
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)  # a docstring, or `...`


def _changes(place: Place, node: ast.AST) -> Iterator[tuple[int, str, Any]]:
    # An `ast.comprehension` is the only node here that has no line number itself.
    line = node.target.lineno if isinstance(node, ast.comprehension) else getattr(node, "lineno", 0)
    for what, changed in (*_of_statement(node), *_of_operator(node), *_of_expression(place, node)):
        yield line, what, changed
    if isinstance(node, ast.match_case | ast.ExceptHandler):
        yield from _of_clause(node)


def _of_statement(node: ast.AST) -> Iterator[tuple[str, Any]]:
    match node:
        case ast.Expr() | ast.Raise() | ast.AugAssign() | ast.Delete() | ast.Break() | ast.Continue():
            yield f"without {_text(node)}", ast.Pass()
        case ast.Assign(targets=[target]) if not _is_of_names(target):
            yield f"without {_text(node)}", ast.Pass()
        case ast.Return(value=None):
            yield "without return", ast.Pass()
        case ast.Return(value=value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield f"return None for {_text(value)}", ast.Return(ast.Constant(None))
        case ast.With(items=items, body=body):
            entered = ", ".join(_text(item.context_expr) for item in items)
            if all(item.optional_vars is None for item in items):
                yield f"without with {entered}", ast.If(ast.Constant(True), body, [])
        case ast.If(test=test) | ast.While(test=test) if not _has_an_opposite(test):
            yield f"not {_text(test)}", _with(node, test=_negated(test))
        case _:
            return


def _of_operator(node: ast.AST) -> Iterator[tuple[str, Any]]:
    match node:
        case ast.Compare(ops=[operator], comparators=[_]):
            for other in _COMPARISONS[type(operator)]:
                changed = _with(node, ops=[other()])
                yield f"{_text(changed)} for {_text(node)}", changed
        case ast.BoolOp(op=operator):
            changed = _with(node, op=ast.Or() if isinstance(operator, ast.And) else ast.And())
            yield f"{_text(changed)} for {_text(node)}", changed
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield f"{_text(operand)} for {_text(node)}", operand
        case ast.BinOp(op=operator) if type(operator) in _ARITHMETIC:
            changed = _with(node, op=_ARITHMETIC[type(operator)]())
            yield f"{_text(changed)} for {_text(node)}", changed
        case _:
            return


def _of_expression(place: Place, node: ast.AST) -> Iterator[tuple[str, Any]]:
    match node:
        case ast.IfExp(test=test) if not _has_an_opposite(test):
            yield f"not {_text(test)}", _with(node, test=_negated(test))
        case ast.comprehension(ifs=[_, *_] as tests):
            yield f"without if {_text(tests[0])}", _with(node, ifs=tests[1:])
        case ast.Lambda(body=body) if not isinstance(body, ast.Constant):
            yield f"lambda of None for {_text(node)}", _with(node, body=ast.Constant(None))
        case ast.Call():
            yield from _of_call(node)
        case ast.Constant():
            yield from _of_constant(place, node)
        case ast.JoinedStr():
            yield f"'' for {_text(node)}", ast.Constant("")
        case _:
            return


def _of_call(node: ast.Call) -> Iterator[tuple[str, Any]]:
    if (
        isinstance(node.func, ast.Name)
        and node.func.id in _OPPOSITES
        and not (node.func.id == "sorted" and node.keywords)
    ):
        other = ast.Name(_OPPOSITES[node.func.id], ast.Load())
        yield f"{other.id} for {_text(node)}", _with(node, func=other)
    for index, keyword in enumerate(node.keywords):
        if keyword.arg:
            rest = [*node.keywords[:index], *node.keywords[index + 1 :]]
            yield f"without {keyword.arg} in {_text(node)}", _with(node, keywords=rest)
    if len(node.args) > 1 and not isinstance(node.args[-1], ast.Starred):
        yield f"without the last argument in {_text(node)}", _with(node, args=node.args[:-1])


def _of_constant(place: Place, node: ast.Constant) -> Iterator[tuple[str, Any]]:
    if isinstance(place.parent, ast.JoinedStr | ast.FormattedValue):
        return  # a part of an f-string, which is changed as a whole
    match node.value:
        case bool() as value:
            yield f"{not value} for {value}", ast.Constant(not value)
        case int() | float() as number:
            yield f"{number + 1} for {number}", ast.Constant(number + 1)
        case str() as text:
            yield f"{'' if text else 'other'!r} for {text!r}", ast.Constant("" if text else "other")
        case bytes() as content:
            yield f"{b'' if content else b'other'!r} for {content!r}", ast.Constant(b"" if content else b"other")
        case _:
            return


def _of_clause(node: ast.match_case | ast.ExceptHandler) -> Iterator[tuple[int, str, Any]]:
    if isinstance(node, ast.match_case):
        if node.guard is None and not isinstance(node.pattern, ast.MatchAs):
            yield node.pattern.lineno, f"without case {_text(node.pattern)}", _with(node, guard=ast.Constant(False))
        return
    if not isinstance(node.body[0], ast.Raise):
        yield node.lineno, f"raise at once in except {_text(node.type)}", _with(node, body=[ast.Raise()])
    if isinstance(node.type, ast.Tuple):
        for index, error_type in enumerate(node.type.elts):
            rest = ast.Tuple([*node.type.elts[:index], *node.type.elts[index + 1 :]], ast.Load())
            yield node.lineno, f"without {_text(error_type)} in except", _with(node, type=rest)


def _is_of_names(target: ast.expr) -> bool:
    """Whether an assignment target consists of names only: without them, the first use would fail at once."""
    return isinstance(target, ast.Name) or (isinstance(target, ast.Tuple) and all(map(_is_of_names, target.elts)))


def _has_an_opposite(test: ast.expr) -> bool:
    """Whether another operator already negates this condition."""
    return isinstance(test, ast.UnaryOp) or (isinstance(test, ast.Compare) and len(test.ops) == 1)


def _negated(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _with(node: Any, **fields: Any) -> Any:
    copied = copy.copy(node)
    for name, value in fields.items():
        setattr(copied, name, value)
    return copied


def _text(node: ast.AST | None) -> str:
    text = " ".join(ast.unparse(node).split()) if node else ""
    return text if len(text) <= 100 else text[:97] + "..."
