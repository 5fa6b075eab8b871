"""The control side of a running emulator: everything under `/__emulator/`, JSON in and out, no API key.

It is for programs.  A request with an `Origin` or a foreign `Host` is refused, and so is a change without
`content-type: application/json`, because a page could have made a browser send it (curl may omit the header).

Bad input is answered 400 `{"error": why}`.  Control requests are never recorded, delayed or struck by faults.
`PATTERN` is `"METHOD /path"` with `*` and `?` as wildcards (`*` also matches slashes; query and a slash at the end are
ignored): `"POST /v2/personas"`, `"* /v2/documents/*/recrawl"`, `"*"`.

GET    requests     {"requests": [...]} in order: seq, time, method, path, query, body (API keys as "(sensitive)"),
                    account (null: 401), user_agent, status (null: no answer), committed (whether it changed something),
                    fault (the kind that struck, or null), if_match, run and shown (see history).
                    Filters: ?method=PATCH&path=/v2/personas*&since=SEQ
DELETE requests     forget the requests and the violations.
GET    mutations    {"mutations": [...]} committed changes, append-only, kept with `db`: seq, time, account, kind
                    (personas ...), id, action (create update rename delete recrawl end join say draft publish discard),
                    by (api, portal, room), request (its seq), body (redacted request body); running_crawls if a crawl
                    starts.  ?since=SEQ
GET    history      {"events": [...]} everything in one order since the start or the last reset, the newest 200,000:
                    at (its number), is (call: a request arrives; handled: it was carried out; commit: a change; killed:
                    a kill fault struck).  All but commits have request (its seq), time, account, method, path, run (the
                    header x-tavusctl-run, else x-tavusctl-pid), user_agent, status, fault, and body (calls) or shown
                    {id: version}.  Commits have the members of mutations but seq and body, and changes {JSON Pointer:
                    new value} and gone [pointers that no longer exist].  The version of an object is the number of its
                    last commit, 0 without one, as for a seeded object.
                    ?since=AT&account=NAME
GET    violations   {"violations": [...]}: request (its seq), method, path, text, rule (mask_written: a mask in a write;
                    stock_written; dangling_reference: see the behaviour check_references).
GET    objects      {"objects": [...]}: account, kind, id, deleted (bool), document (as a read shows it, API keys as
                    "(sensitive)"), secrets {pointer: SHA-256 of the stored key}.  ?deleted=1&kind=personas&account=NAME
GET    clock        {"now": ISO time, "frozen": bool}; everything that takes time, and the Date header, follow it.
POST   clock        {"advance": seconds} | {"set": ISO time} | {"freeze": true | false}, combinable, freeze first and
                    advance last.  Answers like GET.
GET    behaviors    {"behaviors": {name: value}, "defaults": {...}, "meanings": {...}}; `behaviors` describes all.
PUT    behaviors    {name: value, ...}: set these and no others; answers like GET.  PATCH is the same.
DELETE behaviors    set all to their defaults.  `switches`, the older name of these paths, still works; its answers have
                    "switches" in place of "behaviors".
GET    faults       {"faults": [rule + "struck": how often]}.
POST   faults       a rule, or a list of rules: {"match": PATTERN ("*"), "kind", "phase": "before" | "after" the change,
                    "skip": 0, "times": 1 (null: for ever), "probability": 1.0, "seed": 0} and, by kind: status,
                    headers {}, body (JSON or text), raw (text; with "base64": true, base64), at (bytes of the body),
                    seconds, to.  Kinds: see `faults.KINDS`.  The first rule that strikes wins.  `late` sends no answer,
                    and makes the change of the request when the clock (see POST clock) has moved by `seconds`.
DELETE faults       forget the rules; changes that are late are made all the same.
GET    outcomes     {"outcomes": {"documents": [...], "replicas": [...]}} that are not used up yet.
POST   outcomes     {"kind": "documents" | "replicas" | "voices", "error": code or text (null: success), "times": 1}:
                    how the next processing, crawl or training ends.
DELETE outcomes     forget the outcomes.
POST   portal       an edit that no API client made: {"kind": "persona", "id", "account"?} with one of "patch": [JSON
                    Patch on the document as a read shows it, but with real secrets], "delete": true; or "create":
                    {body} without id.  Answers {"account", "kind", "id"}.  "when": {"before": PATTERN} arms the edit:
                    it is made when such a request has arrived and before its handler reads anything, so it falls
                    between a client's GET and its PATCH; {"after": PATTERN}: after such a request has changed
                    something, before its answer.  "when" also takes "skip" and "times" (1).  Answers {"armed": true}.
POST   drafts       {"id", "account"?, "model"?, "patch"?}: an unpublished edit of a persona, as in PAL Maker.  id "*"
                    is every persona (of `account`, if given); "patch" is what the person changed (JSON Patch).
                    "model": "maker" (default) blocks writes: PATCH is answered 409 {"error", "conflict":
                    "maker_changes"} before its operations are checked, and writes nothing; ?force=true writes and ends
                    the draft, and the answer has discarded_maker_changes; a patch of /layers/conferencing alone passes.
                    "july": PATCH changes the draft and is answered 200 with publish_url; ?target=live changes the live
                    persona; GET shows the live persona, and with ?source=draft the draft with is_draft_view,
                    has_unpublished_changes and publish_url; POST /v2/pals/ID/publish publishes the draft.  "when" as
                    for portal: the draft begins around a request.  Answers {"drafts": [ids]} or {"armed": true}.
GET    drafts       {"drafts": [{account, id, model, unpublished, document}]}.
DELETE drafts       a person discards drafts: all, or that of ?id=ID&account=NAME.
POST   drafts/publish  a person publishes drafts: {"id"?, "account"?}.
GET    portal       {"edits": [{edit, moment, times (left), failures}]}.
DELETE portal       disarm all edits.
POST   seed         {"ACCOUNT": {"personas": [body, ...], "replicas": ..., "documents": ..., "guardrails": ...,
                    "objectives": ..., "conversations": ..., "tools": ..., "single_guardrails": ..., "voices": ...,
                    "dictionaries": ..., "deployments": ..., "connectors": ...}}: objects, without the API's checks
                    and without mutations.  A body is that of a creation or of a read, with older or newer names; "id"
                    (or the key of the id in a read) fixes the id; status, times and counts may be given, and "skills"
                    and "tool_ids" of a persona.
                    "*" is every account, on its first call.  Answers {account: {kind: [ids]}}.
POST   reset        forget everything and start again with the seed, the behaviours and the faults of the start.
GET    accounts     {"accounts": [...]}.
GET    callbacks    {"callbacks": [...]} in order: url, event, status (of the answer; null: none yet), error.  Only http
                    URLs of this machine are called, at the ports that were allowed at the start.

Every API key is an account of its own, unless the behaviour `keys` names its account: {"old": "acme", "new": "acme"};
{"old": null} revokes a key, `unknown_keys: refuse` refuses all other keys.  A fault of kind `kill` needs the process id
of the caller in the request header `x-tavusctl-pid`, and kills only processes that were allowed at the start.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from dataclasses import replace

from tavusctl.emulator.account.clock import in_microseconds, parse
from tavusctl.emulator.account.journal import redact, secrets
from tavusctl.emulator.account.portal import BadEdit
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import World
from tavusctl.emulator.control import forms, maker, seeding
from tavusctl.emulator.control.behaviors import BEHAVIORS, UnknownBehavior
from tavusctl.emulator.control.faults import BadRule
from tavusctl.emulator.http.messages import Json, Malformed, Object, Request, Response, answer, refuse
from tavusctl.emulator.resources.routes import RESOURCES

PREFIX = "/__emulator/"
MAX_CLOCK_SECONDS = 100 * 365 * 86400  # the most seconds that one request moves the clock
ControlHandler = Callable[[World, Request], Json]


def is_control_request(request: Request) -> bool:
    """Whether a request is for the control side."""
    return request.path.startswith(PREFIX)


def answer_control(world: World, request: Request) -> Response:
    """Carry out a control request: 404 for an unknown method or path, 400 for invalid input."""
    name = request.path.removeprefix(PREFIX).strip("/")
    verb = HANDLERS.get((request.method, name))
    if verb is None:
        calls = sorted({f"{method} {PREFIX}{path}" for method, path in HANDLERS})
        return answer({"error": f"no {request.method} {name}", "known": calls}, 404)
    try:
        return answer(verb(world, request))
    except (Malformed, UnknownBehavior, BadRule, BadEdit, forms.BadForm, binascii.Error) as error:
        return refuse(str(error)).response
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return refuse(f"{type(error).__name__}: {error}").response


def _since(request: Request) -> int:
    return int(request.query.get("since", "0"))


def _after(change: Callable[[World], object], show: ControlHandler = lambda *_: {}) -> ControlHandler:
    """A handler that makes a change, and answers what is there after it."""

    def handler(world: World, request: Request) -> Json:
        change(world)
        return show(world, request)

    return handler


def _history(world: World, request: Request) -> Json:
    account = request.query.get("account")
    events = world.history.select(_since(request), lambda stored: _as_read(world, stored))
    return {"events": [event for event in events if account is None or event["account"] == account]}


def _as_read(world: World, stored: StoredObject) -> Object:
    """An object as a read shows it, or showed it before it was deleted, with its real secrets."""
    return RESOURCES[stored.kind].read_with_secrets(world, replace(stored, deleted=None))


def _objects(world: World, request: Request) -> Json:
    query = request.query
    objects = []
    for stored in world.store.dump():
        if stored.deleted is not None and not query.get("deleted"):
            continue
        if query.get("kind", stored.kind) == stored.kind and query.get("account", stored.account) == stored.account:
            document = _as_read(world, stored)
            objects.append(
                {
                    "account": stored.account,
                    "kind": stored.kind,
                    "id": stored.id,
                    "deleted": stored.deleted is not None,
                    "document": redact(document),
                    "secrets": secrets(document),
                }
            )
    return {"objects": objects}


def _clock(world: World, _: Request) -> Json:
    return {"now": in_microseconds(world.clock.now()), "frozen": world.clock.frozen_at is not None}


def _turn_clock(world: World, request: Request) -> Json:
    body = _body(request, {"advance", "set", "freeze"})
    freeze, moment = forms.flag(body, "freeze"), parse(forms.text(body, "set")) if "set" in body else None
    advance = forms.number(body, "advance", 0, -MAX_CLOCK_SECONDS, MAX_CLOCK_SECONDS)
    if "freeze" in body:
        (world.clock.freeze if freeze else world.clock.thaw)()
    if moment is not None:
        world.clock.set(moment)
    if advance:
        world.clock.set(world.clock.now() + advance)
    world.save_settings()
    return _clock(world, request)


def _body(request: Request, members: set[str] | None = None) -> Object:
    body = request.json()
    allowed = members if members is not None else body if isinstance(body, dict) else ()
    return forms.check_members(body, allowed, "the body")


def _behaviors(world: World, request: Request) -> Json:
    return {
        request.path.rstrip("/").rpartition("/")[2]: world.behaviors.values,
        "defaults": {name: behavior.default for name, behavior in BEHAVIORS.items()},
        "meanings": {name: behavior.meaning for name, behavior in BEHAVIORS.items()},
    }


def _set_behaviors(world: World, request: Request) -> Json:
    world.behaviors.change(_body(request))
    world.save_settings()
    return _behaviors(world, request)


def _restore_behaviors(world: World, request: Request) -> Json:
    world.behaviors.restore()
    world.save_settings()
    return _behaviors(world, request)


def _faults(world: World, _: Request) -> Json:
    return {"faults": [fault.as_object() for fault in world.faults.rules]}


def _add_faults(world: World, request: Request) -> Json:
    rules = request.json()
    world.faults.add(rules if isinstance(rules, list) else [rules])
    return _faults(world, request)


def _outcomes(world: World, _: Request) -> Json:
    return {"outcomes": world.outcomes}


def _add_outcome(world: World, request: Request) -> Json:
    body = _body(request, {"kind", "error", "times"})
    if body.get("kind") not in ("documents", "replicas", "voices"):
        raise Malformed("kind is documents, replicas or voices")
    error = None if body.get("error") is None else forms.text(body, "error")
    world.outcomes.setdefault(body["kind"], []).extend([error] * forms.whole_number(body, "times", 1, 1, 10_000))
    return _outcomes(world, request)


def _edit(world: World, request: Request) -> Json:
    change = _body(request, {"account", "kind", "id", "patch", "delete", "create", "when"})
    if "when" not in change:
        return seeding.edit(world, change)
    seeding.check_edit(world, change)
    world.portal.arm(change["when"], change)
    return {"armed": True}


def _edits(world: World, _: Request) -> Json:
    return {
        "edits": [
            {"edit": redact(armed.edit), "moment": armed.moment, "times": armed.times, "failures": armed.failures}
            for armed in world.portal.edits
        ]
    }


def _seed(world: World, request: Request) -> Json:
    seed = _body(request)
    seeding.check(world, seed)
    ids: Object = {}
    for account, kinds in seed.items():
        if account == seeding.ALL_ACCOUNTS:
            world.seed = world.seed | {account: kinds}
            ids |= {name: seeding.add_objects(world, name, kinds) for name in world.store.accounts()}
        else:
            seeding.seed_new_account(world, account)
            ids[account] = seeding.add_objects(world, account, kinds)
    return ids


HANDLERS: dict[tuple[str, str], ControlHandler] = {
    ("GET", "requests"): lambda world, request: {"requests": world.journal.select(request.query)},
    ("DELETE", "requests"): _after(lambda world: world.journal.clear()),
    ("GET", "mutations"): lambda world, request: {"mutations": world.store.mutations(_since(request))},
    ("GET", "history"): _history,
    ("GET", "violations"): lambda world, _: {"violations": world.journal.violations},
    ("GET", "objects"): _objects,
    ("GET", "clock"): _clock,
    ("POST", "clock"): _turn_clock,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_faults,
    ("DELETE", "faults"): _after(lambda world: world.faults.rules.clear(), _faults),
    ("GET", "outcomes"): _outcomes,
    ("POST", "outcomes"): _add_outcome,
    ("DELETE", "outcomes"): _after(lambda world: world.outcomes.clear(), _outcomes),
    ("POST", "portal"): _edit,
    ("GET", "portal"): _edits,
    ("DELETE", "portal"): _after(lambda world: world.portal.edits.clear(), _edits),
    ("GET", "drafts"): lambda world, _: {"drafts": maker.all_drafts(world)},
    ("POST", "drafts"): maker.post_drafts,
    ("DELETE", "drafts"): lambda world, request: maker.end(world, dict(request.query), publish=False),
    ("POST", "drafts/publish"): lambda world, request: maker.end(world, request.json(default={}), publish=True),
    ("POST", "seed"): _seed,
    ("POST", "reset"): _after(World.reset),
    ("GET", "accounts"): lambda world, _: {"accounts": world.store.accounts()},
    ("GET", "callbacks"): lambda world, _: {"callbacks": world.callbacks.deliveries},
}
for _name in ("behaviors", "switches"):
    HANDLERS |= {("GET", _name): _behaviors, ("DELETE", _name): _restore_behaviors}
    HANDLERS |= {("PUT", _name): _set_behaviors, ("PATCH", _name): _set_behaviors}
