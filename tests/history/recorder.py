"""A history of real commands: what the emulator wrote down, and what each command was told to do and said."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tests.history import events
from tests.history.events import (
    Answer,
    Approvals,
    Begin,
    Call,
    Commit,
    Edit,
    End,
    Event,
    Fields,
    Killed,
    Known,
    Lock,
    Outcome,
    Planned,
    Present,
    Read,
    Wants,
    digest,
    flat,
)
from tests.scenarios.project import Account, Body, Result

KINDS = {
    "personas": "persona",
    "documents": "document",
    "guardrails": "guardrails",
    "objectives": "objectives",
    "replicas": "replica",
    "tools": "tool",
    "single_guardrails": "guardrail",
    "voices": "voice",
    "dictionaries": "dictionary",
    "deployments": "deployment",
}
# Where they are made, if not below `/v2/` and the name above; two kinds share a collection.
_MADE_AT = {"single_guardrails": "/v2/guardrails", "dictionaries": "/v2/pronunciation-dictionaries"}
KILLED = -9
UNWRITTEN = 9  # the exit code of a run that could not write its state: what it knows is in the journal only
# The server's own, and what it is told and never shows again.
_COMPUTED = (
    "created_at",
    "updated_at",
    "last_crawled_at",
    "status",
    "training_progress",
    "crawl_count",
    "crawled_urls",
)
_UNSHOWN = (
    "train_video_url",
    "train_image_url",
    "train_audio_url",
    "password",
    "consent_video_url",
    "callback_url",
    "crawl",
    "document_file",
    "upload",
)
_SETTINGS = re.compile(r"^(/skills/[^/]+)/config(?=/|$)")
_DATED = re.compile(r"^/skills/[^/]+/(attached_at|updated_at)$")
_ANSWERED = (None, "delay", "undated")  # faults after which an answer arrives as it was
_RENAMED = {"/pal_id": "/persona_id"}
_NAMES = ("/persona_name", "/document_name", "/replica_name", "/voice_name", "/guardrail_name", "/name")
_LOCKING = ("apply", "undo")
_TELLING = ("drifted", "both", "missing")
PROJECT = "project"


@dataclass
class Recorder:
    """A history under way, of one project on one account."""

    account: Account
    checkpoint: Callable[[], Body]  # the state as its file has it
    listed: Callable[[], dict[str, str]]  # ids by address, as `state list` has them: the journal's, too
    manifests: Callable[[], Mapping[str, Body]]  # by address, as they are written
    state: str = "state"
    events: list[Event] = field(default_factory=list)
    at: int = 0  # the newest moment of the emulator that was taken over
    runs: int = 0
    callers: dict[int, str] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    wanted: dict[str, Fields] = field(default_factory=dict)
    externals: dict[str, str] = field(default_factory=dict)  # ids of external objects, by reference
    planned: Body = field(
        default_factory=dict
    )  # what was agreed to, for runs that do not come to say what they planned

    def begin(self) -> None:
        """Begin anew: with the account and the state as they are."""
        self.events, self.runs, self.callers, self.present, self.wanted = [], 0, {}, set(), {}
        self.at = max((one["at"] for one in self._history()), default=0)
        self._note_seeds()
        self.events.append(Begin("nobody", PROJECT, self.state, "none"))
        self._want()
        self._know(given=True)

    def command(self, words: tuple[str, ...], run: Callable[[], Result]) -> Result:
        """A command, with all that happened before and during it."""
        self.sync("")
        self._note_seeds()
        self._want()
        self.runs += 1
        who = f"{words[0]} {self.runs}"
        self.events.append(Begin(who, PROJECT, self.state, words[0] if "--target" not in words else "part"))
        ended = run()
        document = _document(ended)
        if words[0] in _LOCKING:
            self.events.append(Lock(who, self.state, "taken"))
        self.events.append(_planned(who, document if "changes" in document else self.planned, words))
        self.sync(who)
        if words[0] in _LOCKING:
            self.events.append(Lock(who, self.state, "released"))
        if ended.code < 0:
            self.events.append(Killed(who, getattr(ended, "label", "")))
            self._know(left=True)
            return ended
        if words[0] not in ("plan", "drift"):
            self._know(left=ended.code == UNWRITTEN)
        end = _end(who, words[0], ended.code, document)
        outcomes = tuple(replace(one, fields=self._resolved(one.fields)) for one in end.outcomes)
        self.events.append(replace(end, outcomes=outcomes))
        return ended

    def sync(self, who: str) -> None:
        """Take over what the emulator has written down since; calls of tavusctl are those of this run."""
        for moment in self._history():
            self.at = moment["at"]
            self.events += self._converted(moment, who)

    def _history(self) -> list[Body]:
        listed: list[Body] = self.account.control("GET", f"history?since={self.at}&account={self.account.key}")[
            "events"
        ]
        return listed

    def _converted(self, moment: Body, who: str) -> Iterator[Event]:
        if moment["is"] == "call" and who and moment["user_agent"].startswith("tavusctl/"):
            self.callers[moment["request"]] = who
            if moment["method"] != "GET" and not _only_tests(moment["body"]):
                yield self._call(moment, who)
        elif moment["is"] == "handled" and moment["request"] in self.callers:
            yield from _handled(moment, self.callers[moment["request"]])
        elif moment["is"] == "commit" and moment["kind"] in KINDS:
            self.present.add(moment["id"])
            yield self._commit(moment)

    def _call(self, moment: Body, who: str) -> Call:
        path = moment["path"].rstrip("/")
        kinds = [kind for plural, kind in KINDS.items() if path == _MADE_AT.get(plural, f"/v2/{plural}")]
        addresses = self._meant(kinds, moment["body"]) if kinds and moment["method"] == "POST" else ()
        body, time = digest(moment["body"]), _time(moment)
        return Call(moment["request"], who, moment["method"], moment["path"], body, addresses, time)

    def _meant(self, kinds: Collection[str], body: Any) -> tuple[str, ...]:
        """The addresses whose manifests a body was made of; the name may be another one, while it is a token."""
        sent = dict(flat(body))
        found = [
            address
            for address, fields in self.wanted.items()
            if address.partition("/")[0] in kinds
            and all(sent.get(k) == v for k, v in fields.items() if k not in _NAMES and not v.startswith("ref:"))
        ]
        named = [one for one in found if all(sent.get(k) == v for k, v in self.wanted[one].items() if k in _NAMES)]
        return tuple(named if len(named) == 1 else found)

    def _commit(self, moment: Body) -> Commit:
        shown = {pointer: value for pointer, value in moment["changes"].items() if pointer not in moment["gone"]}
        changes = {**dict.fromkeys(moment["gone"]), **{pointer: digest(value) for pointer, value in shown.items()}}
        changes = _as_written(changes)
        kept = {pointer: value for pointer, value in changes.items() if pointer.split("/")[1] not in _COMPUTED}
        action = "update" if moment["action"] == "rename" else str(moment["action"])
        kind, call = KINDS[moment["kind"]], moment["request"] or 0
        return Commit(moment["at"], moment["id"], kind, action, str(moment["by"]), kept, call, _time(moment))

    def _note_seeds(self) -> None:
        for path, kind in KINDS.items():
            for id_, body in self.account.objects(path).items():
                if id_ not in self.present:
                    self.present.add(id_)
                    self.events.append(Present(id_, kind, _as_written(dict(flat(body)))))

    def _want(self) -> None:
        manifests = self.manifests()
        self.externals = {f"ref:{one}": body["id"] for one, body in manifests.items() if "spec" not in body}
        specs = {address: body["spec"] for address, body in manifests.items() if "spec" in body}
        wanted = {address: self._resolved(_fields(spec)) for address, spec in specs.items()}
        if wanted != self.wanted:
            self.wanted = wanted
            self.events.append(Wants(PROJECT, wanted))

    def _resolved(self, fields: Fields) -> Fields:
        return {pointer: self.externals.get(value, value) for pointer, value in fields.items()}

    def _know(self, *, given: bool = False, left: bool = False) -> None:
        """What the state knows; of a run that has left a journal, what `state list` makes of it."""
        resources = self.checkpoint().get("resources", {})
        bound = {address: one["remote_id"] for address, one in resources.items()}
        others = {id_ for one in resources.values() for id_ in (one.get("successor"), *one.get("retired", ())) if id_}
        applied = {address: tuple(k for k, _ in flat(one.get("applied", {}))) for address, one in resources.items()}
        if left:
            before, bound = bound, self.listed()
            others |= {*before.values()} - {*bound.values()}
        if given:
            self.events += [Approvals(PROJECT, id_) for id_ in (*bound.values(), *sorted(others))]
        self.events.append(Known(self.state, bound, frozenset(others), applied))


def manifests_in(folder: Path) -> dict[str, Body]:
    """Manifests that are JSON, by address."""
    found = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("**/*.yaml"))]
    return {f"{one['kind']}/{one['name']}": one for one in found}


def keep(path: Path, recorder: Recorder, **about: Any) -> Path:
    """Keep a history in a file, with what it takes to do it again as a remark."""
    events.write(path, recorder.events)
    path.write_text(f"# {json.dumps(about)}\n" + path.read_text("utf-8"), "utf-8")
    return path


def _as_written(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of an object by the pointers of manifests: a skill is its settings, whenever it was attached."""
    fields = {_RENAMED.get(pointer, pointer): value for pointer, value in fields.items()}
    return {_SETTINGS.sub(r"\1", pointer): value for pointer, value in fields.items() if not _DATED.match(pointer)}


def _handled(moment: Body, who: str) -> Iterator[Event]:
    arrived = moment["fault"] in _ANSWERED
    if moment["method"] != "GET":
        yield Answer(moment["request"], (moment["status"] or 0) if arrived else 0, "", _time(moment))
    elif moment["status"] == 200 and arrived and moment["shown"]:
        yield Read(who, moment["shown"], _time(moment))


def _document(ended: Result) -> Body:
    try:
        document = json.loads(ended.out)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _planned(who: str, document: Body, words: tuple[str, ...]) -> Planned:
    steps = [*document.get("changes", ()), *document.get("refused", ())]
    gone = {one["id"] for one in steps if one["action"] in ("delete", "retire", "replace") and one["id"]}
    over = tuple(word for before, word in pairwise(words) if before == "--overwrite")
    return Planned(who, frozenset(gone), over)


def _end(who: str, command: str, code: int, document: Body) -> End:
    steps = [*document.get("changes", ()), *document.get("refused", ())]
    told = {edit for one in (*steps, *document.get("drift", ())) for edit in _edits(one)}
    outcomes = tuple(_outcomes(document.get("outcomes", ()), steps))
    unkept = {Edit(one["address"], path) for one in document.get("unkept", ()) for path in one.get("paths", ())}
    unkept |= {Edit(one.address, path) for one in outcomes for path in one.unkept}
    empty = "changes" in document and not steps
    said = {"No changes"} if empty and command in ("plan", "apply") else set()
    said |= {"No drift"} if empty and command == "drift" and not document.get("drift") else set()
    return End(who, code, outcomes, frozenset(told), frozenset(unkept), frozenset(said))


def _edits(one: Body) -> Iterator[Edit]:
    fields = [entry for entry in one.get("fields", ()) if entry["cause"] in _TELLING]
    yield from (Edit(one["address"], entry["path"]) for entry in fields)
    if one.get("cause") in _TELLING and not fields:
        yield Edit(one["address"])


def _outcomes(told: Iterable[Body], steps: list[Body]) -> Iterator[Outcome]:
    """Each with what its own step was to write: of an object that has two, they come in the same order."""
    planned: dict[tuple[str, str], list[Body]] = {}
    for step in steps:
        planned.setdefault((step["address"], step["action"]), []).append(step)
    for one in told:
        own = planned.get((one["address"], one["action"]), [])
        step = own.pop(0) if len(own) > 1 else own[0] if own else {}
        fields: Fields = {}
        for entry in step.get("fields", ()) if one["action"] != "create" else ():
            fields |= _desired(entry)
        yield Outcome(
            one["address"], one["action"], one["status"], one["id"] or "", fields, frozenset(one.get("unkept") or ())
        )


def _desired(entry: Body) -> Fields:
    if entry["sensitive"] or "desired" not in entry or entry["desired"] is None:
        return {}
    return {pointer: value for pointer, value in _spelled(entry["desired"], entry["path"]) if _is_shown(pointer)}


def _fields(spec: Body) -> Fields:
    return {pointer: value for pointer, value in _spelled(spec) if _is_shown(pointer)}


def _spelled(value: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Leaves with references in our spelling; what only the product can work out is left out."""
    for place, text in flat(value, pointer):
        if text.startswith("${ref:"):
            yield place, "ref:" + text.removeprefix("${ref:").removesuffix("}")
        elif "${" not in text and text not in ("null", "(sensitive)"):
            yield place, text


def _is_shown(pointer: str) -> bool:
    return pointer.split("/")[1] not in _UNSHOWN


def _only_tests(body: Any) -> bool:
    return isinstance(body, list) and all(one.get("op") == "test" for one in body)


def _time(moment: Body) -> float:
    return datetime.fromisoformat(moment["time"]).timestamp()
