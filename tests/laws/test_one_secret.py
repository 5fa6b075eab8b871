"""The law of one secret: whatever its form and wherever it stands, no output and no file shows half of it.

Other laws plant the same canaries at every place of every command.  Here the secret is another one each time: signs
that YAML, JSON and URLs write otherwise, words, capitals; in manifests of any style, in edits and in errors.
"""

from __future__ import annotations

import itertools
import random
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import Phase, assume, example, given, settings
from hypothesis import strategies as st

from tavusctl.emulator import running
from tavusctl.reports.formats import REPORTS
from tavusctl.secrets.values import why_unusable
from tests.laws.dressing import Dresser
from tests.scenarios.canaries import ENCODINGS, found_in
from tests.scenarios.project import Account, Body, Project, Result

pytestmark = pytest.mark.usefixtures("quick_scrypt")

HALF: Final = 10  # letters and digits of a secret that are in no text by chance
RUNS: Final = st.text("abcdefghkmnpqrstuvwxyzABCDEFGHKMNPQRSTUVWXYZ23456789", min_size=3, max_size=9)
SIGNS: Final = st.text(" '\"\\/+=-_.,:;#%&<>{}$~!?*@é", min_size=1, max_size=2)
SECRETS: Final = st.builds(
    lambda runs, signs: "".join(itertools.chain(*zip(runs, signs, strict=True))).strip(),
    st.lists(RUNS, min_size=4, max_size=4),
    st.tuples(SIGNS, st.just("") | SIGNS, st.just("") | SIGNS, st.just("") | SIGNS),
)

Place = Callable[[Body, str], object]
# Where a manifest may name the secret, where it may have it in plain text, and where either is an error.
NAMED: Final[Mapping[str, Place]] = {
    "header": lambda spec, text: spec["layers"]["llm"]["headers"].update({"X-Key": f"Bearer {text}"}),
    "query": lambda spec, text: spec["layers"]["llm"].update(default_query={"q": text}),
    "list": lambda spec, text: spec["layers"]["llm"]["extra_body"].update(user=["a", f"for {text} alone"]),
    "path": lambda spec, text: spec["layers"]["llm"].update(base_url=f"https://llm.example.com/{text}/v1"),
}
PLAIN: Final[Mapping[str, Place]] = {
    "prompt": lambda spec, text: spec.update(system_prompt=f"You help: it's me.\nSay {text} now.\nGood bye."),
    "word": lambda spec, text: spec.update(system_prompt=f"You help x{text}y then."),
    "long line": lambda spec, text: spec.update(system_prompt=f"{'word ' * 30}{text}{' word' * 30}"),
    "name": lambda spec, text: spec.update(persona_name=text),
    "text": lambda spec, text: spec["layers"]["stt"].update(hotwords=text),
    "note": lambda spec, text: spec["layers"]["llm"]["extra_body"].update(note=f"#1: {text}"),
    "key": lambda spec, text: spec["layers"]["llm"]["extra_body"].update({text: 1}),
}
WRONG: Final[Mapping[str, Place]] = {
    "key": lambda spec, text: spec.update({text: 1}),
    "type": lambda spec, text: spec["layers"].update(stt={"hotwords": {text: 1}}),
    "list": lambda spec, text: spec["layers"]["llm"].update(extra_body=[text]),
    "URL": lambda spec, text: spec["layers"]["llm"].update(base_url=f"http://{text}.example.com/a b"),
    "variable": lambda spec, text: spec.update(greeting=f"Hi ${{var:{text}}}"),
    "expression": lambda spec, text: spec.update(greeting=f"${{{text}}}"),
    "reference": lambda spec, text: spec.update(guardrails_id=f"${{ref:guardrails/{text}}}"),
    "file": lambda spec, text: spec.update(greeting=f"${{file:{text}.md}}"),
    "value": lambda spec, text: spec.update(pipeline_mode=text),
}
ECHOES: Final = [one for one in ENCODINGS if one != "wrapped"]  # what a server may do to what it was sent
FORMATS: Final = sorted(REPORTS)
COMMANDS: Final = (
    *(("plan", "--format", one) for one in FORMATS),
    *(("drift", "--format", one) for one in FORMATS),
    *(("adopt", "--all", "--dry-run"), ("adopt", "--all"), ("plan", "--out", "plan.json", "-vv"), ("fmt", "--diff")),
    *(("apply", "--yes", "--overwrite", "persona/a", "-v"), ("undo",), ("list",), ("graph", "persona/a")),
    *(("state", "show", "persona/a"), ("state", "pull"), ("export", "--out", "exported"), ("doctor",)),
)


def manifest(secret: str, places: list[str], wrong: list[str]) -> Body:
    """A persona that names the secret, or has it in plain text, at some places."""
    text = secret.replace("${", "$${")
    llm = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1", "api_key": "${secret:OWN}"}
    layers = {"llm": {**llm, "headers": {}, "extra_body": {"note": "it's"}}, "stt": {"hotwords": "a: b"}}
    spec: Body = {"persona_name": "A", "system_prompt": "You help: it's you.", "layers": layers}
    for place in places:
        NAMED[place](spec, "${secret:ONE}") if place in NAMED else PLAIN[place](spec, text)
    for place in wrong:
        WRONG[place](spec, text)
    return {"kind": "persona", "name": "a", "spec": spec}


def written(project: Project, document: Body, chance: random.Random) -> None:
    """Write the manifest in a random style."""
    project.write("manifests/a.yaml", "")
    (project.root / "manifests/a.yaml").write_text("\n".join([*Dresser(chance).document(document), ""]), "utf-8")


def halves(secret: str) -> list[str]:
    """What the scanner searches for: the letters and digits of a secret, each half of them, also in small letters."""
    core = re.sub("[^A-Za-z0-9]", "", secret)
    length = max(HALF, (len(core) + 1) // 2)
    pieces = [core[:length], core[-length:]]
    return [*pieces, *map(str.lower, pieces)]


@st.composite
def stories(draw: st.DrawFn) -> dict[str, Any]:
    """A secret, the places where it stands, and what is done."""
    is_plain = draw(st.booleans())
    names = st.lists(st.sampled_from([*NAMED, *PLAIN] if is_plain else [*NAMED]), max_size=4, unique=True)
    return {
        "secret": draw(SECRETS),
        "before": draw(names),
        "after": draw(names),
        "wrong": draw(st.lists(st.sampled_from([*WRONG]), max_size=2, unique=True)) if is_plain else [],
        "edited": draw(st.lists(st.sampled_from([*PLAIN]), max_size=2, unique=True)),
        "echo": draw(st.sampled_from([None, *ECHOES])),
        "commands": draw(st.lists(st.sampled_from(COMMANDS), min_size=2, max_size=5, unique=True)),
        "style": draw(st.integers(0, 9999)),
    }


def run_commands(project: Project, story: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Result]]:
    """Do what a story says; the commands and what they print."""
    secret, chance = story["secret"], random.Random(story["style"])

    def run(*words: str) -> tuple[tuple[str, ...], Result]:
        return words, project.run(*words)

    if story["wrong"]:
        written(project, manifest(secret, story["before"], story["wrong"]), chance)
        yield run("validate")
        yield run("plan", "--format", "json")
    written(project, manifest(secret, story["before"], []), chance)
    if story["echo"]:
        body = {"error": f"the value {ENCODINGS[story['echo']](secret)} is wrong"}
        project.account.fault(match="POST /v2/*", kind="status", status=400, body=body, times=1)
        yield run("apply", "--yes", "-v")
    yield run("apply", "--yes")
    bound = project.account.objects("personas")
    edited = manifest(secret, story["edited"], [])["spec"]
    for remote_id in bound if story["edited"] else ():
        texts = {"/system_prompt": edited["system_prompt"], "/layers/stt": edited["layers"]["stt"]}
        patch = [{"op": "add", "path": path, "value": value} for path, value in texts.items()]
        note = {"op": "add", "path": "/layers/llm/extra_body", "value": edited["layers"]["llm"]["extra_body"]}
        project.account.portal("personas", remote_id, *patch, note)
    yield from (run(*words) for words in story["commands"])
    written(project, manifest(secret, story["after"], []), chance)
    yield from (run(*words) for words in story["commands"])


QUOTED: Final = {
    "secret": "xGh27kq'mPd39rtw", "before": [], "after": [], "wrong": [], "edited": ["text"], "echo": None,
    "commands": [("adopt", "--all")], "style": 1,
}  # fmt: skip
_accounts = itertools.count()


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with running() as server:
        yield server.url


# Some ten commands each: a failure is told as it was found, and not made smaller.
@settings(max_examples=max(10, settings().max_examples // 4), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@example(
    {**QUOTED, "before": ["text"], "secret": "Tulips.In-The-Second-Bed7", "commands": [("plan", "--format", "text")]}
)
@example(QUOTED)
@example({**QUOTED, "secret": "eNKKCt@vSY'eytDuPecEC53", "wrong": ["URL"]})  # the half after `@` is the host
@example({**QUOTED, "secret": "fg7C<.3ZSAwW}}36cSFAB", "wrong": ["reference"]})  # a hint names what it may mean
@given(stories())
def test_no_output_and_no_file_shows_half_of_a_secret(emulator: str, story: dict[str, Any]) -> None:
    assume(not why_unusable(story["secret"]))
    account = Account(emulator, f"key-of-one-secret-{next(_accounts)}")
    account.reset()
    account.switch(layers_unknown="keep")
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder), account, {"ONE": story["secret"], "OWN": "own-key-of-the-model-0815"})
        project.write("tavusctl.yaml", "version: 1\nsecrets: [ONE, OWN]\noutputs: {A: persona/a}\n")
        pieces, seen = halves(story["secret"]), set[bytes]()
        is_plain = bool(story["wrong"]) or not NAMED.keys() >= {*story["before"], *story["after"]}
        for words, result in run_commands(project, story):
            assert result.code != 1, (words, result.err)
            assert found_in(result.out + result.err, pieces) == [], (words, story)
            for path in (one for one in project.root.rglob("*") if one.is_file()):
                own = is_plain and {"manifests", "exported"} & {*path.relative_to(folder).parts}
                content = path.name.encode() + path.read_bytes()
                assert own or content in seen or found_in(content, pieces) == [], (words, path, story)
                seen.add(content)
