"""Canaries (planted secrets), and a scanner that finds them in any encoding: escaped, wrapped, packed or cut.

A canary consists of signs that encoders change, and of a core of letters and digits that it contains twice.  The
scanner searches for the core: it is present even if half of the canary was cut off, or if a redaction missed only a
part of it, and a core that many canaries share makes the search cheap.  The scanner shares no code with the redaction.
"""

from __future__ import annotations

import base64
import functools
import html
import json
import quopri
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote_to_bytes

# The cores of canaries that are a whole secret, of those inside other texts, and of those that may be names.
TYPED, ANYWHERE, NAMED = "qv7canaryzx3", "wk4kanariejp8", "hd5lintuqm2"
CORES: Final = (TYPED, ANYWHERE, NAMED)
COUNT: Final = 40
_SIGNS: Final = "-./&<>'\"%#:=?+~${}\\ é✓"
_HEADER: Final = "-./&<>'\"%#:=?+~${}\\"  # signs that a key in an HTTP header may have
_DEPTH: Final = 2  # the number of nested encodings that the scanner undoes


def canaries(count: int = COUNT, core: str = ANYWHERE, signs: str = _SIGNS) -> list[str]:
    """Invented secrets, always the same; together they have every sign at both ends and in the middle."""
    secrets = []
    for number in range(count):
        rotated = signs[number % len(signs) :] + signs[: number % len(signs)]
        first, middle, last = rotated[0].strip(), rotated[1:6], rotated[6:8].strip()
        secrets.append(f"k{first}{core}{middle}{core}{last}{number:02}")
    return secrets


def keys(count: int, core: str = TYPED) -> list[str]:
    """Canaries that can be sent in an HTTP header, such as a key or a token."""
    return canaries(count, core, _HEADER)


def name_of(core: str = NAMED) -> str:
    """A canary that may be the name of an object, an environment or a host."""
    return f"k-{core}-{core}-9"


def _per_character(form: str) -> Callable[[str], str]:
    return lambda text: "".join(form.format(ord(character)) for character in text)


def _printable(text: str) -> str:
    return quopri.encodestring(text.encode()).decode()


def _printable_throughout(text: str) -> str:
    return "".join(f"={byte:02X}" for byte in text.encode())


def _utf16(text: str) -> str:
    """A text in UTF-16, misread as UTF-8."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-8", "replace")


def _base64(text: str, offset: int = 0) -> str:
    return base64.b64encode(b"u:"[:offset] + text.encode()).decode()


def _base64_for_urls(text: str) -> str:
    return base64.urlsafe_b64encode(b"?" + text.encode()).decode().rstrip("=")


def _base64_in_lines(text: str) -> str:
    return base64.encodebytes(b"login:" * 9 + text.encode()).decode()


def _wrapped(text: str) -> str:
    """A text broken every 7 characters, as in a narrow window; each line begins with a bar and a quotation mark."""
    return "\n│ > ".join(text[start : start + 7] for start in range(0, len(text), 7))


def _coloured(text: str) -> str:
    return "".join(f"\x1b[1;31m{character}\x1b[0m" for character in text)


def _marked(text: str) -> str:
    return "".join(f"<b class='x'>{html.escape(character)}</b>" for character in text)


ENCODINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "plain": str,
    "HTML": html.escape,
    "references": _per_character("&#{};"),
    "references in hex": _per_character("&#x{:x};"),
    "Mermaid": _per_character("#{};"),
    "percent": functools.partial(quote, safe=""),
    "percent throughout": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "JSON": json.dumps,
    "escapes": _per_character("\\u{:04x}"),
    "YAML": _per_character("\\U{:08X}"),
    "Python": lambda text: repr(text.encode()),
    "hex escapes": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "octal": lambda text: "".join(f"\\{byte:03o}" for byte in text.encode()),
    "shell": shlex.quote,
    "quoted-printable": _printable,
    "quoted-printable throughout": _printable_throughout,
    "UTF-16": _utf16,
    "base64": _base64,
    "base64 from the second byte": functools.partial(_base64, offset=1),
    "base64 from the third byte": functools.partial(_base64, offset=2),
    "base64 for URLs": _base64_for_urls,
    "base64 in lines": _base64_in_lines,
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "reversed": lambda text: text[::-1],
    "Markdown": lambda text: re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text),
    "JavaScript": _per_character("%u{:04x}"),
    "bytes of Go": lambda text: f"[{' '.join(str(byte) for byte in text.encode())}]",
    "bytes in hex": lambda text: ", ".join(f"0x{byte:02x}" for byte in text.encode()),
    "wrapped": _wrapped,
    "coloured": _coloured,
    "marked": _marked,
}


# Encodings that the scanner undoes.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_TAG = re.compile(r"</?[A-Za-z!][^<>]*>")
_CODED = re.compile(r"#(\d{1,6});")  # character codes of Mermaid
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_OF_JAVASCRIPT = re.compile(r"%u([0-9A-Fa-f]{4})")
_BYTES = re.compile(r"(?:0x[0-9A-Fa-f]{1,2}|\b\d{1,3})(?:(?:, ?| )(?:0x[0-9A-Fa-f]{1,2}|\d{1,3}))+\b")
_ESCAPE = re.compile(
    r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|([0-7]{3})|(.))", re.DOTALL
)
_PRINTABLE = re.compile(r"=(?:\r?\n|[0-9A-Fa-f]{2})")
_PACKED = re.compile(r"[A-Za-z0-9+/_-]{16,}")
_LOOSE = re.compile(r"[^A-Za-z0-9]+")


def _unescaped(match: re.Match[str]) -> str:
    for digits, base in zip(match.groups()[:5], (16, 16, 16, 16, 8), strict=True):
        if digits:
            number = int(digits, base)
            return chr(number) if number <= 0x10FFFF else ""
    return {"n": "\n", "r": "\r", "t": "\t"}.get(match[6], match[6])


def _unprinted(match: re.Match[str]) -> str:
    return chr(int(match.group()[1:], 16)) if match.group()[1:].strip() else ""


def _of_bytes(match: re.Match[str]) -> str:
    """The text of a list of bytes, in decimal or hex; unchanged if a number is too large for a byte."""
    numbers = [int(number, 16 if number.startswith("0x") else 10) for number in re.split(r"[, ]+", match.group())]
    return bytes(numbers).decode("utf-8", "replace") if max(numbers) < 0x100 else match.group()


def _unpacked(match: re.Match[str]) -> str:
    """A run of letters and digits decoded as hex or base64; unchanged if the result is not text."""
    run = match.group()
    for unpack in (bytes.fromhex, lambda digits: base64.b64decode(digits + "=" * (-len(digits) % 4), altchars=b"-_")):
        try:
            text = unpack(run).decode()
        except ValueError:
            continue
        if text.isprintable() or "\n" in text:
            return text
    return run


_DECODERS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("&", html.unescape),
    ("#", lambda text: _CODED.sub(lambda match: chr(int(match[1])), text)),
    ("%", lambda text: _PERCENT.sub(lambda match: unquote_to_bytes(match.group()).decode("latin-1"), text)),
    ("%u", lambda text: _OF_JAVASCRIPT.sub(lambda match: chr(int(match[1], 16)), text)),
    (" ", lambda text: _BYTES.sub(_of_bytes, text)),
    ("\\", lambda text: _ESCAPE.sub(_unescaped, text)),
    ("=", lambda text: _PRINTABLE.sub(_unprinted, text)),
    ("\x1b", lambda text: _ANSI.sub("", text)),
    ("<", lambda text: _TAG.sub("", text)),
    ("", lambda text: _PACKED.sub(_unpacked, text)),
)


def readings(content: str) -> Iterator[str]:
    """A text with up to two encodings undone in every order, reduced to letters and digits."""
    depths = {content: 0}
    queue = [content]
    for text in queue:
        if depths[text] < _DEPTH:
            for sign, undo in _DECODERS:
                decoded = undo(text) if sign in text else text
                if decoded not in depths:
                    depths[decoded] = depths[text] + 1
                    queue.append(decoded)
    yield from {_LOOSE.sub("", text) for text in depths}


def _packed(text: str) -> Iterator[tuple[str, str]]:
    """The forms that a text has inside base64 (at each of three offsets), hex and reversed data."""
    content = text.encode("latin-1", "replace")
    for shift in range(3):
        stem = base64.b64encode(b"x" * shift + content).decode().rstrip("=")[(0, 2, 3)[shift] :]
        yield "base64", stem[: 8 * (shift + len(content)) // 6 - (0, 2, 3)[shift]]
    yield "hex", content.hex()
    yield "HEX", content.hex().upper()
    yield "reversed", text[::-1]


@functools.cache
def _needles(core: str) -> Mapping[str, str]:
    """What to search for in a reading, with a description: the core, encoded, packed, or both."""
    encoded = {name: encode(core) for name, encode in ENCODINGS.items() if not name.startswith("base64")}
    encoded["UTF-16 backwards"] = core.encode("utf-16-be").decode("latin-1")
    needles = {core: "plain"}
    for inner, text in [*encoded.items(), *_packed(core)]:
        # Quotes at the ends of one form are missing when more text surrounds the core.
        bare = text.strip("'\"b") if inner in ("JSON", "shell", "Python") else text
        for outer, stem in [("", bare), *_packed(bare)]:
            needle = _LOOSE.sub("", stem)
            if len(needle) >= len(core) - 2:
                needles.setdefault(needle, f"{inner} {outer}".strip())
    return needles


def found_in(content: bytes | str, cores: Iterable[str] = CORES) -> list[str]:
    """The canaries in a text: the core, its encoding, and the text around it."""
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    hits = []
    for reading in readings(text):
        for core in cores:
            for needle, encoding in _needles(core).items():
                if needle in reading:
                    start = reading.index(needle)
                    hits.append(f"{core} as {encoding}: ...{reading[max(0, start - 40) : start + len(needle) + 40]}...")
                    break
    return hits


def found_under(folder: Path, cores: Iterable[str] = CORES, *, but: Iterable[Path] = ()) -> list[str]:
    """The canaries in the name and the content of every file under a folder, except the files `but`."""
    searched, skipped = list(cores), {path.resolve() for path in but}
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.resolve() not in skipped]
    return [f"{path}: {hit}" for path in files for hit in found_in(path.name.encode() + path.read_bytes(), searched)]


def _main() -> None:
    """Take the whole tour, and print its extent and the canaries found."""
    from tests.scenarios import tour  # noqa: PLC0415 - tour imports this module
    from tests.scenarios.journey import travelled  # noqa: PLC0415 - as above

    with tempfile.TemporaryDirectory() as folder:
        tours = [travelled(Path(folder, name), is_loud=name == "loud") for name in ("loud", "quiet")]
    hits = [hit for each in tours for hit in (*each.canaries_in_views, *each.canaries_in_records)]
    formats = len({command for each in tours for command in each.done})
    encodings = len(ENCODINGS) * (len(ENCODINGS) + 1)
    sys.stdout.write(
        f"{len(tour.PLACES) + len(tour.TYPED_PLACES)} places x {formats} formats of commands x {encodings} encodings; "
        f"{sum(len(each.views) for each in tours)} views, {sum(len(each.records) for each in tours)} records, "
        f"{len(hits)} canaries or masks in them\n" + "".join(f"  {hit}\n" for hit in hits)
    )
    sys.exit(bool(hits))


if __name__ == "__main__":
    _main()
