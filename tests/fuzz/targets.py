"""The fuzzing targets: manifests, plan files, state and journal, responses of servers, and reports."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tavusctl.api.retry import RetryPolicy
from tavusctl.app.session import manifests as manifests_of
from tavusctl.app.session.local import LocalSession
from tavusctl.cli.status_line import TerminalProgress
from tavusctl.config import yaml12
from tavusctl.core.diagnostics import Severity
from tavusctl.core.errors import StateError, TavusctlError
from tavusctl.core.json_tree import canonical
from tavusctl.core.model import Plan
from tavusctl.emulator import running
from tavusctl.integrations.github.rest import File, GitHub, Proposal
from tavusctl.reports.formats import REPORTS
from tavusctl.rewrite.formatter import format_document
from tavusctl.state import codec, hash_chain, journal
from tavusctl.state.shared import lock as lockobject
from tests import checked
from tests.fuzz.engine import Target
from tests.fuzz.readback import READERS
from tests.fuzz.replaying import replaying, whole
from tests.golden.plans import hostile
from tests.scenarios.everykind import SPECS
from tests.scenarios.project import Account, Project

EXAMPLES = Path(__file__).parents[2] / "manifests"
DIGITS = re.compile(r"\d+")
ENCODING = 2.0  # the most seconds of CPU time for one report
Encoder = Callable[[Plan], str]


@contextlib.contextmanager
def manifests() -> Iterator[Target]:
    """A manifest or project file with any content: every diagnostic has a location, and `fmt` keeps the values."""
    with folder() as root:
        (root / "manifests").mkdir()
        (root / "manifests/other.yaml").write_text(
            "kind: persona\nname: other\nspec: {persona_name: O, system_prompt: x}\n"
        )

        def check(content: bytes) -> Iterable[str]:
            for path in ("manifests/fuzzed.yaml", "tavusctl.yaml"):
                (root / path).write_bytes(content)
                yield from (f"{path} {outcome}" for outcome in _complaints(root))
                (root / path).unlink()

        def _complaints(root: Path) -> Iterable[str]:
            project, environment, _ = checked.opened(root)
            diagnostics = manifests_of.check(LocalSession(project, environment, TerminalProgress(quiet=True)))[1]
            for diagnostic in diagnostics:
                assert diagnostic.source, diagnostic
                assert diagnostic.source.line >= 1, diagnostic
                assert diagnostic.source.column >= 1, diagnostic
                diagnostic.message.encode()
                yield f"{diagnostic.id} {DIGITS.sub('0', diagnostic.message)[:30]}"

        def tidy(content: bytes) -> Iterable[str]:
            yield from check(content)
            before = yaml12.read(content, "a.yaml")
            if all(diagnostic.severity is not Severity.ERROR for diagnostic in before.diagnostics):
                after = yaml12.read(format_document(content, "a.yaml", ""), "a.yaml")
                assert [document.value for document in after.documents] == [
                    document.value for document in before.documents
                ], "fmt changed it"
                yield "tidied"

        documents = [{"kind": kind, "name": "it", "spec": spec} for kind, spec in SPECS.items()]
        files = sorted(EXAMPLES.rglob("*.yaml"))
        yield Target("manifests", (*(path.read_bytes() for path in files), *map(_as_json, documents)), tidy)


@contextlib.contextmanager
def plan_files() -> Iterator[Target]:
    """Plan files: an apply refuses a plan file whose content has changed, with a documented error."""
    with scene() as project:
        project.manifest("persona", "coach", SPECS["persona"])
        assert project.run("plan", "--out", "plan.json").code == 0
        path = project.root / "plan.json"
        good = path.read_bytes()

        def check(content: bytes) -> Iterable[str]:
            path.write_bytes(content)
            if _same(content, good):
                yield "as it was"
                return
            result = project.run("apply", "plan.json", "--yes", "--format", "json")
            assert result.code in (3, 9), f"exit {result.code}: {result.out[-500:]}{result.err[-500:]}"
            yield _error_outcome(result.document["error"])

        yield Target("plan-files", (good,), check)


@contextlib.contextmanager
def states() -> Iterator[Target]:
    """State, journal and lock, with a correct or a wrong checksum: an accepted document survives a round trip."""
    with scene() as project:
        _apply_all_kinds(project)
        state = (project.root / ".tavusctl/state.json").read_bytes()
        records = [path.read_bytes() for path in sorted((project.root / ".tavusctl/runs").glob("*.jsonl"))]
    state_document = codec.decode(state, "state")
    first = json.loads(records[0].split(b"\n", 1)[0].split(b" ", 2)[-1])
    # A journal that begins at this state, so that its records are replayed.
    header = {**first, "lineage": state_document.lineage, "serial": state_document.serial}
    lines = [json.dumps(header).encode(), *(line.split(b" ", 2)[-1] for line in records[0].split(b"\n")[1:-1])]
    lock = lockobject.encode(lockobject.Lock(3, None))

    def check(content: bytes) -> Iterable[str]:
        kind, _, body = content.partition(b"\n")
        if kind == b"lock":
            lock_document = lockobject.decode(body, "lock")
            assert lockobject.decode(lockobject.encode(lock_document), "lock") == lock_document
        elif kind == b"sealed lock":
            lock_document = lockobject.decode(_with_checksum(body), "lock")
            assert lockobject.decode(lockobject.encode(lock_document), "lock") == lock_document
        elif kind == b"journal":
            parsed = hash_chain.follow(body, "journal").records
            yield f"{len(parsed)} records"
        elif kind == b"records":
            yield from _replayed(body.split(b"\n"))
        else:
            decoded = codec.decode(_with_checksum(body) if kind == b"sealed" else body, "state")
            decoded_again = codec.decode(codec.encode(decoded), "state")
            assert decoded_again == decoded, "a state does not read back"
        yield kind.decode("latin-1")[:20]

    def _replayed(lock_document: list[bytes]) -> Iterable[str]:
        for parsed in (
            lambda: journal.replay(state_document, lock_document),
            lambda: journal.parse_finished_run(lock_document),
        ):
            try:
                yield type(parsed()).__name__
            except StateError as error:
                yield error.id

    linked, link_digest = b"", hash_chain.START
    for line in lines:
        piece, link_digest = hash_chain.link(link_digest, line)
        linked += piece
    seeds = [b"state\n" + state, b"sealed\n" + state, b"lock\n" + lock, b"sealed lock\n" + lock, b"journal\n" + linked]
    seeds += [b"records\n" + b"\n".join(lines), *(b"records\n" + lines[0] + b"\n" + line for line in lines[1:])]
    yield Target("states", tuple(seeds), check)


def _with_checksum(content: bytes) -> bytes:
    """A document with a correct checksum, so that the code after that check is reached."""
    try:
        document = json.loads(content)
        document.pop("checksum", None)
        text = canonical(document).encode()
    except (ValueError, AttributeError, RecursionError, TypeError):
        return content
    document["checksum"] = f"sha256:{hashlib.sha256(text).hexdigest()}"
    return (json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "replace")


@contextlib.contextmanager
def answers() -> Iterator[Target]:
    """Responses of a server or a proxy: they lead to a plan or to a documented error."""
    with scene() as project, replaying(project.account.url, project.account.key) as server:
        _apply_all_kinds(project)
        fake = Project(project.root, Account(server.url, project.account.key), {"TAVUSCTL_MAX_WAIT": "0"})
        assert fake.run("plan").code == 0

        def check(content: bytes) -> Iterable[str]:
            first_line, _, body = content.partition(b"\n")
            name, is_raw = first_line.decode("latin-1").removeprefix("raw "), first_line.startswith(b"raw ")
            server.instead = {name: body if is_raw else whole(body)}
            if name == "*":
                yield from _github(server.url)
                return
            result = fake.run("plan", "--format", "json", "--no-watch")
            assert result.code not in (1, 12), f"exit {result.code}: {result.out[-500:]}{result.err[-500:]}"
            document = json.loads(result.out)
            if "error" in document:
                yield _error_outcome(document["error"])
            else:
                yield " ".join(sorted({f"{step['action']} {step['address']}" for step in document["changes"]}))

        seeds = [path.encode() + b"\n" + body for path, body in server.recorded.items()]
        seeds += [b"raw " + path.encode() + b"\n" + whole(body) for path, body in list(server.recorded.items())[:3]]
        comment = [{"id": 1, "body": "<!-- x -->", "user": {"login": "github-actions[bot]"}, "number": 3, "title": "t"}]
        seeds += [b"*\n" + json.dumps(comment).encode(), b"raw *\n" + whole(b"[]")]
        yield Target("answers", tuple(seeds), check, seconds=5.0)


def _same(content: bytes, other: bytes) -> bool:
    """Whether two files are the same JSON document, including repeated keys, whatever the order of keys."""
    with contextlib.suppress(ValueError, RecursionError):
        pairs = [
            json.loads(text, object_pairs_hook=lambda members: ("object", sorted(members, key=repr)))
            for text in (content, other)
        ]
        return repr(pairs[0]) == repr(pairs[1])
    return False


def _error_outcome(error: Mapping[str, Any]) -> str:
    return f"{error['id']} {DIGITS.sub('0', error['complaints'][0]['message'])[:60]}"


def _apply_all_kinds(project: Project) -> None:
    """Write and apply one manifest of each kind."""
    for kind, spec in SPECS.items():
        project.manifest(kind, "it", spec)
    project.apply()


def _github(url: str) -> Iterable[str]:
    with GitHub(url, "acme/prod", "token-0123456789", patience=RetryPolicy(max_wait=0.0)) as hub:
        proposal = Proposal("tavusctl/adopt", "main", "0" * 40, "t", "b", {"a": File("100644", b"b")})
        calls: list[Callable[[], object]] = [
            lambda: hub.keep_comment(1, "<!-- x -->", lambda _: "<!-- x -->\ntext"),
            lambda: hub.keep_issue(hub.issues("<!-- x -->".__eq__), "<!-- x -->", "title", "text"),
            lambda: hub.close_issues(hub.issues("<!-- x -->".__eq__), "done"),
            lambda: hub.propose(proposal),
            lambda: hub.withdraw(proposal),
        ]
        for call in calls:
            try:
                yield str(call())
            except TavusctlError as error:
                yield error.id


@contextlib.contextmanager
def reports(encoders: Mapping[str, Encoder] | None = None) -> Iterator[Target]:
    """An untrusted text in every field of a plan: a parser of each format reads the report back."""
    used_encoders = encoders or {name: report.plan for name, report in REPORTS.items()}
    unparsed = used_encoders.keys() - READERS.keys()
    assert not unparsed, (
        f"give these formats a function in READERS of tests/fuzz/readback.py that reads them back: {unparsed}"
    )

    def check(content: bytes) -> Iterable[str]:
        name, _, body = content.partition(b"\n")
        formats = [format_ for format_ in used_encoders if format_.encode() == name] or list(used_encoders)
        text = _text(body)
        plan = hostile(text)
        for format_ in formats:
            started = time.process_time()
            encoded = used_encoders[format_](plan)
            assert time.process_time() - started < ENCODING, f"slow: {format_} took more than {ENCODING:g} s"
            try:
                READERS[format_](encoded, text)
            except AssertionError as error:
                message = f"{format_} is not read back: {error}"
                raise AssertionError(message) from error
        yield f"{formats[0]} {' '.join(sorted({f'{ord(character):x}'[:-1] for character in text}))[:60]}"

    texts = [
        "an ordinary text",
        "a <b>bold</b> & `code`\n```\n::error::x",
        "@org/team #12 https://evil.example ##[error]",
        "two\r\nlines\rand \t tabs",
    ]
    seeds = [f"{name}\n{text}".encode() for name in used_encoders for text in texts]
    yield Target("reports", tuple(seeds), check, seconds=60.0)  # the parsers are not ours; that for Markdown is slow


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8", "surrogatepass")[:3000]
    except UnicodeDecodeError:
        return content.decode("latin-1")[:3000]


def _as_json(document: Mapping[str, Any]) -> bytes:
    """A manifest as JSON, in which mutations can change single values."""
    return json.dumps(document).encode()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder."""
    root = Path(tempfile.mkdtemp(prefix="tavusctl-fuzz-"))
    try:
        yield root
    finally:
        shutil.rmtree(root)


@contextlib.contextmanager
def scene() -> Iterator[Project]:
    """A project on a new emulator."""
    with folder() as root, running() as server:
        account = Account(server.url, "key-0123456789")
        account.reset()
        yield Project(root, account)


TARGETS = {"manifests": manifests, "plan-files": plan_files, "states": states, "answers": answers, "reports": reports}
