"""What people do wrong in their first days, and what they are told: the right file and line, and advice that works.

One row for each mistake: the project, what is typed, where the complaint points, what it says, and what it advises.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec import Struct, field

from tests.scenarios.project import Project

COACH = "kind: persona\nname: coach\nspec:\n  persona_name: Coach\n  system_prompt: You coach.\n"
M = "manifests/coach.yaml"
SITE = "kind: document\nname: help\nspec: {document_url: 'https://a.example.com', crawl: {depth: 1, max_pages: 5}}\n"


class Mistake(Struct, frozen=True):
    """A mistake, and what is said of it."""

    files: Mapping[str, str]
    says: str
    helps: str
    where: str = ""  # file:line; empty where no file is wrong
    command: tuple[str, ...] = ("validate",)
    environment: Mapping[str, str | None] = field(default_factory=dict)


def persona(rest: str, **files: str) -> dict[str, str]:
    """A persona that would be right without the rest, which begins in line 6."""
    return {M: COACH + rest, **{name.replace("__", "/").replace("_md", ".md"): text for name, text in files.items()}}


MISTAKES: Mapping[str, Mistake] = {
    "a path where a file is meant": Mistake(
        {M: COACH.replace("You coach.", "prompts/coach.md"), "manifests/prompts/coach.md": "You coach.\n"},
        "the text `prompts/coach.md` names something in the project, but is sent literally",
        "write `${file:prompts/coach.md}`",
        f"{M}:5",
    ),
    "a file whose name is misspelled": Mistake(
        {M: COACH.replace("You coach.", "${file:prompts/couch.md}"), "manifests/prompts/coach.md": "You coach.\n"},
        "file `prompts/couch.md` does not exist",
        "write `${file:prompts/coach.md}`",
        f"{M}:5",
    ),
    "an address where a reference is meant": Mistake(
        persona(
            "  document_ids: [document/prices]\n---\nkind: document\nname: prices\nspec: {document_url: 'https://a.example.com'}\n"
        ),
        "the text `document/prices` names something in the project, but is sent literally",
        "write `${ref:document/prices}`",
        f"{M}:6",
    ),
    "a name where a reference is meant": Mistake(
        persona(
            "  document_ids: [prices]\n---\nkind: document\nname: prices\nspec: {document_url: 'https://a.example.com'}\n"
        ),
        "the text `prices` names something in the project, but is sent literally",
        "write `${ref:document/prices}`",
        f"{M}:6",
    ),
    "a reference to nothing": Mistake(
        persona(
            "  document_ids: ['${ref:document/prcies}']\n---\nkind: document\nname: prices\nspec: {document_url: 'https://a.example.com'}\n"
        ),
        "refers to `document/prcies`, which no manifest declares",
        "did you mean `document/prices` (manifests/coach.yaml:8:1)?",
        f"{M}:6",
    ),
    "a shell variable where one of the environment is meant": Mistake(
        {M: COACH.replace("You coach.", '"You coach for ${BRAND}."')},
        "unknown expression `${BRAND}`",
        "write `${var:BRAND}`, and declare `BRAND` under `vars:`",
        f"{M}:5",
    ),
    "a variable that is not declared": Mistake(
        {M: COACH.replace("You coach.", '"You coach for ${var:brand}."')},
        "undefined variable `brand` in the environment `default`",
        "declare it under `environments.default.vars` in tavusctl.yaml",
        f"{M}:5",
    ),
    "a key that is misspelled": Mistake(
        persona("  greting: Hello.\n"), "unknown key `greting` in persona", "did you mean `greeting`?", f"{M}:6"
    ),
    "a key one level too high": Mistake(
        {M: COACH.replace("spec:\n", "greeting: Hello.\nspec:\n")},
        "unknown key `greeting`",
        "write it under `spec:`",
        f"{M}:3",
    ),
    "a list where a value is missing its brackets": Mistake(
        persona(
            "  document_ids: ${ref:document/prices}\n---\nkind: document\nname: prices\nspec: {document_url: 'https://a.example.com'}\n"
        ),
        "document_ids: expected a list",
        "[",
        f"{M}:6",
    ),
    "a name with a space": Mistake(
        {M: COACH.replace("name: coach", "name: Sales Coach", 1)},
        "`Sales Coach` is not a valid name",
        "use 1 to 63 characters of a-z, 0-9 and hyphen",
        f"{M}:2",
    ),
    "the same manifest twice": Mistake(
        {M: COACH, "manifests/copy.yaml": COACH},
        "`persona/coach` is declared here and at manifests/coach.yaml:2:7",
        "rename one of them",
        "manifests/copy.yaml:2",
    ),
    "an answer of the API": Mistake(
        {M: '{"persona_id": "p7e13c73f41f", "persona_name": "Coach", "system_prompt": "You coach."}'},
        "this is not a manifest: the keys `kind` and `spec` are missing",
        "add `kind: persona` and `name:`, and indent the fields of the object below `spec:`",
        f"{M}:1",
    ),
    "an answer of the API that may be of two kinds": Mistake(
        {M: '{"uuid": "o1", "data": [{"objective_name": "greet"}]}'},
        "this is not a manifest: the keys `kind` and `spec` are missing",
        "add `kind: guardrails` or `kind: objectives` and `name:`",
        f"{M}:1",
    ),
    "a file of another program": Mistake(
        {M: "services:\n  web: {image: x}\n"},
        "this is not a manifest: the keys `kind` and `spec` are missing",
        "move it to another folder",
        f"{M}:1",
    ),
    "a list of manifests": Mistake(
        {M: "- kind: persona\n  name: coach\n- kind: persona\n  name: host\n"},
        "expected a manifest, found a list of them",
        "write each manifest without `-` and its indentation, and `---` in a line between two of them",
        f"{M}:1",
    ),
    "an anchor of another document": Mistake(
        {M: COACH.replace("spec:", "spec: &shared") + "---\nkind: persona\nname: host\nspec: *shared\n"},
        "alias `*shared` has no anchor above it",
        "an anchor counts up to the next `---`",
        f"{M}:9",
    ),
    "a merge key": Mistake(
        {M: COACH.replace("  persona_name: Coach\n", "  <<: {persona_name: Coach}\n")},
        "YAML merge keys (`<<`) are not supported",
        "write the merged keys here",
        f"{M}:4",
    ),
    "a tag of a voice that is too long": Mistake(
        {M: f"kind: voice\nname: anna\nspec:\n  train_audio_url: https://a.example.com/a.wav\n  tags: [{'a' * 65}]\n"},
        "tags[0]: expected at most 64 characters",
        "",
        f"{M}:5",
    ),
    "a tag of a guardrail that is too long": Mistake(
        {M: f"kind: guardrail\nname: rule\nspec:\n  guardrail_prompt: Be kind.\n  tags: [a, {'a' * 65}]\n"},
        "tags[1]: expected at most 64 characters",
        "",
        f"{M}:5",
    ),
    "a link to a recording that is too long": Mistake(
        {M: f"kind: voice\nname: anna\nspec:\n  train_audio_url: https://a.example.com/{'a' * 2030}\n"},
        "train_audio_url: expected at most 2048 characters",
        "",
        f"{M}:4",
    ),
    "a period without its unit": Mistake(
        {M: f"{SITE}recrawl: {{every: 24}}\n"},
        "recrawl.every: `24` is not a duration",
        "write `90m`, `24h`, `7d` or `1h30m`",
        f"{M}:4",
    ),
    "an indent that is off": Mistake({M: COACH + "   greeting: Hi.\n"}, "invalid YAML", "", f"{M}:6"),
    "a colon in a text": Mistake(
        {M: COACH.replace("You coach.", "Note: you coach.")}, "invalid YAML", "quotes", f"{M}:5"
    ),
    "a tab": Mistake({M: COACH + "\tgreeting: Hi.\n"}, "invalid YAML", "spaces", f"{M}:6"),
    "an expression without quotes in a list": Mistake(
        persona("  document_ids: [${ref:document/prices}]\n"), "invalid YAML", 'put `"${...}"` in quotes', f"{M}:6"
    ),
    "a merge that nobody has finished": Mistake(
        {
            M: COACH.replace("You coach.", "${file:prompts/coach.md}"),
            "manifests/prompts/coach.md": "You coach.\n<<<<<<< HEAD\nA\n=======\nB\n>>>>>>> x\n",
        },
        "unresolved merge conflict of git: the line `<<<<<<< HEAD`",
        "keep one side",
        "manifests/prompts/coach.md:2",
    ),
    "a key that is written out": Mistake(
        persona("  layers: {llm: {model: gpt-4o, base_url: 'https://a.example.com/v1', api_key: literal-key-0001}}\n"),
        "layers.llm.api_key: the manifest contains a plaintext secret",
        'write "${secret:NAME}" and list `NAME` under `secrets:` in tavusctl.yaml',
        f"{M}:6",
    ),
    "a secret that the project does not list": Mistake(
        persona(
            "  layers: {llm: {model: gpt-4o, base_url: 'https://a.example.com/v1', api_key: '${secret:LLM_KEY}'}}\n"
        ),
        "the secret `LLM_KEY` is not listed under `secrets:`",
        "add `LLM_KEY` to `secrets:` in tavusctl.yaml",
        f"{M}:6",
    ),
    "a persona's id where a replica's belongs": Mistake(
        persona("  default_replica_id: p7e13c73f41f\n"),
        "`p7e13c73f41f` is the id of a persona; this field takes the id of a replica",
        "write `${ref:replica/NAME}`, or the id of a replica",
        f"{M}:6",
    ),
    "a recrawl of a single page": Mistake(
        {M: "kind: document\nname: help\nspec: {document_url: 'https://a.example.com'}\nrecrawl: {every: 24h}\n"},
        "`spec` has no `crawl:`",
        "add `crawl: {depth: 2, max_pages: 25}` to `spec`",
        f"{M}:4",
    ),
    "a recrawl every ten minutes": Mistake(
        {M: f"{SITE}recrawl: {{every: 10m}}\n"},
        "10m",
        "1h",
        f"{M}:4",
    ),
    "a time zone by its city": Mistake(
        {M: f"{SITE}recrawl: {{cron: '0 3 * * *', timezone: Berlin}}\n"},
        "unknown time zone `Berlin`",
        "`Europe/Berlin`",
        f"{M}:4",
    ),
    "an id without external": Mistake(
        {M: "kind: replica\nname: anna\nid: r4317e64d25a\n"}, "external", "external: true", f"{M}:1"
    ),
    "an output of nothing": Mistake(
        {M: COACH, "tavusctl.yaml": "outputs:\n  PERSONA_ID: persona/coahc\n"},
        "unknown resource `persona/coahc`",
        "did you mean `persona/coach`?",
        "tavusctl.yaml:2",
    ),
    "an environment that there is not": Mistake(
        {M: COACH, "tavusctl.yaml": "environments: {staging: {}, prod: {}}\n"},
        "stagin",
        "did you mean `staging`?",
        command=("plan", "--env", "stagin"),
    ),
    "no environment where there are several": Mistake(
        {M: COACH, "tavusctl.yaml": "environments: {staging: {}, prod: {}}\n"},
        "environment",
        "--env",
        command=("plan",),
    ),
    "a key of the project file that is misspelled": Mistake(
        {M: COACH, "tavusctl.yaml": "enviroments: {staging: {}}\n"},
        "unknown key `enviroments`",
        "did you mean `environments`?",
        "tavusctl.yaml:1",
    ),
    "no key at all": Mistake(
        {M: COACH}, "TAVUS_API_KEY", "TAVUS_API_KEY", command=("plan",), environment={"TAVUS_API_KEY": None}
    ),
    "a folder that is no project": Mistake({}, "tavusctl.yaml", "tavusctl init", command=("plan",)),
    "a command of another program": Mistake(
        {M: COACH}, "unknown command `push`", "Did you mean `apply`?", command=("push",)
    ),
    "an option of another program": Mistake({M: COACH}, "--json", "--format json", command=("plan", "--json")),
    "an address that there is not": Mistake(
        {M: COACH}, "persona/coahc", "did you mean `persona/coach`?", command=("plan", "--target", "persona/coahc")
    ),
    "a command of a persona by its name alone": Mistake(
        {M: COACH},
        "`coach` is not an address",
        "did you mean `persona/coach` or `replica/coach`?",
        command=("talk", "coach"),
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_where_it_is_with_advice_that_works(project: Project, name: str) -> None:
    mistake = MISTAKES[name]
    for path, text in mistake.files.items():
        project.write(path, text)
    result = project.run(*mistake.command, **mistake.environment)
    said = result.out + result.err
    assert result.code not in (0, 1), said
    assert mistake.says in said
    assert mistake.helps in said
    assert f"{mistake.where}:" in said if mistake.where else not Path(said.partition(":")[0]).suffix
    if mistake.where:
        assert said.count("error") <= 3, f"one mistake, and not a cascade:\n{said}"


@pytest.mark.parametrize("keys", [("knd", "sepc"), ("Kind", "Spec")])
def test_a_manifest_whose_kind_and_spec_are_misspelt_is_no_answer_of_the_api(
    project: Project, keys: tuple[str, str]
) -> None:
    project.write(M, COACH.replace("kind", keys[0]).replace("spec", keys[1]))
    said = project.run("validate").out
    assert "did you mean `kind`?" in said
    assert "did you mean `spec`?" in said
    assert "dictionary` and `name" not in said


@pytest.mark.parametrize(
    "text",
    [
        SITE + "recrawl: {every: 24h}\n" + COACH,
        COACH + "lifecycle: {prevent_destroy: true}\n" + SITE,
        COACH.replace("  persona_name: Coach\n", "  <<: {persona_name: Coach}\n"),
        COACH + "<<: {lifecycle: {prevent_destroy: true}}\n",
        COACH + "  layers:\n    llm: {<<: {model: tavus-gpt-4o}}\n",
    ],
    ids=["no --- before another kind", "no --- before a kind with a name", "in spec", "beside spec", "in a layer"],
)
def test_one_mistake_of_yaml_is_one_complaint(project: Project, text: str) -> None:
    project.write(M, text)
    assert len(project.run("validate", "--format", "json").document["complaints"]) == 1


def test_a_key_in_quotes_that_looks_like_a_merge_key_is_unknown(project: Project) -> None:
    project.write(M, COACH + "  '<<': {persona_name: Coach}\n")
    (complaint,) = project.run("validate", "--format", "json").document["complaints"]
    assert complaint["id"] == "TV103"


def test_there_are_thirty() -> None:
    assert len(MISTAKES) >= 30
