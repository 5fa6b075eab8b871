"""Writes JSON values as YAML in all styles of people: comments, quotes, flow, folding, blank lines, indents."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tavusctl.lib.json_types import Json, as_list, as_object
from tavusctl.rewrite import yaml_text


@dataclass
class Dresser:
    """Writes YAML in a random style; every comment has its own number."""

    chance: random.Random
    step: int = 2
    comments: int = 0
    anchors: bool = False

    def document(self, value: Json) -> list[str]:
        """The lines of one document."""
        if isinstance(value, dict | list) and (not value or self.chance.random() < 0.1):
            return [*self.above(0), *self.flow(value, 0)]
        return [*self.above(0), *self.block(value, 0)]

    def above(self, indent: int) -> list[str]:
        """Blank lines and comments before an entry."""
        return [
            self.chance.choice(["", " " * indent + self.comment()]) for _ in range(self.chance.choice([0, 0, 0, 1, 2]))
        ]

    def comment(self) -> str:
        self.comments += 1
        return f"# note {self.comments}."

    def behind(self) -> str:
        return f"{' ' * self.chance.randint(1, 3)}{self.comment()}" if self.chance.random() < 0.3 else ""

    def block(self, value: Json, indent: int) -> list[str]:
        """The lines of a non-empty collection in block style, or of a document that is a scalar."""
        if isinstance(value, dict) and value:
            return [
                line for key, item in value.items() for line in [*self.above(indent), *self.pair(key, item, indent)]
            ]
        if isinstance(value, list) and value:
            return [line for item in value for line in [*self.above(indent), *self.item(item, indent)]]
        head, *rest = self.inline(value, indent)
        return [" " * indent + head, *rest]

    def pair(self, key: str, value: Json, indent: int) -> list[str]:
        name = self.key(key)
        opening = " " * indent + (f"? {name}" if self.chance.random() < 0.05 or len(name) > 500 else name)
        lines = [opening, " " * indent] if opening.lstrip().startswith("? ") else [opening]
        lines[-1] += ":" if len(lines) > 1 else self.chance.choice(["", "", "", " "]) + ":"
        if isinstance(value, dict | list) and value and self.chance.random() < 0.8:
            offset = self.chance.choice([0, self.step]) if isinstance(value, list) else self.step
            lines[-1] += self.behind()
            return [*lines, *self.block(value, indent + offset)]
        if value is None and self.chance.random() < 0.5:
            lines[-1] += self.behind()
            return lines
        head, *rest = self.inline(value, indent)
        lines[-1] += " " * self.chance.choice([1, 1, 1, 4]) + head
        return [*lines, *rest]

    def item(self, value: Json, indent: int) -> list[str]:
        margin = " " * indent
        if isinstance(value, dict | list) and value and self.chance.random() < 0.8:
            gap = self.chance.choice([1, 1, 3])
            first, *rest = self.pairs_without_above(value, indent + 1 + gap)
            if first.strip().startswith("#") or self.chance.random() < 0.1:
                return [f"{margin}-{self.behind()}", first, *rest]
            return [f"{margin}-{' ' * gap}{first[indent + 1 + gap :]}", *rest]
        head, *rest = self.inline(value, indent)
        return [f"{margin}- {head}", *rest]

    def pairs_without_above(self, value: Json, indent: int) -> list[str]:
        lines = self.block(value, indent)
        while not lines[0].strip():
            lines = lines[1:]
        return lines

    def inline(self, value: Json, indent: int) -> list[str]:
        """A value after its key, with a comment where YAML allows it."""
        if isinstance(value, dict | list):
            first, *rest = self.flow(value, indent)
        else:
            first, *rest = self.chance.choice(self.spellings(value, indent))
        if not rest or first.startswith(("|", ">")):
            return [first + self.behind(), *rest]
        return [first, *rest[:-1], rest[-1] + self.behind()]

    def spellings(self, value: Json, indent: int) -> list[list[str]]:
        if not isinstance(value, str):
            return [[yaml_text.line(value)]]
        variants = [[yaml_text.line(value)], [yaml_text.double_quoted(value)]]
        if yaml_text.single_quoted(value):
            variants.append([yaml_text.single_quoted(value)])
        if yaml_text.fits_block(value) and not value.endswith("\n\n"):
            variants += [yaml_text.literal(value, indent, self.step)] * 2
        if yaml_text.fits_folded(value) and not value.endswith("\n\n"):
            width = self.chance.choice([5, 20, 90])
            paragraphs = [yaml_text.wrapped(part, width) for part in value.rstrip("\n").split("\n")]
            variants += [yaml_text.fold(paragraphs, value, indent + self.step)] * 2
        words = value.split(" ")
        if len(words) > 1 and all(word.isalpha() for word in words):
            margin = " " * (indent + self.step)
            variants.append([words[0], *(margin + word for word in words[1:])])
            variants.append([f'"{words[0]}', *(margin + word for word in words[1:-1]), f'{margin}{words[-1]}"'])
        return variants

    def flow(self, value: Json, indent: int) -> list[str]:
        """A collection in flow style, on one line or with one line per entry."""
        texts = (
            [self.one(item, "") for item in value]
            if isinstance(value, list)
            else [self.one(item, f"{self.key(key, in_flow=True)}: ") for key, item in as_object(value).items()]
        )
        left, right = "[]" if isinstance(value, list) else "{}"
        if len(texts) > 1 and self.chance.random() < 0.4:
            margin = " " * (indent + self.step)
            last = self.chance.choice(["", ","])
            lines = [f"{margin}{text},{self.behind()}" for text in texts[:-1]]
            return [left, *lines, f"{margin}{texts[-1]}{last}{self.behind()}", " " * (indent + 1) + right]
        space = self.chance.choice(["", "", " "])
        return [left + space + ", ".join(texts) + space + right]

    def one(self, value: Json, before: str) -> str:
        if isinstance(value, dict | list):
            return before + self.flow_line(value)
        if value is None and before and self.chance.random() < 0.5:
            return before
        if isinstance(value, str) and self.chance.random() < 0.5:
            return before + yaml_text.double_quoted(value)
        return before + yaml_text.line(value, in_flow=True)

    def flow_line(self, value: Json) -> str:
        if isinstance(value, dict):
            return f"{{{', '.join(self.one(item, f'{self.key(key, in_flow=True)}: ') for key, item in value.items())}}}"
        return f"[{', '.join(self.one(item, '') for item in as_list(value))}]"

    def key(self, name: str, *, in_flow: bool = False) -> str:
        quoted = self.chance.random() < 0.2 or (in_flow and name == "")
        return yaml_text.double_quoted(name) if quoted else yaml_text.key(name, in_flow=in_flow)


def dressed(documents: list[Json], chance: random.Random) -> bytes:
    """A YAML file with documents."""
    dresser = Dresser(chance, step=chance.choice([2, 2, 4, 3]))
    lines: list[str] = []
    for number, value in enumerate(documents):
        lines += ["---" + dresser.behind()] if number or chance.random() < 0.2 else []
        lines += dresser.document(value)
    lines += dresser.above(0)
    newline = chance.choice(["\n", "\n", "\r\n"])
    mark = chance.choice(["", "", "", "\ufeff"])
    return (mark + newline.join(lines) + chance.choice([newline, newline, ""])).encode()
