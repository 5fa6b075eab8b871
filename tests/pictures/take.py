"""Makes the pictures in docs/pictures: one real plan, as a terminal, GitHub and a browser show it.

`make pictures` makes them again.  Ids depend only on the order of calls, commits have fixed times, and fonts are fixed,
so the same code and the same Chromium make the same bytes.
"""

from __future__ import annotations

import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from functools import partial
from html import escape
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any, Literal

from markdown_it import MarkdownIt
from playwright.sync_api import Browser, Page
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from tests import chromium, npm
from tests.demo import HERE, TAVUSCTL, Demo, emulator
from tests.pictures import scene
from tests.web import serving

PICTURES = HERE / "docs/pictures"
READERS = HERE / "tests/drawings/readers"  # the folder in which Mermaid is installed
GITHUB = Path(__file__).with_name("github.html")
TERMINAL = Path(__file__).with_name("terminal.svg")
COLUMNS = 80
MARGIN = 4  # pixels
WIDTH = 720  # the width of the comment in pixels, as README shows it
PROMPT = "persona/sales-coach"  # the persona whose prompt the branch changes
CONFLICT = 3  # the exit code of the plan
COLOURS = TerminalTheme(
    (13, 17, 23),
    (220, 226, 232),
    [
        *((72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34), (88, 166, 255), (188, 140, 255)),
        *((57, 197, 207), (177, 186, 196)),
    ],
)
OF_A_DIFF = {"+": "come", "-": "gone", "@": "place", "!": "note"}
Scheme = Literal["light", "dark"]


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory(prefix="tavusctl-pictures-") as folder, emulator() as url:
        demo = Demo(Path(folder) / "project", url)
        demo.environment |= scene.ENVIRONMENT
        demo.root.mkdir()
        scene.build(demo)
        take(demo, Path(folder))
    for picture in sorted(PICTURES.iterdir()):
        print(f"    {picture.relative_to(HERE)}: {picture.stat().st_size / 1024:.0f} KiB")


def take(demo: Demo, folder: Path) -> None:
    """Make the pictures of the plan of a project."""
    comment, page = folder / "comment.md", folder / "page.html"
    (PICTURES / "terminal.svg").write_text(drawn("plan", on_a_terminal(demo, "plan")), "utf-8")
    chosen = [f"--target=persona/{name}" for name in ("customer-service-agent", "sales-coach")]
    reports = [f"--report=comment={comment}", f"--report=html={page}"]
    scene.run(demo, "plan", "--base=main", "--blame", *chosen, *reports)
    with chromium.started("--font-render-hinting=none") as browser:
        on_github(browser, comment.read_text("utf-8"))
        as_a_page(browser, page)


def on_a_terminal(demo: Demo, *args: str) -> str:
    """The output of a command on a terminal, including escape sequences for colours."""
    outer, inner = pty.openpty()
    ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    colourful = {name: value for name, value in demo.environment.items() if name != "NO_COLOR"}
    streams: dict[str, Any] = {"stdin": inner, "stdout": inner, "stderr": inner}
    with subprocess.Popen(
        [TAVUSCTL, *args], cwd=demo.root, env={**colourful, "TERM": "xterm-256color"}, **streams
    ) as command:
        os.close(inner)
        output = b"".join(iter(partial(heard, outer), b"")).decode().replace("\r\n", "\n")
    os.close(outer)
    if command.returncode != CONFLICT:
        sys.exit(f"pictures: tavusctl {' '.join(args)} ended with {command.returncode}:\n{output}")
    return output


def heard(terminal: int) -> bytes:
    """Read the next output of a terminal; empty once no process writes to it."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def drawn(command: str, said: str) -> str:
    """The output of a command in a terminal, as an SVG."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(Text.from_ansi(f"\x1b[2m$\x1b[0m \x1b[1mtavusctl {command}\x1b[0m\n{said.rstrip()}"))
    return console.export_svg(title="", theme=COLOURS, code_format=TERMINAL.read_text("utf-8"), unique_id="plan")


@contextmanager
def opened(browser: Browser, url: str, scheme: Scheme, width: int) -> Iterator[Page]:
    """A browser page at a URL, with a colour scheme and a width."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()


def as_a_page(browser: Browser, report: Path) -> None:
    """Take the HTML report: its top in the light scheme, a prompt side by side in the dark scheme."""
    with opened(browser, report.as_uri(), "light", 900) as page:
        part(page, "h1", "#change-1", "page.png")
    with opened(browser, report.as_uri(), "dark", 900) as page:
        prompt = f"details:has(> summary:has-text('{PROMPT}'))"
        part(page, prompt, prompt, "page-dark.png")


def part(page: Page, first: str, last: str, picture: str) -> None:
    """Take a picture of a page from one element (a CSS selector) to another."""
    top, bottom = (page.locator(selector).bounding_box() for selector in (first, last))
    if not top or not bottom:
        sys.exit(f"pictures: the page has no {first} or no {last}")
    width = page.viewport_size["width"] if page.viewport_size else 0
    clip: Any = {"x": 0, "y": top["y"] - MARGIN, "width": width}
    clip["height"] = bottom["y"] + bottom["height"] + MARGIN - clip["y"]
    page.screenshot(path=PICTURES / picture, full_page=True, clip=clip)


def on_github(browser: Browser, comment: str) -> None:
    """Take the comment as GitHub shows it: CommonMark, alerts, coloured diffs, and drawings by Mermaid."""
    npm.installed(READERS)
    with served(READERS) as url, opened(browser, url, "light", WIDTH) as page:
        page.set_content(GITHUB.read_text("utf-8").replace("BODY", body(comment)))
        page.wait_for_selector("html.drawn")
        page.locator("article").screenshot(path=PICTURES / "comment.png")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder over HTTP, from which a browser loads modules; yield a URL in it."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *args: Any) -> None:
            del args

    with serving(partial(Silent, directory=folder)) as port:
        yield f"http://127.0.0.1:{port}/package.json"


def body(comment: str) -> str:
    """The HTML of a comment."""
    markdown = MarkdownIt("commonmark", {"html": True, "highlight": coloured}).enable(["table", "strikethrough"])
    alert = r'<blockquote class="alert"><p class="title">Caution</p><p>'
    return re.sub(r"<blockquote>\s*<p>\[!CAUTION\]", alert, markdown.render(comment))


def coloured(code: str, language: str, _: str) -> str:
    """The HTML of a fenced block, coloured as a diff; a Mermaid block is left for Mermaid."""
    if language == "mermaid":
        return f'<pre class="mermaid">{escape(code)}</pre>'
    lines = (f'<span class="{OF_A_DIFF.get(line[:1], "same")}">{escape(line)}</span>' for line in code.splitlines())
    return f"<pre>{chr(10).join(lines)}</pre>"


if __name__ == "__main__":
    main()
