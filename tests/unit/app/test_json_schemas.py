"""The JSON Schemas: they take every example and every real body, refuse what is wrong, and are fresh."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema_rs import Draft202012Validator, meta

from tavusctl.app.json_schemas import all_schemas
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.model import ABSENT, Action, Cause, Change, Drift, FieldChange, Outcome, Plan, Refusal, Status
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.kinds import KINDS
from tavusctl.reports.formats import REPORTS
from tests import checked
from tests.house.tree import ROOT
from tests.unit.kinds.test_kinds import REFUSED, specs

MANIFESTS = sorted((ROOT / "manifests").rglob("*.yaml"))
FILES = [
    *(f"{kind}{word}.schema.json" for kind in KINDS for word in ("", ".overlay")),
    *("plan.schema.json", "project.schema.json"),
]
# Refused by rules between fields, which the schemas leave to `validate`.
PAGE = {"document_url": "https://example.com/"}
BEYOND = {
    "seed/layer-fragment--L5033-llm.json",
    "seed/layer-fragment--L5045-llm.json",
    "seed/layer-fragment--L5053-llm.json",
    "wild/persona-08.json",
}


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """Made by the tests: every worker imports this module."""
    return all_schemas()


def faults(schema: str, value: object) -> list[str]:
    validator = Draft202012Validator(schemas()[f"{schema}.schema.json"])
    return sorted("/".join(map(str, error.instance_path)) for error in validator.iter_errors(value))


def manifest(kind: str, spec: object, **envelope: object) -> dict[str, object]:
    return {"kind": kind, "name": "a-name", "spec": spec, **envelope}


def leaves(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("name", FILES)
def test_schemas_are_valid_and_those_on_disk_are_fresh(name: str) -> None:
    meta.validate(schemas()[name])
    on_disk = json.loads((ROOT / "schemas" / name).read_text("utf-8"))
    assert on_disk == schemas()[name], "run `make schemas`"
    assert json.dumps(on_disk) == json.dumps(schemas()[name]), "the order of keys is part of the promise"


@pytest.mark.parametrize(
    ("kind", "spec", "places"),
    [
        ("deployment", {"persona_id": "p1", "channel": "embed"}, []),
        ("deployment", {"pal_id": "p1", "channel": "embed"}, []),
        ("deployment", {"channel": "embed"}, ["spec"]),
        ("persona", {"system_prompt": "x", "skills": {"newer": {"a": 1}, "older": None}}, []),
        ("persona", {"system_prompt": "x", "skills": {"newer": 1}}, ["spec/skills"]),
        (
            "persona",
            {"system_prompt": "x", "skills": {"magic_canvas": {"components": {"chart": {"style": "x"}, "newer": {}}}}},
            [],
        ),
        ("persona", {"system_prompt": "x", "disclosure_type": "newer"}, []),
        ("persona", {"system_prompt": "x", "disclosure_type": ""}, []),
        ("deployment", {"persona_id": "p1", "channel": ""}, ["spec/channel"]),
    ],
)
def test_editors_take_what_validate_takes(kind: str, spec: object, places: list[str]) -> None:
    assert faults(kind, manifest(kind, spec)) == places


@pytest.mark.parametrize("kind", KINDS)
def test_a_variable_may_stand_in_place_of_every_value(kind: str) -> None:
    schema = schemas()[f"{kind}.schema.json"]
    envelope = {
        key: one for key, one in schema["properties"].items() if key not in ("kind", "name", "spec", "external")
    }
    holders = [{"properties": envelope}, schema["properties"]["spec"], *schema["$defs"].values()]
    for key, member in (item for holder in holders for item in holder.get("properties", {}).items()):
        assert Draft202012Validator({**member, "$defs": schema["$defs"]}).is_valid("${var:it}"), key


VARIABLES = """
environments:
  default:
    vars:
      {every: 24h, keep: true, removed: retain, skip: [/tags], tags: [a], more: {a: 1}, crawl: {depth: 1, max_pages: 2}}
"""


@pytest.mark.parametrize(
    ("spec", "beside"),
    [
        ({"tags": "${var:tags}", "crawl": "${var:crawl}"}, {}),
        ({"crawl": {"depth": 1, "max_pages": 5}}, {"recrawl": {"every": "${var:every}"}}),
        ({"extra": "${var:more}"}, {"lifecycle": {"prevent_destroy": "${var:keep}", "on_remove": "${var:removed}"}}),
        ({"tags": ["a"]}, {"watch": "${var:keep}", "lifecycle": {"ignore_changes": "${var:skip}"}}),
        ({"extra": None}, {"lifecycle": None, "recrawl": None, "watch": None, "moved_from": None}),
    ],
)
def test_editors_and_validate_take_variables_and_nulls(
    tmp_path: Path, spec: dict[str, object], beside: dict[str, object]
) -> None:
    content = manifest("document", {**PAGE, **spec}, **beside)
    assert not faults("document", content)
    assert checked.of(tmp_path, content, **{"tavusctl.yaml": VARIABLES}) == ()


def test_there_is_a_schema_for_every_kind_the_project_and_the_plan() -> None:
    assert sorted(schemas()) == sorted(FILES)
    assert sorted(path.name for path in (ROOT / "schemas").iterdir()) == sorted(schemas())


OVERLAYS = [
    *({}, {"spec": None}, {"spec": {}}, {"lifecycle": {"prevent_destroy": True}}, {"recrawl": None}, {"id": "r123"}),
    *({"external": True, "id": "r123"}, {"spec": {"layers": {"llm": None}}}, {"spec": {"layers": {"llm": {}}}}),
]


@pytest.mark.parametrize("over", OVERLAYS, ids=str)
def test_an_overlay_may_say_any_part(over: dict[str, object]) -> None:
    kind = "document" if "recrawl" in over else "persona"
    assert not faults(f"{kind}.overlay", {"kind": kind, "name": "a-name", **over})


@pytest.mark.parametrize("kind", KINDS)
def test_an_overlay_takes_what_a_manifest_takes_and_no_other_key(kind: str) -> None:
    assert not faults(f"{kind}.overlay", manifest(kind, {}))
    assert faults(f"{kind}.overlay", manifest(kind, {"no_such_field": 1})) == ["spec"]
    tools = [{"type": "function", "function": {}}]  # the items of a list are whole
    if kind == "persona":
        assert faults("persona.overlay", manifest(kind, {"layers": {"llm": {"tools": tools}}}))


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_every_example_manifest_is_taken_and_names_its_schema(path: Path) -> None:
    text = path.read_text("utf-8")
    contents = list(yaml.safe_load_all(text))
    (kind,) = {content["kind"] for content in contents}
    assert text.startswith(f"# yaml-language-server: $schema=../../schemas/{kind}.schema.json\n")
    assert len(contents) > 1 or contents[0]["name"] == path.stem
    assert [faults(kind, content) for content in contents] == [[]] * len(contents)


def test_the_example_project_file_is_taken() -> None:
    assert faults("project", yaml.safe_load((ROOT / "tavusctl.yaml").read_text("utf-8"))) == []


def test_what_the_examples_refer_to_is_there_and_nothing_is_left_over() -> None:
    contents = [content for path in MANIFESTS for content in yaml.safe_load_all(path.read_text("utf-8"))]
    text = "\n".join(leaf for content in contents for leaf in leaves(content))
    addresses = {f"{content['kind']}/{content['name']}" for content in contents}
    personas = {address for address in addresses if address.startswith("persona/")}
    assert set(re.findall(r"\$\{ref:([^}]*)\}", text)) == addresses - personas
    files = {path.relative_to(ROOT / "manifests").as_posix() for path in (ROOT / "manifests" / "prompts").iterdir()}
    assert set(re.findall(r"\$\{file:([^}]*)\}", text)) == files
    variables = yaml.safe_load((ROOT / "tavusctl.yaml").read_text("utf-8"))["environments"]
    assert all(set(re.findall(r"\$\{var:([^}]*)\}", text)) == set(each["vars"]) for each in variables.values())


@pytest.mark.parametrize("path", sorted((ROOT / "manifests" / "prompts").iterdir()), ids=lambda path: path.stem)
def test_prompts_are_tidy(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.endswith("\n")
    assert text == text.strip() + "\n"
    assert not re.search(r"[ \t]\n|\n{3}|\r|\\n", text)
    assert max(map(len, text.splitlines())) < 500


def without_keys(value: Any) -> Any:
    """A body as a manifest says it: keys are named, and not written out."""
    if isinstance(value, dict):
        return {key: "${secret:KEY}" if key == "api_key" else without_keys(item) for key, item in value.items()}
    return [without_keys(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("file", "kind", "spec"), specs(), ids=lambda value: value if isinstance(value, str) else "")
def test_schemas_take_the_real_bodies_that_the_models_take(file: str, kind: str, spec: dict[str, Any]) -> None:
    assert bool(faults(kind, manifest(kind, without_keys(spec)))) == (file in REFUSED and file not in BEYOND)


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        ("persona", manifest("persona", {"system_prompt": "x", "context": None, "layers": {"tts": None}}), []),
        ("persona", manifest("persona", {"pipeline_mode": "${var:mode}", "extra": {"new_field": [1]}}), []),
        ("persona", manifest("persona", {"pipeline_mode": "newer than this"}), []),
        ("persona", manifest("persona", {"pipeline_mode": 1}), ["spec/pipeline_mode"]),
        ("persona", manifest("persona", {"pal_name": "x", "default_face_id": "r1"}), []),
        ("persona", {**manifest("persona", {"pal_name": "x"}), "kind": "pal"}, []),
        ("persona", manifest("persona", {"layers": {"conversational_flow": {"pal_interruptibility": "low"}}}), []),
        ("persona", manifest("persona", {"layers": {"llm": {"api_key": "sk-0001"}}}), ["spec/layers"]),
        ("persona", manifest("persona", {"layers": {"tts": {"api_key": "${secret:VOICE}"}}}), []),
        ("persona", manifest("persona", {"layers": {"tts": {"api_key": None}, "llm": {"api_key": ""}}}), []),
        ("document", manifest("document", PAGE, recrawl={"cron": "0 25 * * *"}), ["recrawl/cron"]),
        ("document", manifest("document", PAGE, recrawl={"cron": "0 3 * *"}), ["recrawl/cron"]),
        ("document", manifest("document", PAGE, recrawl={"cron": "0 3 * * *", "timezone": "CET"}), []),
        (
            "document",
            manifest("document", PAGE, recrawl={"cron": "0 3 * * *", "timezone": "Berlin"}),
            ["recrawl/timezone"],
        ),
        ("persona", manifest("persona", {"persona_nam": "x"}), ["spec"]),
        ("persona", manifest("replica", {}), ["kind"]),
        ("persona", manifest("persona", {}, name="Sales Coach"), ["name"]),
        ("persona", manifest("persona", {}, lifecycle={"on_remove": "keep"}), ["lifecycle/on_remove"]),
        ("persona", manifest("persona", {}, recrawl={"every": "24h"}), [""]),
        ("persona", {"kind": "persona", "name": "a"}, [""]),
        ("replica", {"kind": "replica", "name": "a", "external": True, "id": "r1"}, []),
        ("replica", {"kind": "replica", "name": "a", "external": True}, [""]),
        ("replica", {"kind": "replica", "name": "a", "external": True, "id": "r1", "spec": {}}, ["spec"]),
        ("document", manifest("document", {"document_url": "${var:url}", "crawl": {"depth": "${var:depth}"}}), []),
        ("document", manifest("document", {"document_url": "https://${var:host}/"}, recrawl={"cron": "0 3 * * *"}), []),
        ("document", manifest("document", {"document_url": "prices.pdf"}), ["spec/document_url"]),
        ("document", manifest("document", {"document_url": None}), ["spec"]),
        ("document", manifest("document", {"document_file": "prices.pdf", "upload": "s3://bucket/files"}), []),
        ("document", manifest("document", {"document_url": "https://e.com", "crawl": {"depth": "2"}}), ["spec/crawl"]),
        (
            "document",
            manifest("document", {"document_url": "https://e.com"}, recrawl={"every": "daily"}),
            ["recrawl/every"],
        ),
        ("document", manifest("document", {"document_url": "https://e.com"}, recrawl={}), ["recrawl"]),
        ("project", {}, []),
        ("project", {"environments": {"prod": None}}, []),
        ("project", {"base_url": "https://example.com"}, [""]),
        ("project", {"version": 2, "safety": {"max_delete_ratio": 30}}, ["safety/max_delete_ratio", "version"]),
    ],
)
def test_schemas_take_what_is_right_and_point_at_what_is_wrong(kind: str, content: object, expected: list[str]) -> None:
    assert faults(kind, content) == expected


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_declared_field_exists(kind: ResourceKind) -> None:
    schema = schemas()[f"{kind.name}.schema.json"]
    for pointer in kind.fields:
        here: list[Any] = [schema["properties"]["spec"]]
        for segment in pointer.split("/")[1:]:
            here = [deeper for each in here for deeper in step(schema, each, segment)]
            assert here, f"{kind.name}{pointer} leads nowhere at {segment}"


def step(schema: dict[str, Any], here: dict[str, Any], segment: str) -> Iterator[dict[str, Any]]:
    """What stands under a key, or under any index or key, in all the choices of a schema."""
    for choice in here.get("anyOf", [here]):
        target = schema["$defs"][choice["$ref"].rsplit("/", 1)[1]] if "$ref" in choice else choice
        if segment == "*" and target.get("type") == "array":
            yield target["items"]
        elif segment == "*" and target.get("type") == "object":
            yield target.get("additionalProperties", {"type": "any"})
        elif segment in target.get("properties", {}):
            yield target["properties"][segment]


def test_schemas_carry_no_titles_and_describe_every_property() -> None:
    waiting: list[Any] = [schemas()[f"{kind}.schema.json"] for kind in KINDS]
    seen = 0
    while waiting:
        this = waiting.pop()
        if isinstance(this, dict):
            assert not isinstance(this.get("title"), str)
            waiting.extend(this.values())
            if this.get("type") == "object" and "properties" in this and "$schema" not in this:
                seen += len(this["properties"])
        elif isinstance(this, list):
            waiting.extend(this)
    assert seen > 100


PLAN: dict[str, Any] = {
    "format_version": "1.0",
    "tavusctl_version": "0.1.0",
    "environment": "staging",
    "account": "acme-staging",
    "fingerprint": "sha256:0a",
    "summary": {
        "create": 0,
        "update": 1,
        "replace": 0,
        "delete": 0,
        "recrawl": 0,
        "adopt": 0,
        "no_op": 7,
        "refused": 0,
    },
    "changes": [
        {
            "address": "persona/sales-coach",
            "kind": "persona",
            "id": "p7e13c73f41f",
            "action": "update",
            "cause": "edited",
            "patch": [{"op": "replace", "path": "/system_prompt", "value": "Be brief."}],
            "guards": [{"op": "test", "path": "/persona_name", "value": "Sales Coach"}],
            "fields": [
                {
                    "path": "/system_prompt",
                    "cause": "edited",
                    "base": "a",
                    "live": "a",
                    "desired": "b",
                    "sensitive": False,
                },
                {"path": "/layers/llm/api_key", "cause": "edited", "sensitive": True},
            ],
            "waits_for": ["guardrails/compliance"],
            "reason": "",
            "source": {"path": "manifests/personas/sales-coach.yaml", "line": 3},
        }
    ],
    "drift": [{"address": "replica/anna", "kind": "replica", "id": "r1", "cause": "missing", "fields": []}],
    "refused": [],
    "warnings": [],
}


def test_the_plan_schema_takes_the_promised_document() -> None:
    assert faults("plan", PLAN) == []
    outcome = {"address": "persona/sales-coach", "action": "update", "status": "done", "id": "p1", "reason": ""}
    assert faults("plan", {**PLAN, "outcomes": [outcome]}) == []


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ({"format_version": "2.0"}, ["format_version"]),
        ({"fingerprint": "0a"}, ["fingerprint"]),
        ({"changes": [{**PLAN["changes"][0], "action": "rename"}]}, ["changes/0/action"]),
        ({"changes": [{**PLAN["changes"][0], "address": "coach"}]}, ["changes/0/address"]),
        ({"drift": [{**PLAN["drift"][0], "cause": "edited"}]}, ["drift/0/cause"]),
        ({"summary": {"create": 0}}, ["summary"] * 7),
    ],
)
def test_the_plan_schema_refuses_what_is_not_promised(broken: dict[str, Any], expected: list[str]) -> None:
    assert faults("plan", {**PLAN, **broken}) == expected


def test_the_plan_schema_takes_what_the_report_prints() -> None:
    address = Address("persona", "coach")
    change = Change(
        Action.UPDATE,
        Cause.EDITED,
        address,
        "p1",
        fields=(FieldChange("/system_prompt", Cause.EDITED, "a", ABSENT, address),),
        patch=({"op": "replace", "path": "/system_prompt", "value": "b"},),
        waits_for=(Address("document", "prices"),),
        source=Source("manifests/coach.yaml", 3, 1),
    )
    create = Change(
        Action.CREATE, Cause.NEW, Address("document", "prices"), patch=({"op": "add", "path": "", "value": {}},)
    )
    plan = Plan(
        steps=(create, change),
        drift=(Drift(address, "p1", Cause.DRIFTED, change.fields),),
        refused=(Refusal(create, "E401", 4, "a stranger has the name", "import it"),),
        warnings=(Diagnostic("TV114", "going away", severity=Severity.WARNING),),
    )
    done = [Outcome(create, Status.DONE, "d1"), Outcome(change, Status.SKIPPED, reason="interrupted")]
    document = {**json.loads(REPORTS["json"].outcomes(plan, done)), "fingerprint": "sha256:00"}
    assert faults("plan", document) == []
