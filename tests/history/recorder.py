"""Records a history of real commands: the events of the emulator, and the arguments and output of each command."""

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
    Begin,
    Call,
    Commit,
    Edit,
    End,
    Event,
    Fields,
    Killed,
    Lock,
    ManifestsChanged,
    ObjectAdopted,
    Outcome,
    Planned,
    Present,
    Read,
    StateWritten,
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
# The URL path of the create call where it is not `/v2/` and the name above; two kinds share a collection.
_CREATE_PATHS = {"single_guardrails": "/v2/guardrails", "dictionaries": "/v2/pronunciation-dictionaries"}
KILLED = -9
UNWRITTEN = 9  # the exit code of a run that could not write its state: its results are in the journal only
# Fields that the server computes, and fields that are sent and never returned.
_COMPUTED = (
    "created_at",
    "updated_at",
    "last_crawled_at",
    "status",
    "training_progress",
    "crawl_count",
    "crawled_urls",
)
_WRITE_ONLY = (
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
_FAULTS_WITH_ANSWER = (None, "delay", "undated")  # faults that do not change the response
_RENAMED = {"/pal_id": "/persona_id"}
_NAMES = ("/persona_name", "/document_name", "/replica_name", "/voice_name", "/guardrail_name", "/name")
_LOCKING = ("apply", "undo")
_REPORTED_CAUSES = ("drifted", "both", "missing")
PROJECT = "project"


@dataclass
class Recorder:
    """A history that is being recorded, of one project on one account."""

    account: Account
    checkpoint: Callable[[], Body]  # the content of the state file
    listed: Callable[[], dict[str, str]]  # ids by address as `state list` prints them, which includes the journal
    manifests: Callable[[], Mapping[str, Body]]  # the manifests as written, by address
    state: str = "state"
    events: list[Event] = field(default_factory=list)
    at: int = 0  # the number of the newest event that was read from the emulator
    runs: int = 0
    callers: dict[int, str] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    wanted: dict[str, Fields] = field(default_factory=dict)
    externals: dict[str, str] = field(default_factory=dict)  # ids of external objects, by reference
    planned: Body = field(default_factory=dict)  # the approved plan, for runs that end before they print their plan

    def begin(self) -> None:
        """Start a new history from the account and the state as they are now."""
        self.events, self.runs, self.callers, self.present, self.wanted = [], 0, {}, set(), {}
        self.at = max((moment["at"] for moment in self._history()), default=0)
        self._note_seeds()
        self.events.append(Begin("nobody", PROJECT, self.state, "none"))
        self._want()
        self._know(approve=True)

    def command(self, words: tuple[str, ...], run: Callable[[], Result]) -> Result:
        """Run a command, and record it with everything that happened before and during it."""
        self.sync("")
        self._note_seeds()
        self._want()
        self.runs += 1
        who = f"{words[0]} {self.runs}"
        self.events.append(Begin(who, PROJECT, self.state, words[0] if "--target" not in words else "part"))
        result = run()
        document = _document(result)
        if words[0] in _LOCKING:
            self.events.append(Lock(who, self.state, "taken"))
        self.events.append(_planned(who, document if "changes" in document else self.planned, words))
        self.sync(who)
        if words[0] in _LOCKING:
            self.events.append(Lock(who, self.state, "released"))
        if result.code < 0:
            self.events.append(Killed(who, getattr(result, "label", "")))
            self._know(use_journal=True)
            return result
        if words[0] not in ("plan", "drift"):
            self._know(use_journal=result.code == UNWRITTEN)
        end = _end(who, words[0], result.code, document)
        outcomes = tuple(replace(outcome, fields=self._resolved(outcome.fields)) for outcome in end.outcomes)
        self.events.append(replace(end, outcomes=outcomes))
        return result

    def sync(self, who: str) -> None:
        """Read the new events of the emulator; calls of tavusctl are attributed to the run `who`."""
        for moment in self._history():
            self.at = moment["at"]
            self.events += self._converted(moment, who)

    def _history(self) -> list[Body]:
        events: list[Body] = self.account.control("GET", f"history?since={self.at}&account={self.account.key}")[
            "events"
        ]
        return events

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
        kinds = [kind for plural, kind in KINDS.items() if path == _CREATE_PATHS.get(plural, f"/v2/{plural}")]
        addresses = self._addresses_for(kinds, moment["body"]) if kinds and moment["method"] == "POST" else ()
        body, time = digest(moment["body"]), _time(moment)
        return Call(moment["request"], who, moment["method"], moment["path"], body, addresses, time)

    def _addresses_for(self, kinds: Collection[str], body: Any) -> tuple[str, ...]:
        """The addresses whose manifest matches the body of a create.

        The name is ignored unless it leaves exactly one address: it may be a temporary token.
        """
        sent = dict(flat(body))
        candidates = [
            address
            for address, fields in self.wanted.items()
            if address.partition("/")[0] in kinds
            and all(sent.get(k) == v for k, v in fields.items() if k not in _NAMES and not v.startswith("ref:"))
        ]
        named = [
            address
            for address in candidates
            if all(sent.get(k) == v for k, v in self.wanted[address].items() if k in _NAMES)
        ]
        return tuple(named if len(named) == 1 else candidates)

    def _commit(self, moment: Body) -> Commit:
        present = {pointer: value for pointer, value in moment["changes"].items() if pointer not in moment["gone"]}
        changes = {**dict.fromkeys(moment["gone"]), **{pointer: digest(value) for pointer, value in present.items()}}
        changes = _as_written(changes)
        stored = {pointer: value for pointer, value in changes.items() if pointer.split("/")[1] not in _COMPUTED}
        action = "update" if moment["action"] == "rename" else str(moment["action"])
        kind, call = KINDS[moment["kind"]], moment["request"] or 0
        return Commit(moment["at"], moment["id"], kind, action, str(moment["by"]), stored, call, _time(moment))

    def _note_seeds(self) -> None:
        for path, kind in KINDS.items():
            for id_, body in self.account.objects(path).items():
                if id_ not in self.present:
                    self.present.add(id_)
                    self.events.append(Present(id_, kind, _as_written(dict(flat(body)))))

    def _want(self) -> None:
        manifests = self.manifests()
        self.externals = {f"ref:{address}": body["id"] for address, body in manifests.items() if "spec" not in body}
        specs = {address: body["spec"] for address, body in manifests.items() if "spec" in body}
        desired = {address: self._resolved(_fields(spec)) for address, spec in specs.items()}
        if desired != self.wanted:
            self.wanted = desired
            self.events.append(ManifestsChanged(PROJECT, desired))

    def _resolved(self, fields: Fields) -> Fields:
        return {pointer: self.externals.get(value, value) for pointer, value in fields.items()}

    def _know(self, *, approve: bool = False, use_journal: bool = False) -> None:
        """Record the content of the state; `approve` makes its objects part of the project, as an import does.

        `use_journal`: the run has left a journal, so read the ids with `state list`.
        """
        resources = self.checkpoint().get("resources", {})
        bound = {address: entry["remote_id"] for address, entry in resources.items()}
        others = {
            id_ for entry in resources.values() for id_ in (entry.get("successor"), *entry.get("retired", ())) if id_
        }
        applied = {address: tuple(k for k, _ in flat(entry.get("applied", {}))) for address, entry in resources.items()}
        if use_journal:
            before, bound = bound, self.listed()
            others |= {*before.values()} - {*bound.values()}
        if approve:
            self.events += [ObjectAdopted(PROJECT, id_) for id_ in (*bound.values(), *sorted(others))]
        self.events.append(StateWritten(self.state, bound, frozenset(others), applied))


def manifests_in(folder: Path) -> dict[str, Body]:
    """The manifests of a folder, by address; their content must be JSON."""
    manifests = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("**/*.yaml"))]
    return {f"{manifest['kind']}/{manifest['name']}": manifest for manifest in manifests}


def keep(path: Path, recorder: Recorder, **about: Any) -> Path:
    """Write a history to a file, after a comment with `about`: the parameters that reproduce it."""
    events.write(path, recorder.events)
    path.write_text(f"# {json.dumps(about)}\n" + path.read_text("utf-8"), "utf-8")
    return path


def _as_written(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of an object by manifest pointers: a skill is reduced to its settings, without the dates."""
    fields = {_RENAMED.get(pointer, pointer): value for pointer, value in fields.items()}
    return {_SETTINGS.sub(r"\1", pointer): value for pointer, value in fields.items() if not _DATED.match(pointer)}


def _handled(moment: Body, who: str) -> Iterator[Event]:
    arrived = moment["fault"] in _FAULTS_WITH_ANSWER
    if moment["method"] != "GET":
        yield Answer(moment["request"], (moment["status"] or 0) if arrived else 0, "", _time(moment))
    elif moment["status"] == 200 and arrived and moment["shown"]:
        yield Read(who, moment["shown"], _time(moment))


def _document(result: Result) -> Body:
    try:
        document = json.loads(result.out)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _planned(who: str, document: Body, words: tuple[str, ...]) -> Planned:
    steps = [*document.get("changes", ()), *document.get("refused", ())]
    deleted_ids = {step["id"] for step in steps if step["action"] in ("delete", "retire", "replace") and step["id"]}
    overwritten = tuple(word for before, word in pairwise(words) if before == "--overwrite")
    return Planned(who, frozenset(deleted_ids), overwritten)


def _end(who: str, command: str, code: int, document: Body) -> End:
    steps = [*document.get("changes", ()), *document.get("refused", ())]
    reported = {edit for step in (*steps, *document.get("drift", ())) for edit in _edits(step)}
    outcomes = tuple(_outcomes(document.get("outcomes", ()), steps))
    unkept = {Edit(entry["address"], path) for entry in document.get("unkept", ()) for path in entry.get("paths", ())}
    unkept |= {Edit(outcome.address, path) for outcome in outcomes for path in outcome.unkept}
    empty = "changes" in document and not steps
    sentences = {"No changes"} if empty and command in ("plan", "apply") else set()
    sentences |= {"No drift"} if empty and command == "drift" and not document.get("drift") else set()
    return End(who, code, outcomes, frozenset(reported), frozenset(unkept), frozenset(sentences))


def _edits(step: Body) -> Iterator[Edit]:
    fields = [entry for entry in step.get("fields", ()) if entry["cause"] in _REPORTED_CAUSES]
    yield from (Edit(step["address"], entry["path"]) for entry in fields)
    if step.get("cause") in _REPORTED_CAUSES and not fields:
        yield Edit(step["address"])


def _outcomes(reported: Iterable[Body], steps: list[Body]) -> Iterator[Outcome]:
    """The outcomes, each with the values that its step was to write.

    If an object has two steps with one action, its outcomes are in the order of these steps.
    """
    planned: dict[tuple[str, str], list[Body]] = {}
    for step in steps:
        planned.setdefault((step["address"], step["action"]), []).append(step)
    for outcome in reported:
        candidates = planned.get((outcome["address"], outcome["action"]), [])
        step = candidates.pop(0) if len(candidates) > 1 else candidates[0] if candidates else {}
        fields: Fields = {}
        for entry in step.get("fields", ()) if outcome["action"] != "create" else ():
            fields |= _desired(entry)
        yield Outcome(
            outcome["address"],
            outcome["action"],
            outcome["status"],
            outcome["id"] or "",
            fields,
            frozenset(outcome.get("unkept") or ()),
        )


def _desired(entry: Body) -> Fields:
    if entry["sensitive"] or "desired" not in entry or entry["desired"] is None:
        return {}
    return {pointer: value for pointer, value in _leaves(entry["desired"], entry["path"]) if _is_shown(pointer)}


def _fields(spec: Body) -> Fields:
    return {pointer: value for pointer, value in _leaves(spec) if _is_shown(pointer)}


def _leaves(value: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Leaves with references as `ref:KIND/NAME`; leaves with other expressions, null and secrets are left out."""
    for path, text in flat(value, pointer):
        if text.startswith("${ref:"):
            yield path, "ref:" + text.removeprefix("${ref:").removesuffix("}")
        elif "${" not in text and text not in ("null", "(sensitive)"):
            yield path, text


def _is_shown(pointer: str) -> bool:
    return pointer.split("/")[1] not in _WRITE_ONLY


def _only_tests(body: Any) -> bool:
    return isinstance(body, list) and all(operation.get("op") == "test" for operation in body)


def _time(moment: Body) -> float:
    return datetime.fromisoformat(moment["time"]).timestamp()
