"""A client of the YAML language server, which talks to it over standard input and output as an editor does."""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from tests import npm

HERE = Path(__file__).parent / "server"
SETTINGS = {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}}
PATIENCE = 60.0  # the timeout of one response in seconds; it usually takes a few milliseconds
CURSOR = "@"

Message = dict[str, Any]


@contextlib.contextmanager
def language_server() -> Iterator[Editor]:
    """A running server, ready to open documents."""
    program = npm.installed(HERE) / "yaml-language-server/bin/yaml-language-server"
    with subprocess.Popen(["node", str(program), "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield Editor(process.stdin, process.stdout)
        finally:
            process.kill()


class Editor:
    """An editor with manifests open."""

    def __init__(self, sent: IO[bytes], received: IO[bytes]) -> None:
        self._output = sent
        self._ids = itertools.count(1)
        self._messages: queue.Queue[Message] = queue.Queue()
        threading.Thread(target=self._listen, args=(received,), daemon=True).start()
        self._ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        self._send("initialized", {})
        self._send("workspace/didChangeConfiguration", {"settings": {"yaml": SETTINGS}})

    def diagnostics(self, texts: Mapping[Path, str]) -> dict[Path, list[str]]:
        """The diagnostics of each file, as line number and message."""
        opened = {self._open(path, text): path for path, text in texts.items()}
        messages_by_path: dict[Path, list[str]] = {}
        while len(messages_by_path) < len(opened):
            message = self._next()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] in opened:
                diagnostics = message["params"]["diagnostics"]
                lines = [f"{item['range']['start']['line'] + 1}: {item['message']}" for item in diagnostics]
                messages_by_path[opened[message["params"]["uri"]]] = lines
        return messages_by_path

    def completions(self, path: Path, text: str) -> dict[str, str]:
        """The completions at the place of the @ in a text, each with its documentation."""
        line = next(n for n, each in enumerate(text.splitlines()) if CURSOR in each)
        column = text.splitlines()[line].index(CURSOR)
        document = {"textDocument": {"uri": self._open(path, text.replace(CURSOR, ""))}}
        result = self._ask("textDocument/completion", {**document, "position": {"line": line, "character": column}})
        return {item["label"]: _documentation_text(item.get("documentation")) for item in result["items"]}

    def _open(self, path: Path, text: str) -> str:
        uri = path.as_uri()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._send("textDocument/didOpen", {"textDocument": document})
        return uri

    def _ask(self, method: str, params: Message) -> Any:
        number = next(self._ids)
        self._write({"id": number, "method": method, "params": params})
        while True:
            message = self._next()
            if message.get("id") == number and "method" not in message:
                return message["result"]

    def _next(self) -> Message:
        """The next message that is not a request of the server; such requests are answered."""
        while True:
            message = self._messages.get(timeout=PATIENCE)
            if not ("id" in message and "method" in message):
                return message
            items = message["params"].get("items", []) if message["method"] == "workspace/configuration" else []
            self._write(
                {"id": message["id"], "result": [SETTINGS if item["section"] == "yaml" else None for item in items]}
            )

    def _send(self, method: str, params: Message) -> None:
        self._write({"method": method, "params": params})

    def _write(self, message: Message) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._output.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._output.flush()

    def _listen(self, received: IO[bytes]) -> None:
        while header := received.readline():
            length = int(header.partition(b":")[2])
            while received.readline().strip():
                pass
            self._messages.put(json.loads(received.read(length)))


def _documentation_text(documentation: str | Message | None) -> str:
    return documentation["value"] if isinstance(documentation, dict) else documentation or ""
