"""Secrets to plant, and a scanner that decodes: it finds them however they are spelled, wrapped, packed or cut.

A canary is made of what encoders change, around a core of letters and digits that stands in it twice.  The core is what
is looked for: it is there also when half of a canary was cut off, or when a redaction missed the rest of it, and one
core for many canaries makes a search cheap.  The scanner shares nothing with what redacts.
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

# Cores: of what is a secret alone, of what stands in other texts, too, and of what is a name as well.
TYPED, ANYWHERE, NAMED = "qv7canaryzx3", "wk4kanariejp8", "hd5lintuqm2"
CORES: Final = (TYPED, ANYWHERE, NAMED)
COUNT: Final = 40
_SIGNS: Final = "-./&<>'\"%#:=?+~${}\\ é✓"
_HEADER: Final = "-./&<>'\"%#:=?+~${}\\"  # what a key may be made of that is sent in a header
_DEPTH: Final = 2


def canaries(count: int = COUNT, core: str = ANYWHERE, signs: str = _SIGNS) -> list[str]:
    """Made-up secrets, always the same; every sign is in some of them, at both ends and between."""
    made = []
    for number in range(count):
        turned = signs[number % len(signs) :] + signs[: number % len(signs)]
        first, middle, last = turned[0].strip(), turned[1:6], turned[6:8].strip()
        made.append(f"k{first}{core}{middle}{core}{last}{number:02}")
    return made


def keys(count: int, core: str = TYPED) -> list[str]:
    """The same for what is sent in a header: a key or a token."""
    return canaries(count, core, _HEADER)


def name_of(core: str = NAMED) -> str:
    """A canary that may be the name of an object, an environment or a host."""
    return f"k-{core}-{core}-9"


def _each(form: str) -> Callable[[str], str]:
    return lambda text: "".join(form.format(ord(one)) for one in text)


def _printable(text: str) -> str:
    return quopri.encodestring(text.encode()).decode()


def _every_printable(text: str) -> str:
    return "".join(f"={byte:02X}" for byte in text.encode())


def _utf16(text: str) -> str:
    """As it looks to who takes it for UTF-8."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-8", "replace")


def _base64(text: str, offset: int = 0) -> str:
    return base64.b64encode(b"u:"[:offset] + text.encode()).decode()


def _for_urls(text: str) -> str:
    return base64.urlsafe_b64encode(b"?" + text.encode()).decode().rstrip("=")


def _in_lines(text: str) -> str:
    return base64.encodebytes(b"login:" * 9 + text.encode()).decode()


def _wrapped(text: str) -> str:
    """Broken where there is no space, as a narrow window does; a bar or a mark of a quotation begins each line."""
    return "\n│ > ".join(text[at : at + 7] for at in range(0, len(text), 7))


def _coloured(text: str) -> str:
    return "".join(f"\x1b[1;31m{one}\x1b[0m" for one in text)


def _marked(text: str) -> str:
    return "".join(f"<b class='x'>{html.escape(one)}</b>" for one in text)


ENCODINGS: Final[Mapping[str, Callable[[str], str]]] = {
    "plain": str,
    "HTML": html.escape,
    "references": _each("&#{};"),
    "references in hex": _each("&#x{:x};"),
    "Mermaid": _each("#{};"),
    "percent": functools.partial(quote, safe=""),
    "percent throughout": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "JSON": json.dumps,
    "escapes": _each("\\u{:04x}"),
    "YAML": _each("\\U{:08X}"),
    "Python": lambda text: repr(text.encode()),
    "hex escapes": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "octal": lambda text: "".join(f"\\{byte:03o}" for byte in text.encode()),
    "shell": shlex.quote,
    "quoted-printable": _printable,
    "quoted-printable throughout": _every_printable,
    "UTF-16": _utf16,
    "base64": _base64,
    "base64 from the second byte": functools.partial(_base64, offset=1),
    "base64 from the third byte": functools.partial(_base64, offset=2),
    "base64 for URLs": _for_urls,
    "base64 in lines": _in_lines,
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "reversed": lambda text: text[::-1],
    "wrapped": _wrapped,
    "coloured": _coloured,
    "marked": _marked,
}


# What the scanner undoes in place; each changes a text, or gives it back.
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_TAG = re.compile(r"</?[A-Za-z!][^<>]*>")
_CODED = re.compile(r"#(\d{1,6});")  # of Mermaid
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_ESCAPE = re.compile(
    r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{2})|([0-7]{3})|(.))", re.DOTALL
)
_PRINTABLE = re.compile(r"=(?:\r?\n|[0-9A-Fa-f]{2})")
_PACKED = re.compile(r"[A-Za-z0-9+/_-]{16,}")
_LOOSE = re.compile(r"[^A-Za-z0-9]+")


def _unescaped(found: re.Match[str]) -> str:
    for digits, base in zip(found.groups()[:5], (16, 16, 16, 16, 8), strict=True):
        if digits:
            number = int(digits, base)
            return chr(number) if number <= 0x10FFFF else ""
    return {"n": "\n", "r": "\r", "t": "\t"}.get(found[6], found[6])


def _unprinted(found: re.Match[str]) -> str:
    return chr(int(found.group()[1:], 16)) if found.group()[1:].strip() else ""


def _unpacked(found: re.Match[str]) -> str:
    """A run of letters and digits as what is packed in it; itself when that is no text."""
    run = found.group()
    for unpack in (bytes.fromhex, lambda one: base64.b64decode(one + "=" * (-len(one) % 4), altchars=b"-_")):
        try:
            text = unpack(run).decode()
        except ValueError:
            continue
        if text.isprintable() or "\n" in text:
            return text
    return run


_UNDOING: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("&", html.unescape),
    ("#", lambda text: _CODED.sub(lambda one: chr(int(one[1])), text)),
    ("%", lambda text: _PERCENT.sub(lambda one: unquote_to_bytes(one.group()).decode("latin-1"), text)),
    ("\\", lambda text: _ESCAPE.sub(_unescaped, text)),
    ("=", lambda text: _PRINTABLE.sub(_unprinted, text)),
    ("\x1b", lambda text: _ANSI.sub("", text)),
    ("<", lambda text: _TAG.sub("", text)),
    ("", lambda text: _PACKED.sub(_unpacked, text)),
)


def readings(content: str) -> Iterator[str]:
    """A text as its readers may see it: with up to two encodings undone, letters and digits alone."""
    seen = {content: 0}
    waiting = [content]
    for text in waiting:
        if seen[text] < _DEPTH:
            for sign, undo in _UNDOING:
                meant = undo(text) if sign in text else text
                if meant not in seen:
                    seen[meant] = seen[text] + 1
                    waiting.append(meant)
    yield from {_LOOSE.sub("", text) for text in seen}


def _packed(text: str) -> Iterator[tuple[str, str]]:
    """What a text is as a part of something packed, wherever that begins."""
    content = text.encode("latin-1", "replace")
    for shift in range(3):
        stem = base64.b64encode(b"x" * shift + content).decode().rstrip("=")[(0, 2, 3)[shift] :]
        yield "base64", stem[: 8 * (shift + len(content)) // 6 - (0, 2, 3)[shift]]
    yield "hex", content.hex()
    yield "HEX", content.hex().upper()
    yield "reversed", text[::-1]


@functools.cache
def _needles(core: str) -> Mapping[str, str]:
    """What to look for in a reading, and what that is: the core, packed, packed twice, or packed after encoding it."""
    spelled = {name: encode(core) for name, encode in ENCODINGS.items() if not name.startswith("base64")}
    spelled["UTF-16 backwards"] = core.encode("utf-16-be").decode("latin-1")
    found = {core: "plain"}
    for inner, text in [*spelled.items(), *_packed(core)]:
        # Quotes and what else stands at the ends of one spelling are not there when more text surrounds it.
        bare = text.strip("'\"b") if inner in ("JSON", "shell", "Python") else text
        for outer, stem in [("", bare), *_packed(bare)]:
            needle = _LOOSE.sub("", stem)
            if len(needle) >= len(core) - 2:
                found.setdefault(needle, f"{inner} {outer}".strip())
    return found


def found_in(content: bytes | str, cores: Iterable[str] = CORES) -> list[str]:
    """Which canaries are in some text, how, and amid what."""
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    hits = []
    for reading in readings(text):
        for core in cores:
            for needle, how in _needles(core).items():
                if needle in reading:
                    at = reading.index(needle)
                    hits.append(f"{core} as {how}: ...{reading[max(0, at - 40) : at + len(needle) + 40]}...")
                    break
    return hits


def found_under(folder: Path, cores: Iterable[str] = CORES, *, but: Iterable[Path] = ()) -> list[str]:
    """As `found_in`, for every file under a folder except some, and for its name."""
    known, left = list(cores), {path.resolve() for path in but}
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.resolve() not in left]
    return [f"{path}: {one}" for path in files for one in found_in(path.name.encode() + path.read_bytes(), known)]


def _main() -> None:
    """Take the whole tour, and say how much of it there was and what was found."""
    from tests.scenarios import tour  # noqa: PLC0415 - it imports this module
    from tests.scenarios.journey import travelled  # noqa: PLC0415 - as above

    with tempfile.TemporaryDirectory() as folder:
        made = [travelled(Path(folder, name), is_loud=name == "loud") for name in ("loud", "quiet")]
    found = [one for each in made for one in (*each.told, *each.held)]
    formats = len({one for each in made for one in each.done})
    encodings = len(ENCODINGS) * (len(ENCODINGS) + 1)
    sys.stdout.write(
        f"{len(tour.PLACES) + len(tour.TYPED_PLACES)} places x {formats} formats of commands x {encodings} encodings; "
        f"{sum(len(one.views) for one in made)} views, {sum(len(one.records) for one in made)} records, "
        f"{len(found)} canaries or masks in them\n" + "".join(f"  {one}\n" for one in found)
    )
    sys.exit(bool(found))


if __name__ == "__main__":
    _main()
