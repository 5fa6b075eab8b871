"""Options of a command line that nobody has parsed, because it is invalid or belongs to another command."""

from __future__ import annotations

from collections.abc import Sequence


def option_values(words: Sequence[str], *names: str) -> list[str]:
    """All values of an option, in order, as `--option VALUE`, `--option=VALUE`, `-o VALUE` or `-oVALUE`."""
    values = []
    for word, following in zip(words, [*words[1:], None], strict=False):
        for name in names:
            joined = f"{name}=" if name.startswith("--") else name
            if word != name and word.startswith(joined):
                values.append(word.removeprefix(joined))
            elif word == name and following is not None:
                values.append(following)
    return values
