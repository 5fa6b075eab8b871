"""Durations as people write them: `90m`, `24h`, `1h30m`, `7d`, or ISO 8601 such as `PT36H`."""

from __future__ import annotations

from typing import Final

from tavusctl.lib.patterns import pattern
from tavusctl.secrets.redaction import shortened

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_UNIT = r"(?:(\d{{1,9}}(?:\.\d{{1,6}})?){0})?"
_PLAIN = pattern("".join(_UNIT.format(unit) for unit in "wdhms"))
_ISO = pattern("P{}{}(?:T{}{}{})?".format(*(_UNIT.format(unit) for unit in "WDHMS")))


def seconds(text: str) -> float:
    """The seconds of a duration, more than zero; ValueError, with examples, if the text is not a duration."""
    match = _PLAIN.fullmatch(text) or _ISO.fullmatch(text)
    total = sum(float(n) * _SECONDS[unit] for n, unit in zip(match.groups(), "wdhms", strict=True) if n) if match else 0
    if not total:
        raise ValueError(f"`{shortened(text, 60)}` is not a duration; write `90m`, `24h`, `7d` or `1h30m`")
    return total
