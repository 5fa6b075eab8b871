"""YAML that hands and other programs have left rough: odd indents, headers of blocks, tabs, blank lines, comments."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tavusctl.config import yaml12
from tavusctl.core.diagnostics import Severity

_HEAD = "kind: persona\nname: a\n"
_WORDS = ("word", "- x", "# no", "a: b", " lead", "trail ", "é\U0001f600", "'", '"', "x\u2028y", "x\x85y", "")
_IN_QUOTES = ("a", " ", "b ", "#", " # ", "\t", "\u2028")


@dataclass
class Rough:
    """Writes one mapping after another."""

    chance: random.Random

    def pick(self, *choices: str) -> str:
        return self.chance.choice(choices)

    def text(self) -> str:
        """A manifest, more or less in order; it may be no valid YAML."""
        step = self.chance.choice([1, 2, 2, 4])
        entries = [self.entry(f"k{number}", step) for number in range(self.chance.randint(1, 4))]
        newline = self.pick("\n", "\n", "\r\n")
        text = (_HEAD + "\n".join(entries)).replace("\n", newline)
        return text + self.pick("\n", "", "\n\n", " ", "\n   \n", "\n...\n", "\n---\nb: 1\n", "\n# end")

    def entry(self, key: str, step: int) -> str:
        margin, space = " " * step, self.pick(" ", " ", "  ", "\t")
        behind = self.pick("", "", "", f"\n{margin}# below", "\n# between", "\n", "\n   ", f"\n{margin}  # deep")
        form = self.chance.random()
        if form < 0.5:
            return (
                f"{self.pick(key, f'? {key}{chr(10)}', f'{chr(34)}{key}{chr(34)}')}:{space}{self.scalar(step)}{behind}"
            )
        if form < 0.75:
            dash = f"\n{self.pick('', margin)}-{space}"
            items = "".join(dash + self.scalar(step + 2) for _ in range(self.chance.randint(1, 3)))
            return f"{key}:{self.pick('', '  # list')}{items}{behind}"
        inner = "".join(
            f"\n{margin}{name}: {self.scalar(2 * step)}{self.pick('', f'{chr(10)}{margin}  # deep')}"
            for name in "mn"[: self.chance.randint(1, 2)]
        )
        return f"{key}:{inner}{behind}"

    def scalar(self, indent: int) -> str:
        """A scalar whose further lines have an indent."""
        margin = " " * indent
        breaks = (f"\n{margin}", f"\n\n{margin}", f"\n{margin}\n{margin}")
        form = self.chance.random()
        if form < 0.15:
            return self.pick("1", "null", "", "[a, 'b']", "{m: 1}", "[]", "[a, # c\n" + margin + "b]", "x # behind")
        if form < 0.35:
            quote = self.pick("'", '"')
            escapes = ("''",) if quote == "'" else ("\\n", "\\t", "\\\\", f"\\\n{margin}")
            return (
                quote
                + "".join(self.pick(*_IN_QUOTES, *breaks, *escapes) for _ in range(self.chance.randint(0, 6)))
                + quote
            )
        if form < 0.5:
            return "plain" + "".join(self.pick(*breaks) + "more" for _ in range(self.chance.randint(0, 3)))
        header = (
            self.pick("|", ">") + self.pick("", "", "1", "2") + self.pick("", "-", "+") + self.pick("", " # c", "  ")
        )
        lines = (
            self.pick(margin, margin, margin + " ", "") + self.pick(*_WORDS) for _ in range(self.chance.randint(0, 5))
        )
        return header + "".join(f"\n{line}" for line in lines)


def rough(chance: random.Random) -> bytes:
    """A valid YAML file of one or two mappings; the first is a manifest."""
    while True:
        content = Rough(chance).text().encode()
        diagnostics = yaml12.read(content, "x.yaml").diagnostics
        if not any(one.severity is Severity.ERROR for one in diagnostics):
            return content
