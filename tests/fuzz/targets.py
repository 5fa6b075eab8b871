"""What is tried: manifests, plan files, state and journal, answers of a server, and reports."""

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
from tavusctl.rewrite.formatter import formatted
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
ENCODING = 2.0  # seconds of computing, for one report
Encoder = Callable[[Plan], str]


@contextlib.contextmanager
def manifests() -> Iterator[Target]:
    """A manifest, or the project file, with whatever is in it: complaints with a place, and tidied it says the same."""
    with folder() as root:
        (root / "manifests").mkdir()
        (root / "manifests/other.yaml").write_text(
            "kind: persona\nname: other\nspec: {persona_name: O, system_prompt: x}\n"
        )

        def check(content: bytes) -> Iterable[str]:
            for path in ("manifests/fuzzed.yaml", "tavusctl.yaml"):
                (root / path).write_bytes(content)
                yield from (f"{path} {one}" for one in _complaints(root))
                (root / path).unlink()

        def _complaints(root: Path) -> Iterable[str]:
            project, environment, _ = checked.opened(root)
            found = manifests_of.check(LocalSession(project, environment, TerminalProgress(quiet=True)))[1]
            for one in found:
                assert one.source, one
                assert one.source.line >= 1, one
                assert one.source.column >= 1, one
                one.message.encode()
                yield f"{one.id} {DIGITS.sub('0', one.message)[:30]}"

        def tidy(content: bytes) -> Iterable[str]:
            yield from check(content)
            before = yaml12.read(content, "a.yaml")
            if all(one.severity is not Severity.ERROR for one in before.diagnostics):
                after = yaml12.read(formatted(content, "a.yaml", ""), "a.yaml")
                assert [one.value for one in after.documents] == [one.value for one in before.documents], (
                    "fmt changed it"
                )
                yield "tidied"

        documents = [{"kind": kind, "name": "it", "spec": spec} for kind, spec in SPECS.items()]
        files = sorted(EXAMPLES.rglob("*.yaml"))
        yield Target("manifests", (*(path.read_bytes() for path in files), *map(_as_json, documents)), tidy)


@contextlib.contextmanager
def plan_files() -> Iterator[Target]:
    """A plan file that is not as it was written is refused, and an apply never fails over one."""
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
            yield _told(result.document["error"])

        yield Target("plan-files", (good,), check)


@contextlib.contextmanager
def states() -> Iterator[Target]:
    """State, journal and lock: what is taken for whole reads back as it is, with seals made right or left wrong."""
    with scene() as project:
        _with_everything(project)
        state = (project.root / ".tavusctl/state.json").read_bytes()
        records = [path.read_bytes() for path in sorted((project.root / ".tavusctl/runs").glob("*.jsonl"))]
    known = codec.decode(state, "state")
    first = json.loads(records[0].split(b"\n", 1)[0].split(b" ", 2)[-1])
    # A journal that goes on from this state, so that its records are followed.
    begun = {**first, "lineage": known.lineage, "serial": known.serial}
    lines = [json.dumps(begun).encode(), *(line.split(b" ", 2)[-1] for line in records[0].split(b"\n")[1:-1])]
    lock = lockobject.encode(lockobject.Lock(3, None))

    def check(content: bytes) -> Iterable[str]:
        kind, _, body = content.partition(b"\n")
        if kind == b"lock":
            found = lockobject.decode(body, "lock")
            assert lockobject.decode(lockobject.encode(found), "lock") == found
        elif kind == b"sealed lock":
            found = lockobject.decode(_sealed(body), "lock")
            assert lockobject.decode(lockobject.encode(found), "lock") == found
        elif kind == b"journal":
            read = hash_chain.follow(body, "journal").records
            yield f"{len(read)} records"
        elif kind == b"records":
            yield from _replayed(body.split(b"\n"))
        else:
            taken = codec.decode(_sealed(body) if kind == b"sealed" else body, "state")
            again = codec.decode(codec.encode(taken), "state")
            assert again == taken, "a state does not read back"
        yield kind.decode("latin-1")[:20]

    def _replayed(found: list[bytes]) -> Iterable[str]:
        for read in (lambda: journal.replay(known, found), lambda: journal.past(found)):
            try:
                yield type(read()).__name__
            except StateError as error:
                yield error.id

    linked, head = b"", hash_chain.START
    for line in lines:
        piece, head = hash_chain.link(head, line)
        linked += piece
    seeds = [b"state\n" + state, b"sealed\n" + state, b"lock\n" + lock, b"sealed lock\n" + lock, b"journal\n" + linked]
    seeds += [b"records\n" + b"\n".join(lines), *(b"records\n" + lines[0] + b"\n" + line for line in lines[1:])]
    yield Target("states", tuple(seeds), check)


def _sealed(content: bytes) -> bytes:
    """A document with a checksum that is right, so that what is behind it is looked at."""
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
    """What a server, or what is between, answers: a plan of it, or an error that is documented."""
    with scene() as project, replaying(project.account.url, project.account.key) as server:
        _with_everything(project)
        fake = Project(project.root, Account(server.url, project.account.key), {"TAVUSCTL_MAX_WAIT": "0"})
        assert fake.run("plan").code == 0

        def check(content: bytes) -> Iterable[str]:
            where, _, body = content.partition(b"\n")
            name, is_raw = where.decode("latin-1").removeprefix("raw "), where.startswith(b"raw ")
            server.instead = {name: body if is_raw else whole(body)}
            if name == "*":
                yield from _github(server.url)
                return
            result = fake.run("plan", "--format", "json", "--no-watch")
            assert result.code not in (1, 12), f"exit {result.code}: {result.out[-500:]}{result.err[-500:]}"
            document = json.loads(result.out)
            if "error" in document:
                yield _told(document["error"])
            else:
                yield " ".join(sorted({f"{one['action']} {one['address']}" for one in document["changes"]}))

        seeds = [path.encode() + b"\n" + body for path, body in server.recorded.items()]
        seeds += [b"raw " + path.encode() + b"\n" + whole(body) for path, body in list(server.recorded.items())[:3]]
        comment = [{"id": 1, "body": "<!-- x -->", "user": {"login": "github-actions[bot]"}, "number": 3, "title": "t"}]
        seeds += [b"*\n" + json.dumps(comment).encode(), b"raw *\n" + whole(b"[]")]
        yield Target("answers", tuple(seeds), check, seconds=5.0)


def _same(content: bytes, other: bytes) -> bool:
    """Whether two files are the same JSON, for any reader of it."""
    with contextlib.suppress(ValueError, RecursionError):
        pairs = [
            json.loads(one, object_pairs_hook=lambda found: ("object", sorted(found, key=repr)))
            for one in (content, other)
        ]
        return repr(pairs[0]) == repr(pairs[1])
    return False


def _told(error: Mapping[str, Any]) -> str:
    return f"{error['id']} {DIGITS.sub('0', error['complaints'][0]['message'])[:60]}"


def _with_everything(project: Project) -> None:
    """One object of each kind, in manifests, state and account."""
    for kind, spec in SPECS.items():
        project.manifest(kind, "it", spec)
    project.apply()


def _github(url: str) -> Iterable[str]:
    with GitHub(url, "acme/prod", "token-0123456789", patience=RetryPolicy(max_wait=0.0)) as hub:
        proposal = Proposal("tavusctl/adopt", "main", "0" * 40, "t", "b", {"a": File("100644", b"b")})
        calls: list[Callable[[], object]] = [
            lambda: hub.keep_comment(1, "<!-- x -->", lambda _: "<!-- x -->\ntext"),
            lambda: hub.keep_issue("<!-- x -->", "title", "text"),
            lambda: hub.close_issues("<!-- x -->", "done"),
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
    """Text from elsewhere in every place of a plan: each report is read back by a parser of its format."""
    made = encoders or {name: report.plan for name, report in REPORTS.items()}
    unread = made.keys() - READERS.keys()
    assert not unread, (
        f"give these formats a function in READERS of tests/fuzz/readback.py that reads them back: {unread}"
    )

    def check(content: bytes) -> Iterable[str]:
        name, _, body = content.partition(b"\n")
        formats = [one for one in made if one.encode() == name] or list(made)
        text = _text(body)
        plan = hostile(text)
        for one in formats:
            began = time.process_time()
            encoded = made[one](plan)
            assert time.process_time() - began < ENCODING, f"slow: {one} took more than {ENCODING:g} s"
            try:
                READERS[one](encoded, text)
            except AssertionError as error:
                message = f"{one} is not read back: {error}"
                raise AssertionError(message) from error
        yield f"{formats[0]} {' '.join(sorted({f'{ord(one):x}'[:-1] for one in text}))[:60]}"

    texts = [
        "an ordinary text",
        "a <b>bold</b> & `code`\n```\n::error::x",
        "@org/team #12 https://evil.example ##[error]",
        "two\r\nlines\rand \t tabs",
    ]
    seeds = [f"{name}\n{one}".encode() for name in made for one in texts]
    yield Target("reports", tuple(seeds), check, seconds=60.0)  # the readers are not ours: one for Markdown is slow


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8", "surrogatepass")[:3000]
    except UnicodeDecodeError:
        return content.decode("latin-1")[:3000]


def _as_json(document: Mapping[str, Any]) -> bytes:
    """A manifest as JSON, in which single values can be changed."""
    return json.dumps(document).encode()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that goes away."""
    root = Path(tempfile.mkdtemp(prefix="tavusctl-fuzz-"))
    try:
        yield root
    finally:
        shutil.rmtree(root)


@contextlib.contextmanager
def scene() -> Iterator[Project]:
    """A project on an account of its own."""
    with folder() as root, running() as server:
        account = Account(server.url, "key-0123456789")
        account.reset()
        yield Project(root, account)


TARGETS = {"manifests": manifests, "plan-files": plan_files, "states": states, "answers": answers, "reports": reports}
