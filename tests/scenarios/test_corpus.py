"""Real bodies as manifests: every valid one applies and stays quiet, whichever way the server reads it back.

Bodies are those of tests/corpus and, when it is set, of the directory in TAVUSCTL_CORPUS.  What belongs to the server
is taken off a body, a key or header in it becomes a `${secret:}`, and the ids it refers to are put into the account.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tavusctl.kinds import KINDS
from tests.scenarios.project import Account, Body, Project

CORPUS = Path(__file__).parents[1] / "corpus"
COMPUTED = {"document_id", "replica_id", "uuid", "owner_id", "status", "created_at", "updated_at"}
COMPUTED |= {"is_deleted", "guardrail_type", "persona_refs"}
NEWER = ("deployment", "dictionary", "guardrail", "tool")  # kinds that older accounts have not
KINDS_HERE = ("document", "guardrails", "objectives", "persona", "replica", *NEWER)
CANVAS = "magic_canvas"  # the skill of a body that does not name it
WORDS = {"pal": "persona", "face": "replica"}  # newer words for kinds
LAYERS = {"perception", "stt", "conversational_flow", "llm", "tts"}
REFERENCES = {
    "default_replica_id": "replicas",
    "default_face_id": "replicas",
    "guardrails_id": "guardrails",
    "objectives_id": "objectives",
}
# Every way in which the service may answer, as far as it is known.
SHAPES: dict[str, Body] = {
    "as-recorded": {},
    "wrapped-get": {"wrapped_get": True},
    "older-fields": {"newer_fields": False},
    "flow-null": {"flow_defaults": "null"},
    "mask-omitted": {"mask": "omit"},
    "mask-echoed": {"mask": "echo"},
    "set-ids-documented": {"set_id_key": "documented"},
    "set-lists-documented": {"sets_list_documented": True},
    "set-created-in-full": {"set_create_full": True},
    "newest-first": {"list_order": "descending"},
    "no-count": {"total_count": "absent"},
    "ten-at-most": {"max_limit": 10},
    "ten-whatever-is-asked": {"max_limit": 10, "over_limit": "clamp"},
    "ten-and-no-count": {"max_limit": 10, "over_limit": "clamp", "total_count": "absent"},
    "lists-lag": {"list_lag": 3600},
    "unknown-dropped": {"layers_unknown": "drop"},
    "unknown-kept": {"layers_unknown": "keep"},
    "304-with-length": {"body_304": "length"},
    "304-with-body": {"body_304": "body"},
    "references-checked": {"references": "reject"},
    "without-stock": {"stock": False},
    "documented-throughout": {
        "wrapped_get": True,
        "newer_fields": False,
        "flow_defaults": "null",
        "set_id_key": "documented",
        "sets_list_documented": True,
        "total_count": "absent",
        "max_limit": 10,
        "not_found": "404",
    },
}


@dataclass(frozen=True)
class Sample:
    """A body of the corpus as a manifest."""

    file: str
    kind: str
    spec: Body

    @property
    def name(self) -> str:
        """A name that no other sample has."""
        return re.sub(r"[^a-z0-9]+", "-", self.file.removesuffix(".json").lower())[-60:].strip("-")


@cache
def samples() -> tuple[Sample, ...]:
    """Every body that is, or can stand in, a `spec`."""
    more = os.environ.get("TAVUSCTL_CORPUS", "")
    found: dict[str, Sample] = {}
    for root in [*([Path(more)] if more else []), CORPUS]:
        for path in sorted(root.rglob("*.json")):
            file = path.relative_to(root).as_posix()
            for kind, body in _as_spec(path, json.loads(path.read_text("utf-8"))):
                found[file] = Sample(file, kind, _escaped(body))
    return tuple(found[file] for file in sorted(found))


def _as_spec(path: Path, body: Any) -> Iterator[tuple[str, Body]]:
    sort = path.stem.split("--")[0] if "--" in path.stem else path.stem.rsplit("-", 1)[0]
    if not isinstance(body, dict):
        return
    sort = WORDS.get(sort, sort)
    if sort in KINDS_HERE:
        own = COMPUTED | ({f"{sort}_id"} if sort in ("guardrails", "objectives") else set())
        own |= {"persona_id", "pal_id"} if sort == "persona" else set()
        spec = {key: value for key, value in body.items() if key not in own}
        if isinstance(skills := spec.get("skills"), dict):  # as a read shows them
            spec["skills"] = {key: one.get("config", one) for key, one in skills.items()}
        part = path.stem.startswith("pal-") and set(spec) == {"layers"}
        yield sort, {"system_prompt": "Be brief.", **spec} if part else spec
    elif sort == "skill":
        yield "persona", {"system_prompt": "Be brief.", "skills": {body.get("skill_id", CANVAS): body["config"]}}
    elif sort == "persona-fragment":
        yield "persona", {"system_prompt": "Be brief.", **body}
    elif sort == "layer-fragment":
        layers = body if set(body) <= LAYERS else {path.stem.split("-", 4)[4].replace("-", "_"): body}
        yield "persona", {"system_prompt": "Be brief.", "layers": layers}


def _escaped(value: Any) -> Any:
    """Text as it is: an expression in a body is none of ours."""
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return value.replace("${", "$${") if isinstance(value, str) else value


def write(project: Project, chosen: tuple[Sample, ...]) -> None:
    """Manifests of samples, one file each, and the project file that lets them read their secrets."""
    secrets: dict[str, str] = {}
    for number, sample in enumerate(chosen):
        spec = json.loads(json.dumps(sample.spec))
        _hide(spec, number, secrets)
        for key in spec:
            if sample.kind == "replica" and key.endswith("_url") and spec[key].startswith("<"):
                spec[key] = "https://example.com/filled-in.mp4"  # a place that the documentation leaves to the reader
        for name_field in (KINDS[sample.kind].name_field, "pal_name"):
            if isinstance(spec.get(name_field), str):
                spec[name_field] += f"_{number}" if sample.kind == "tool" else f" {number}"
        project.manifest(sample.kind, sample.name, spec)
    project.write("tavusctl.yaml", json.dumps({"version": 1, "secrets": sorted(secrets)}))
    project.environment.update(secrets)


def _hide(spec: Body, number: int, secrets: dict[str, str]) -> None:
    layers = spec.get("layers")
    for name, layer in layers.items() if isinstance(layers, dict) else ():
        headers: Body = layer.get("headers", {}) if isinstance(layer, dict) else {}
        places: list[tuple[Body, str]] = [(headers, key) for key in headers]
        places += [(layer, "api_key")] if isinstance(layer, dict) and layer.get("api_key") else []
        _fill(name, places, number, secrets)
    auth: Body = ((spec.get("delivery") or {}).get("api") or {}).get("auth") or {}
    _fill("auth", [(auth, key) for key in auth if key == "token"], number, secrets)


def _fill(name: str, places: list[tuple[Body, str]], number: int, secrets: dict[str, str]) -> None:
    for holder, key in places:
        secret = f"SECRET_{number}_{name}_{key}".upper().replace("-", "_")
        secrets[secret] = f"value of {secret}"
        holder[key] = f"${{secret:{secret}}}"


def populate(account: Account, chosen: tuple[Sample, ...]) -> None:
    """Put what samples refer to by id into the account."""
    wanted: dict[str, set[str]] = {kind: set() for kind in (*REFERENCES.values(), "documents", "personas")}
    for sample in chosen:
        wanted["personas"] |= {sample.spec["pal_id"]} if sample.kind == "deployment" else set()
        for key, kind in REFERENCES.items():
            wanted[kind] |= {sample.spec[key]} if sample.kind == "persona" and sample.spec.get(key) else set()
        wanted["documents"] |= set(sample.spec.get("document_ids", ()))
    account.seed(**{kind: [{"id": id_} for id_ in sorted(ids)] for kind, ids in wanted.items()})


@pytest.fixture(scope="module")
def diagnostics(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Body]]:
    """What `validate` says of all samples in one run, by file of the corpus."""
    project = Project(tmp_path_factory.mktemp("corpus"), Account("http://127.0.0.1:9", "unused"))
    write(project, samples())
    result = project.run("validate", "--format", "json")
    assert result.code == 10
    by_path = {f"manifests/{sample.kind}-{sample.name}.yaml": sample.file for sample in samples()}
    found: dict[str, list[Body]] = {}
    for diagnostic in result.document["complaints"]:
        found.setdefault(by_path[diagnostic["path"]], []).append(diagnostic)
    return found


@pytest.fixture(scope="module")
def valid(valid_today: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """Samples without an error that older accounts know the fields of."""
    return tuple(sample for sample in valid_today if not sample.file.startswith("today/"))


@pytest.fixture(scope="module")
def valid_today(diagnostics: dict[str, list[Body]]) -> tuple[Sample, ...]:
    """Samples without an error."""
    wrong = {file for file, listed in diagnostics.items() if any(one["severity"] == "error" for one in listed)}
    return tuple(sample for sample in samples() if sample.file not in wrong)


# The bodies that the service would refuse or misread, with the ids of all complaints in the order of lines.
SLICES = 6
KEY, VALUE, MISSING = "TV103", "TV104", "TV106"
PLURAL_PROMPT = [MISSING, KEY]
# What the API takes, and what cannot work: objectives in a circle, and next objectives that are in no set.
UNWORKABLE: dict[str, list[str]] = {
    "wild/objectives-01.json": ["TV233"],
    "wild/objectives-02.json": ["TV233"] * 4,
    "wild/objectives-06.json": ["TV231"],
    "wild/objectives-07.json": ["TV231"],
    "wild/objectives-08.json": ["TV231"],
}
INVALID: dict[str, list[str]] = {
    "seed/document--L3142-faq.json": [VALUE],
    "seed/layer-fragment--L5053-llm.json": [MISSING],  # a key, and no address that it would be for
    "seed/guardrails--L4907-guardrails.json": [KEY] * 4,
    "seed/layer-fragment--L5033-llm.json": [MISSING],
    "seed/layer-fragment--L5045-llm.json": [MISSING],
    "wild/guardrails-05.json": PLURAL_PROMPT,
    "wild/guardrails-06.json": PLURAL_PROMPT * 3,
    "wild/guardrails-07.json": PLURAL_PROMPT,
    "wild/guardrails-11.json": PLURAL_PROMPT,
    "wild/objectives-04.json": [VALUE],
    "wild/objectives-05.json": [VALUE],
    "wild/objectives-14.json": [VALUE],
    "wild/persona-08.json": [MISSING],
    "wild/persona-09.json": [KEY],
    "wild/persona-12.json": [KEY] * 5,
    "wild/persona-13.json": [KEY] * 5,
    "wild/persona-14.json": [KEY] * 5,
    "wild/persona-15.json": [KEY] * 5,
    "wild/persona-16.json": [KEY] * 7,
    "wild/persona-17.json": [KEY] * 6,
    "wild/persona-20.json": [KEY, VALUE, KEY, KEY],
    "wild/persona-21.json": [KEY, VALUE, KEY],
}
IN_WORDS = [
    (
        "7:23 an objective name must not contain white space, found "
        "`Capture Lead Information` write `Capture_Lead_Information`"
    ),
    "9:26 unknown value `automatic`, which is sent as it is did you mean `auto`?",
    "15:17 unknown value `conversational`, which is sent as it is known: `verbal`, `visual`, `audio`",
]


def test_every_wrong_body_is_complained_about_in_one_run(diagnostics: dict[str, list[Body]]) -> None:
    """Nothing is wrong but what is known to be wrong, and one bad file hides no other."""
    errors = {file: [one["id"] for one in listed if one["severity"] == "error"] for file, listed in diagnostics.items()}
    ours = {file: ids for file, ids in errors.items() if ids and (CORPUS / file).exists()}

    assert ours == {**INVALID, **UNWORKABLE}


def test_a_complaint_says_where_what_was_found_and_what_would_be_right(diagnostics: dict[str, list[Body]]) -> None:
    """The place of the value, the value, and the values that would do."""
    listed = [
        f"{one['line']}:{one['column']} {one['message'].partition(': ')[2]} {one['hint']}".strip()
        for one in diagnostics["wild/objectives-04.json"]
    ]
    places = [(one["path"], one["line"], one["column"]) for all_of_file in diagnostics.values() for one in all_of_file]

    assert listed == IN_WORDS
    assert all(path and line > 1 and column > 1 for path, line, column in places)


@pytest.mark.needs("corpus")
def test_bodies_beside_the_checkout_are_among_the_samples() -> None:
    beside = Path(os.environ["TAVUSCTL_CORPUS"])

    assert any((beside / sample.file).is_file() for sample in samples())


def in_shape(valid: tuple[Sample, ...], name: str) -> tuple[tuple[Sample, ...], Body]:
    """The bodies that are tried in a shape of answers, and the shape.

    In the first shape, which most accounts have, all bodies; in each other one every sixth, from another one on.
    `make corpus` tries all in all.
    """
    place = list(SHAPES).index(name)
    step = 1 if place == 0 or os.environ.get("TAVUSCTL_CORPUS_WHOLE") else SLICES
    return valid[place % step :: step], SHAPES[name]


@pytest.mark.older_api
@pytest.mark.parametrize("name", SHAPES)
def test_every_valid_body_applies_and_is_quiet_from_then_on(
    project: Project, valid: tuple[Sample, ...], name: str
) -> None:
    """Under each shape of answers, and when the server goes back to the usual one."""
    valid, shape = in_shape(valid, name)
    account = project.account
    account.switch(crawls_at_once=None, **shape)
    populate(account, valid)
    write(project, valid)

    applied = project.run("apply", "--yes", "--format", "json")
    account.forget()
    plan = project.plan()
    again = project.run("apply", "--yes")
    usual = {name: value for name, value in account.control("GET", "switches")["defaults"].items() if name in shape}
    account.switch(**usual)
    later = project.plan()

    unhappy = [o for o in applied.document["outcomes"] if o["status"] != "done" or o["unkept"]]
    assert (applied.code, unhappy) == (0, [])
    assert (plan["changes"], plan["refused"], plan["drift"]) == ([], [], [])
    assert (again.code, account.writes) == (0, [])
    assert (later["changes"], later["drift"], later["summary"]["no_op"]) == ([], [], len(valid))


@pytest.mark.sweep
@pytest.mark.older_api
def test_what_is_sent_is_the_body_itself(project: Project, valid: tuple[Sample, ...]) -> None:
    """Only empty values are left out, nothing is made up, and every key arrives as the value of its secret."""
    account = project.account
    account.switch(crawls_at_once=None)
    populate(account, valid)
    write(project, valid)
    project.apply()

    bodies = [_unclaimed(entry["body"]) for entry in account.writes if not entry["path"].endswith("/name")]
    sent = sorted(json.dumps(_filled(body), sort_keys=True) for body in bodies)
    meant = sorted(json.dumps(_filled(_as_sent(project, sample)), sort_keys=True) for sample in valid)
    stored = {
        digest
        for entry in account.control("GET", f"objects?account={account.key}&kind=personas")["objects"]
        for digest in entry["secrets"].values()
    }
    keys = {hashlib.sha256(v.encode()).hexdigest() for k, v in project.environment.items() if k.endswith("_API_KEY")}
    assert sent == meant
    assert stored == keys


# What an account refuses of bodies that were written for the other one, by words of its answer.
REFUSES = {
    "today": (
        "Not allowed with pipeline_mode",
        "objectives must have a single root",
        "objective_name must",
        "next_required_objectives': ['Unknown field.']",
        "references unknown objective",
    ),
    "seed": (
        "'allow_loops': ['Unknown field.']",
        "'persona_description': ['Unknown field.']",
        "Must be one of: sparrow-1, sparrow-0, time-based.",
        "has no calls for `/skills` of a persona",
    ),
}


@pytest.mark.sweep
@pytest.mark.parametrize("era", REFUSES)
def test_every_body_that_an_account_takes_applies_and_is_quiet(
    project: Project, valid_today: tuple[Sample, ...], era: str
) -> None:
    """What it refuses it says, and nothing else is in the next plan.  An older account has not all kinds."""
    account = project.account
    account.switch(era=era, crawls_at_once=None)
    chosen = tuple(one for one in valid_today if era == "today" or one.kind not in NEWER)
    populate(account, chosen)
    write(project, chosen)

    applied = project.run("apply", "--yes", "--format", "json")
    plan = project.plan()
    account.forget()
    project.run("apply", "--yes")

    failed = {one["address"]: one["reason"] for one in applied.document["outcomes"] if one["status"] != "done"}
    unkept = [one for one in applied.document["outcomes"] if one["unkept"]]
    assert [reason for reason in failed.values() if not any(words in reason for words in REFUSES[era])] == []
    assert (unkept, plan["drift"], plan["refused"]) == ([], [], [])
    assert {one["address"] for one in plan["changes"]} == failed.keys()
    assert len(failed) < len(chosen) / 3
    assert {one["method"] for one in account.writes} <= {"POST", *(("PUT",) if era == "seed" else ())}  # of skills


NAME_FIELDS = {
    "persona": "persona_name",
    "document": "document_name",
    "replica": "replica_name",
    "guardrails": "name",
    "objectives": "name",
}


def _unclaimed(body: Body) -> Body:
    """A replica under its own name, which it gets once its id is on record."""
    name = str(body.get("replica_name") or "")
    return {**body, "replica_name": re.sub(r"^tavusctl_[0-9a-f]{12} ", "", name)} if name else body


def _filled(value: Any) -> Any:
    """A value without its empty members, which mean that a field is not set."""
    if not isinstance(value, dict):
        return [_filled(item) for item in value] if isinstance(value, list) else value
    members = {key: _filled(item) for key, item in value.items()}
    return {key: item for key, item in members.items() if item not in ("", [], {}, None)}


def _as_sent(project: Project, sample: Sample) -> Body:
    """The spec of a manifest as the service takes it: keys sealed, words joined, sets without doubles."""
    text = (project.root / f"manifests/{sample.kind}-{sample.name}.yaml").read_text("utf-8")
    for secret, value in project.environment.items():
        text = text.replace(f"${{secret:{secret}}}", "(sensitive)" if secret.endswith("_API_KEY") else value)
    spec: Body = json.loads(text.replace("$${", "${"))["spec"]
    if not spec.get(NAME_FIELDS[sample.kind]):  # a name is always sent; guardrails have no hyphens
        spec[NAME_FIELDS[sample.kind]] = sample.name.replace("-", "_") if sample.kind == "guardrails" else sample.name
    for key in ("tags", "document_ids", "document_tags"):
        if key in spec:
            spec[key] = list(dict.fromkeys(spec[key]))
    stt = (spec.get("layers") or {}).get("stt") or {}
    if isinstance(stt.get("hotwords"), list):
        stt["hotwords"] = ", ".join(stt["hotwords"])
    return spec
