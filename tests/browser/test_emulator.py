"""The emulator and a page of another origin, in a browser: nothing changes, and nothing is read."""

from __future__ import annotations

import http.server
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.emulator.harness import KEY, Tavus, emulated
from tests.web import serving

pytestmark = [pytest.mark.external, pytest.mark.needs("chromium")]

# Every way in which a page can send something, on every side of the server; what it can read of the answers.
SCRIPT = """async ([urls, key]) => {
  const read = [];
  const ask = async (url, how) => {
    try {
      const text = await (await fetch(url, how)).text();
      if (text) read.push([url, how.method, text]);
    } catch {}
  };
  for (const url of urls) {
    const api = {'x-api-key': key, 'content-type': 'application/json'};
    for (const mode of ['no-cors', 'cors'])
      for (const method of ['GET', 'POST'])
        await ask(url, {method, mode, credentials: 'include', ...(method == 'POST' ? {body: '{}'} : {})});
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
      await ask(url, {method, headers: api, ...(method == 'GET' ? {} : {body: '{}'})});
    navigator.sendBeacon(url, '{}');
    const frame = Object.assign(document.createElement('iframe'), {name: 'frame'});
    document.body.append(frame);
    const form = Object.assign(document.createElement('form'), {action: url, method: 'post', target: 'frame'});
    form.enctype = 'text/plain';
    document.body.append(form);
    form.submit();
    await new Promise(resolve => frame.onload = resolve);
    try { read.push([url, 'frame', frame.contentDocument.body.innerText]); } catch {}
    for (const part of [form, frame]) part.remove();
  }
  return read;
}"""
USERS = "/v2/personas?persona_type=user"
NAMES = ("reset", "seed", "faults", "switches", "requests", "objects", "mutations", "clock", "accounts", "portal")


@contextmanager
def site(host: str = "127.0.0.1") -> Iterator[int]:
    """A page of somebody else; its port."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = b"<!doctype html><title>strange</title><body>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with serving(Page, host) as port:
        yield port


def contents(tavus: Tavus) -> dict[str, Any]:
    """All that there is, but for calls of the API."""
    return {name: tavus.control("GET", name) for name in ("objects", "mutations", "accounts", "switches", "faults")}


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_page_of_another_origin_neither_changes_nor_reads_anything(browser: Browser, name: str) -> None:
    with emulated() as tavus, site() as port:
        ident = tavus.persona(persona_name="canary-of-the-account")
        tavus.control("POST", "clock", {"freeze": True})
        before = contents(tavus)
        here = tavus.url.replace("127.0.0.1", name)
        urls = [f"{here}/__emulator/{one}" for one in NAMES]
        urls += [f"{here}/v2/personas", f"{here}/v2/personas/{ident}", f"{here}/rooms/c1"]
        page = browser.new_context().new_page()
        # The browser takes the page for one of a stranger's host; nothing leaves this machine.
        page.route("http://evil.example/**", lambda route: route.continue_(url=f"http://127.0.0.1:{port}/"))
        page.goto("http://evil.example/")
        read = page.evaluate(SCRIPT, [urls, KEY])
        page.context.close()

        assert json.dumps(read) == "[]"
        assert contents(tavus) == before
        assert tavus.control("GET", "clock")["frozen"] is True


def test_a_page_of_this_machine_uses_the_api_and_not_the_control_side(browser: Browser) -> None:
    with emulated() as tavus, site() as port:
        tavus.persona(persona_name="canary-of-the-account")
        page = browser.new_context().new_page()
        page.goto(f"http://localhost:{port}/")
        read = page.evaluate(SCRIPT, [[tavus.url + USERS, f"{tavus.url}/__emulator/objects"], KEY])
        page.context.close()

    assert {url.removeprefix(tavus.url) for url, *_ in read} == {USERS}
    assert any("canary-of-the-account" in text for *_, text in read)
