"""Secrets stay secret: they are planted wherever they can be, and looked for in every byte that any command writes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.canaries import ENCODINGS, TYPED, found_in, found_under, keys
from tests.scenarios.project import TAVUSCTL, Account, Body, Project

pytestmark = pytest.mark.usefixtures("quick_scrypt")

FIRST, *SECRETS = keys(13)
NAMES = [f"CANARY_{number}" for number in range(len(SECRETS))]
PERSONAS = 2
SETTINGS = {"TAVUSCTL_SETTLE": "0.05", "TAVUSCTL_MAX_WAIT": "0", "TAVUSCTL_DEBUG": None}


def persona(number: int) -> Body:
    """A persona with keys and headers; five secrets each, one in the middle of a text."""
    mine = [f"${{secret:{name}}}" for name in NAMES[number * 5 : number * 5 + 5]]
    return {
        "persona_name": f"P{number}",
        "system_prompt": "You keep secrets.",
        "layers": {
            "llm": {
                "model": "mine",
                "base_url": "https://llm.example.com/v1",
                "api_key": mine[0],
                "headers": {"Authorization": f"Bearer {mine[1]}", "x-other": mine[2]},
            },
            "tts": {"tts_engine": "cartesia", "api_key": mine[3], "external_voice_id": "v"},
        },
    }


@dataclass
class Watched:
    """A project whose every output is kept."""

    project: Project
    written: bytearray = field(default_factory=bytearray)
    environment: dict[str, str | None] = field(default_factory=dict)

    def run(self, *args: str, **environment: str | None) -> int:
        """Run a command in this process."""
        ended = self.project.run(*args, **{**self.environment, **environment})
        self.written += ended.out.encode() + ended.err.encode()
        return ended.code

    def process(self, *args: str) -> int:
        """Run a command as loudly as it can be, in a process of its own."""
        variables = {
            **os.environ,
            **self.environment,
            "TAVUS_BASE_URL": self.project.account.url,
            "TAVUS_API_KEY": FIRST,
        }
        ended = subprocess.run(
            [*TAVUSCTL, *args, "-vv"],
            check=False,
            capture_output=True,
            cwd=self.project.root,
            env={name: value for name, value in variables.items() if value is not None},
        )
        self.written += ended.stdout + ended.stderr
        return ended.returncode

    @property
    def leaks(self) -> list[str]:
        """Canaries in what was printed, and in every file but the manifests."""
        manifests = (self.project.root / "manifests").glob("*")
        return found_in(bytes(self.written), [TYPED]) + found_under(self.project.root, [TYPED], but=manifests)


@pytest.fixture
def watched(account: Account, project: Project) -> Watched:
    """A project with canaries in its environment, its manifests and its account."""
    mine = Project(project.root, Account(account.url, FIRST))
    names = "".join(f"  - {name}\n" for name in NAMES)
    mine.write("tavusctl.yaml", f"secrets:\n{names}")
    for number in range(PERSONAS):
        mine.manifest("persona", f"p{number}", persona(number))
    return Watched(mine, environment={**SETTINGS, **dict(zip(NAMES, SECRETS, strict=True))})


def test_nothing_is_told_at_the_loudest(watched: Watched) -> None:
    """Every request is named, and no header and no body of it."""
    assert watched.process("apply", "--yes") == 0
    assert b"POST /v2/personas -> 200" in watched.written
    assert watched.process("plan", "--format", "json") == 0

    assert watched.leaks == []


# How a server may repeat what it was sent; of one that was cut, the beginning is told.
ECHOES = {name: encode for name, encode in ENCODINGS.items() if name != "wrapped"}
ECHOES["as JSON"] = lambda secret: json.dumps({"sent": secret})
ECHOES["as Python"] = lambda secret: repr({"sent": secret})


@pytest.mark.parametrize("status", [400, 401, 422, 500])
def test_a_server_that_repeats_what_it_was_sent_is_not_quoted(watched: Watched, status: int) -> None:
    """Keys, headers and the API key in its error, in a name of its own choice, or as plain text."""
    account = watched.project.account
    rule = {"match": "GET *", "kind": "status", "status": status, "times": None}
    for place, encode in enumerate(ECHOES.values()):
        echoed = encode(SECRETS[place % 10] if place % 3 else FIRST)
        body = ({"error": [echoed]}, {"message": f"no: {echoed}"}, f"no: {echoed}")[place % 3 - 1]
        account.fault(**rule, body=body)
        assert watched.run("plan", *(["--format", "json"] if place % 2 else [])) != 0
        account.control("DELETE", "faults")
    echoed = " ".join(json.dumps(one) for one in SECRETS[:5])
    for place, told in enumerate(({"error": echoed}, {"detail": echoed}, echoed)):
        account.fault(match="POST /v2/personas", kind="status", status=status, skip=place, body=told)

    # After a 500 it looks, and goes on; when a create is struck twice, that stays unknown.
    assert (watched.run("apply", "--yes") in (0, 6)) == (status == 500)
    assert watched.leaks == []


def test_a_redirect_that_repeats_a_key_is_not_quoted(watched: Watched) -> None:
    watched.project.account.fault(match="*", kind="redirect", to=f"https://{FIRST}.example.com/?k={FIRST}", times=None)

    assert watched.run("plan") == 11
    assert watched.leaks == []


def test_a_header_that_repeats_a_short_key_is_not_quoted(project: Project) -> None:
    """Names of encodings have no case, but a key has."""
    project.manifest("persona", "p", {"persona_name": "P", "system_prompt": "Hello."})
    project.account.fault(match="*", kind="status", status=200, headers={"content-encoding": "Hunter2-X"}, times=None)

    planned = project.run("plan", GITHUB_TOKEN="Hunter2-X")

    assert (planned.code, "hunter2" in planned.err.lower()) == (11, False), planned.err


def test_a_secret_that_is_used_as_a_name_is_not_shown(watched: Watched) -> None:
    """By value, wherever it comes from: names and prompts of live objects, too."""
    bound = watched.project.account.seed(
        personas=[{"persona_name": f"Named {FIRST}", "system_prompt": f"Say {SECRETS[3]}."}]
    )["personas"][0]
    (watched.project.root / "manifests" / "persona-p0.yaml").unlink()
    watched.project.manifest("persona", "p0", {"persona_name": "P", "system_prompt": "Say nothing."})

    assert watched.run("import", "persona/p0", bound) == 0
    for args in (["plan"], ["plan", "--format", "json", "--out", "plan.json"], ["drift"], ["apply", "--yes"]):
        watched.run(*args)

    assert watched.leaks == []


IN_LLM = "kind: persona\nname: bad\nspec:\n  layers:\n    llm:\n"
# Manifests with a secret in them and something wrong with them.
BAD: dict[str, str] = {
    "a literal key": "kind: persona\nname: bad\nspec:\n  persona_name: B\n  layers: {{llm: {{api_key: {secret}}}}}\n",
    "a key of the wrong type": "kind: persona\nname: bad\nspec: {{layers: {{llm: {{api_key: [{secret}]}}}}}}\n",
    "a literal header": "kind: persona\nname: bad\nspec: {{layers: {{llm: {{headers: {{X: {secret}}}}}}}}}\n",
    "no YAML": "kind: persona\nname: bad\nspec:\n  api_key: {secret}\n  : [\n",
    "an unknown key": "kind: persona\nname: bad\nspec:\n  api_key: {secret}\n",
    "twice the same": "kind: persona\nname: bad\nspec:\n  api_key: {secret}\n  api_key: {secret}\n",
    "a key below its name": f"{IN_LLM}      api_key:\n        {{secret}}\n",
    "a mapping below its name": f"{IN_LLM}      api_key:\n        {{secret}}: x\n",
    "a list below its name": f"{IN_LLM}      api_key:\n        - [\n          {{secret}}]\n",
    "a continued line": "kind: persona\nname: bad\nspec:\n  - api_key: {secret}\n      and {secret}: x\n    model: 1\n",
    "a header below its name": f"{IN_LLM}      headers:\n        X: [{{secret}}]\n",
    "a text with too little indentation": f"{IN_LLM}      api_key: |\n{{secret}}\n      model: x\n",
    "a text beside its key": f"{IN_LLM}      api_key:\n      {{secret}}\n      model: x\n",
    "a continued quote": f'{IN_LLM}      api_key: "{{secret}}\n {{secret}}" }}}}\n',
    "a text without a key": "kind: persona\nname: bad\nspec:\n  layers: {{}}\n  {secret}\n  context: x\n",
    "a variable with a space": "kind: persona\nname: bad\nspec:\n  token: ${{var: {secret}}}\n",
    "an unknown secret": "kind: persona\nname: bad\nspec:\n  persona_name: ${{secret:NOT_THERE}}\n  token: {secret}\n",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_a_bad_manifest_is_complained_about_without_its_secret(watched: Watched, text: str) -> None:
    """Written out, it is unknown to the run; the place of it tells enough."""
    secret = "PlainCanaryThatNobodyToldUs0042"
    watched.project.write("manifests/bad.yaml", text.format(secret=secret))

    for args in (["validate"], ["validate", "--format", "json"], ["plan"], ["apply", "--yes"]):
        assert watched.run(*args) == 10, bytes(watched.written)

    assert found_in(bytes(watched.written), [secret]) == []
    assert watched.leaks == []


def test_a_defect_tells_its_place_and_no_value(watched: Watched) -> None:
    """A state that nobody foresaw, with a key in it."""
    assert watched.run("apply", "--yes") == 0
    state = next((watched.project.root / ".tavusctl").glob("*.json"))
    document = json.loads(state.read_text("utf-8"))
    document["bindings"] = [FIRST, {"api_key": SECRETS[0]}]
    original = state.read_bytes()
    state.write_text(json.dumps(document), "utf-8")

    for args in (["plan"], ["state", "list"], ["apply", "--yes"]):
        assert watched.run(*args) != 0
    state.write_bytes(original)

    assert watched.leaks == []


@pytest.mark.parametrize("key", ["with space {}", "{}\nand a line", "ünlesbar-{}", "{}\x07"])
def test_a_key_that_cannot_be_sent_is_not_shown(watched: Watched, key: str) -> None:
    assert watched.run("plan", TAVUS_API_KEY=key.format(SECRETS[0])) == 8
    assert watched.leaks == []


def test_what_is_written_is_for_its_owner_alone(watched: Watched) -> None:
    assert watched.run("plan", "--out", "plan.json") == 0
    assert watched.run("apply", "--yes") == 0
    files = [watched.project.root / "plan.json", *(watched.project.root / ".tavusctl").rglob("*")]

    modes: dict[str, Any] = {str(path): stat.S_IMODE(path.stat().st_mode) & 0o077 for path in files}
    assert set(modes.values()) == {0}, modes
    assert any(Path(name).suffix == ".json" for name in modes)


# Slips that make a complaint quote a piece of a secret, or one that is cut, or one that is said before the secrets of
# the project are known: the file, what is wrong with it, and the secret.
PIECES: dict[str, tuple[str, str, str]] = {
    "what looks like an expression": ("manifests/m.yaml", 'spec: {{a: "{secret}"}}', f"k-${{{TYPED}}}-${{{TYPED}"),
    "the name of an expression": ("manifests/m.yaml", 'spec: {{a: "{secret}"}}', f"${{file:{TYPED}-9}}/${{x:{TYPED}}}"),
    "what looks like a tag": ("manifests/m.yaml", "spec: {secret}", f"!{TYPED} {TYPED}-9"),
    "what looks like an alias": ("manifests/m.yaml", "spec: {secret}", f"*{TYPED} {TYPED}-9"),
    "the text contains what looks like a plaintext key": ("manifests/m.yaml", "{secret}", f"{TYPED}-{TYPED}: 9"),
    "a secret that is cut": (
        "tavusctl.yaml",
        "secrets: [PIECE]\nversion: '" + 42 * "x" + "{secret}'",
        f"k-{TYPED}{TYPED}",
    ),
    "secrets that are no list": ("tavusctl.yaml", "secrets: {{PIECE: 1}}\nversion: '{secret}'", f"k-{TYPED}"),
    "a project file that is no YAML": ("tavusctl.yaml", "secrets: [PIECE]\nversion: {secret}", f"*{TYPED} {TYPED}"),
    "an environment that is none": ("tavusctl.yaml", "secrets: [PIECE]\nenvironments: {{'{secret}': 7}}", f"K.{TYPED}"),
}


@pytest.mark.parametrize(("file", "text", "secret"), PIECES.values(), ids=PIECES)
def test_no_piece_of_a_secret_is_quoted(project: Project, file: str, text: str, secret: str) -> None:
    project.write("tavusctl.yaml", "secrets: [PIECE]\n")
    project.manifest("persona", "p", {"persona_name": "P", "system_prompt": "Hello."})
    head = "kind: persona\nname: m\n" if file.startswith("manifests") else ""
    project.write(file, head + text.format(secret=secret) + "\n")

    said = [project.run("validate", "--format", one, PIECE=secret) for one in ("text", "json", "github", "html")]
    said += [project.run(*args, PIECE=secret) for args in (["plan"], ["plan", "--format", "json"], ["state", "list"])]

    assert {one.code for one in said[:6]} <= {10, 12}
    assert [hit for one in said for hit in found_in(one.out + one.err, [TYPED])] == []
    # The control: whoever does not know the secret is told of it.
    assert found_in(project.run("validate", PIECE=None).out, [TYPED])


# What git and the clients of object stores read, also under names that they accept beside the documented ones.
OF_CLIENTS = (
    *("GITHUB_TOKEN", "GH_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_TOKEN"),
    *("AWS_SSE_CUSTOMER_KEY_BASE64", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "GOOGLE_SERVICE_ACCOUNT_KEY"),
    *("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_MASTER_KEY", "AZURE_CLIENT_SECRET"),
    *("AZURE_STORAGE_CLIENT_SECRET", "AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_TOKEN"),
)


@pytest.mark.parametrize("name", OF_CLIENTS)
def test_no_output_shows_a_secret_of_the_client_of_a_store(project: Project, name: str) -> None:
    project.manifest("persona", "p", {"persona_name": "P", "system_prompt": f"Say {FIRST.replace('$', '')}."})

    planned = project.run("plan", **{name: FIRST.replace("$", "")})

    assert (planned.code, found_in(planned.out + planned.err, [TYPED])) == (0, [])


@pytest.mark.parametrize("name", ["GOOGLE_APPLICATION_CREDENTIALS", "AWS_ACCESS_KEY_ID", "AZURE_FEDERATED_TOKEN_FILE"])
def test_a_path_and_an_id_of_such_a_client_are_shown(project: Project, name: str) -> None:
    project.manifest("persona", "p", {"persona_name": "P", "system_prompt": "See /etc/marigold.json."})

    assert "/etc/marigold.json" in project.run("plan", **{name: "/etc/marigold.json"}).out


@pytest.mark.parametrize("word", ["create", "persona", "changes", "api_key", "person", "sensit", "tavusctl"])
def test_a_secret_that_is_a_word_of_every_report_changes_no_report(project: Project, word: str) -> None:
    """Redacted there, the word would be known; a program could not read the plan, and no plan file could be written."""
    project.write("tavusctl.yaml", "version: 1\nsecrets: [MODEL]\n")
    layers = {"llm": {"model": "mine", "base_url": "https://llm.example.com/v1", "api_key": "${secret:MODEL}"}}
    project.manifest("persona", "a", {"persona_name": "A", "system_prompt": "Hi.", "layers": layers})

    plans = [
        project.run("plan", "--format", form, MODEL=value) for form in ("json", "text") for value in (word, "0-9-z")
    ]
    assert [plans[0].out, plans[2].out] == [plans[1].out, plans[3].out]
    project.expect(0, "plan", "--out", "plan.json", MODEL=word)
    project.expect(0, "apply", "plan.json", MODEL=word)
    project.expect(0, "state", "pull", MODEL=word)
    assert f'"{word}"' not in project.run("state", "show", "persona/a", MODEL=word).out.replace('"api_key":', "")
