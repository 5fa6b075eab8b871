"""Keys and passwords that stand where none belongs: they are reported, and no output shows them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable

import pytest

from tests.scenarios.canaries import found_under
from tests.scenarios.project import Body, Project

BODY = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
KEY = f"sk-live-{BODY}"
MODEL = "tavus-gpt-oss"
LLM: Body = {"model": "gpt-4o", "base_url": "https://llm.example.com/v1"}


def persona(**more: object) -> Body:
    return {"persona_name": "A", "system_prompt": "You coach.", **more}


def llm(**more: object) -> Body:
    return persona(layers={"llm": {**LLM, **more}})


def tool(**more: object) -> Body:
    return {"name": "t", "description": "Books.", "delivery": {"app_message": True}, **more}


SPECS: dict[str, tuple[str, Body]] = {
    "member": ("persona", llm(extra_body={"map": {KEY: "x"}})),
    "header": ("persona", llm(headers={KEY: "x"})),
    "query": ("persona", llm(default_query={KEY: "x"})),
    "parameter": ("tool", tool(parameters={"type": "object", "properties": {KEY: {"type": "string"}}})),
    "example": ("tool", tool(parameters={"type": "object", "examples": [{"login": {"api_key": BODY}}]})),
    "values": ("tool", tool(parameters={"type": "object", "properties": {"a": {"enum": [["x", {"token": BODY}]]}}})),
    "prompt": ("persona", persona(system_prompt=f"Use {KEY} for calls.")),
    "name of a persona": ("persona", {"persona_name": f"A {KEY}", "system_prompt": "You coach."}),
    "description": ("tool", tool(description=f"Use {KEY}")),
    "path": ("persona", persona(layers={"llm": {**LLM, "base_url": f"https://llm.example.com/v1;token={BODY}"}})),
    "command line": ("persona", llm(extra_body={"x": f"curl -H 'x-api-key: {BODY}' https://e.example.com"})),
}


@pytest.mark.newer_api
@pytest.mark.parametrize("place", SPECS)
def test_a_key_anywhere_in_a_manifest_is_an_error(project: Project, place: str) -> None:
    kind, spec = SPECS[place]
    project.manifest(kind, "a", spec)

    for command in (("validate",), ("validate", "--format", "json"), ("plan",)):
        checked = project.expect(10, *command)
        assert "TV113" in checked.out + checked.err
        assert BODY not in checked.out + checked.err


# What cannot be read as YAML, with a key where the message or the quoted line tells it.
UNREADABLE = {
    "alias": "context: *{}",
    "long alias": "context: *" + 40 * "x" + "-{}",
    "tag": "context: !{} x",
    "tag of YAML": "context: !!{} x",
    "twice": "{0}: 1\n  {0}: 2",
    "escape": 'context: "\\q {}"',
    "escape before it": 'context: "\\n{} \\q"',
    "directive": "context: x\n...\n%TAG ! {}\n---",
}


@pytest.mark.parametrize("form", ["text", "json", "github"])
@pytest.mark.parametrize("line", UNREADABLE.values(), ids=UNREADABLE)
def test_no_message_about_an_unreadable_manifest_tells_a_key_in_it(project: Project, line: str, form: str) -> None:
    project.write("manifests/a.yaml", f"kind: persona\nname: a\nspec:\n  {line.format(KEY)}\n")

    for args in (("validate", "--format", form), ("fmt", "--check")):
        checked = project.run(*args)
        assert (checked.code, BODY[:10] in checked.out + checked.err) == (10, False), checked.out + checked.err


def test_a_key_in_a_prompt_file_is_an_error(project: Project) -> None:
    project.write("manifests/prompt.md", f"Use {KEY}\n")
    project.manifest("persona", "a", persona(system_prompt="${file:prompt.md}"))

    checked = project.run("validate")

    assert (checked.code, "TV113" in checked.out) == (10, True)


NO_KEYS = (
    *(f"pk_live_{BODY}", "sk-test-onboarding", "sk-proj-your-key-goes-here", "AKIAIOSFODNN7EXAMPLE"),
    *("ghp_xxxxxxxxxxxxxxxxxxxxxxxx", "AIza" + "0" * 35, "sk-live-0f1e2d3c4b5a...", "sk-live-0f1e2d3c4b5a…"),
    *("npm_install_all_packages_of_the_project", "nvapi-endpoint-of-our-private-cluster-in-europe-west"),
    *("xoxb-tokens-of-the-workspace", "glpat-tokens-of-the-group", "github_pat_tokens_of_the_team"),
    *("-----BEGIN PRIVATE KEY-----", "-----BEGIN RSA PRIVATE KEY-----\nMIIE...\n-----END RSA PRIVATE KEY-----"),
)
PEM = "-----BEGIN RSA PRIVATE KEY-----"
# Formats of private keys: how one begins, its headers, how it ends.
BLOCKS = {
    "PGP": ("-----BEGIN PGP PRIVATE KEY BLOCK-----", "Version: GnuPG v2\n", "-----END PGP PRIVATE KEY BLOCK-----"),
    "OpenSSH": ("-----BEGIN OPENSSH PRIVATE KEY-----", "", "-----END OPENSSH PRIVATE KEY-----"),
    "TPM": ("-----BEGIN TSS2 PRIVATE KEY-----", "", "-----END TSS2 PRIVATE KEY-----"),
    "SSH2": ("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----", 'Comment: "a"', "---- END SSH2 ENCRYPTED PRIVATE KEY ----"),
    "PuTTY": ("PuTTY-User-Key-File-3: ssh-ed25519", "Encryption: none\nPublic-Lines: 2", "Private-MAC: 0f1e"),
    "OpenVPN": ("-----BEGIN OpenVPN Static key V1-----", "", "-----END OpenVPN Static key V1-----"),
    "minisign": ("untrusted comment: minisign encrypted secret key", "", ""),
}
KEYS = (
    *(KEY, f"{KEY}...", f"ghp_{BODY}", f"{PEM}\n{BODY * 2}", f"{PEM}\\n{BODY * 2}", f"{PEM} {BODY * 2}"),
    f"{PEM}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0F1E\n\n{BODY * 2}",
    *(f"{begin}\n{header}\n{BODY * 2}\n{end}" for begin, header, end in BLOCKS.values()),
    *(f"{begin}\\n{header}\\n{BODY * 2}\\n{end}" for begin, header, end in BLOCKS.values()),
    *(f"AGE-SECRET-KEY-1{BODY.upper() * 2}", f"age-secret-key-pq-1{BODY * 2}"),
)


# Where a text may stand: within prose, and as the whole of a field; a text of one word also in the path of a URL.
TEXTS: dict[str, Callable[[str], tuple[str, Body]]] = {
    "prompt": lambda text: ("persona", persona(system_prompt=f"Say {text} then.")),
    "text": lambda text: ("persona", persona(layers={"stt": {"hotwords": text}})),
    "member": lambda text: ("persona", persona(layers={"llm": {"model": MODEL, "extra_body": {"mode": text}}})),
    "description": lambda text: ("tool", tool(description=text)),
    "parameter": lambda text: (
        "tool",
        tool(parameters={"type": "object", "properties": {"x": {"type": "string", "description": text}}}),
    ),
}
URLS: dict[str, Callable[[str], tuple[str, Body]]] = {
    "path": lambda text: ("document", {"document_url": f"https://example.com/{text}/index.html"}),
}


def places_of(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Each text with the places where it may stand."""
    return [
        (text, place) for text in texts for place in [*TEXTS, *(URLS if text.isascii() and " " not in text else ())]
    ]


@pytest.mark.newer_api
@pytest.mark.parametrize(("text", "place"), places_of(NO_KEYS))
def test_an_example_a_public_key_and_a_name_are_no_error(project: Project, text: str, place: str) -> None:
    kind, spec = {**TEXTS, **URLS}[place](text)
    project.manifest(kind, "a", spec)

    checked = project.run("validate")

    assert (checked.code, "TV113" in checked.out) == (0, False), checked.out


SCOPE = "20990101%2Feu-west-1%2Fs3%2Faws4_request"
V4 = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20990101T120000Z&X-Amz-Expires=3600&X-Amz-Signature={BODY * 2}"
LINKS = (
    f"https://b.s3.amazonaws.com/a.mp4?X-Amz-Credential=AKIAZ7Q4MXW2PLR5TB3K%2F{SCOPE}&{V4}",
    f"https://b.s3.amazonaws.com/a.mp4?{V4}&X-Amz-Credential=ASIAZ7Q4MXW2PLR5TB3K%2F{SCOPE}&X-Amz-Security-Token=IQo{BODY}",
    "https://b.s3.amazonaws.com/a.mp4?AWSAccessKeyId=AKIAZ7Q4MXW2PLR5TB3K&Expires=4070908800&Signature=aB%2Bc1D3e5F%3D",
    "https://www.loom.com/share/a?sid=550e8400-e29b-41d4-a716-446655440000",
)


@pytest.mark.newer_api
@pytest.mark.parametrize("link", LINKS)
def test_a_signed_link_to_a_file_and_one_with_an_id_are_no_error(project: Project, link: str) -> None:
    project.manifest("document", "a", {"document_url": link})
    project.manifest("voice", "b", {"voice_name": "B", "train_audio_url": link})

    applied = project.run("apply", "--yes", "--wait", "1s")

    assert (applied.code, BODY in applied.out + applied.err) == (0, False), applied.out + applied.err
    assert not found_under(project.root / ".tavusctl", [BODY])


@pytest.mark.parametrize("separator", ["\n", " ", ", "])
def test_the_file_of_a_key_that_aws_gives_is_an_error(project: Project, separator: str) -> None:
    """The id of the access key stands there as in a signed link; the key itself has no form of its own."""
    key = separator.join(("AWSAccessKeyId=AKIAZ7Q4MXW2PLR5TB3K", f"AWSSecretKey={BODY}"))
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": f"You coach.\n{key}"})

    told = project.expect(10, "validate")

    assert "[TV113 plaintext-secret]" in told.out


@pytest.mark.newer_api
@pytest.mark.parametrize(("text", "place"), places_of(KEYS))
def test_a_key_of_a_known_form_is_an_error(project: Project, text: str, place: str) -> None:
    kind, spec = {**TEXTS, **URLS}[place](text)
    project.manifest(kind, "a", spec)

    checked = project.run("validate")

    assert (checked.code, "TV113" in checked.out, BODY in checked.out) == (10, True, False), checked.out


def test_no_line_of_a_private_key_is_shown_whatever_is_wrong_in_it(project: Project) -> None:
    lines = [f"k: '{PEM}", "Proc-Type: 4,ENCRYPTED", f"DEK-Info: AES-256-CBC,{BODY}", "", BODY, f"{BODY[:9]}=="]
    for broken, (before, after) in itertools.product(range(1, 6), [("\t: ", ""), ("'", ""), ("", "'z"), ("", "\t: x")]):
        wrong = [*lines[:broken], f"{before}{lines[broken]}{after}", *lines[broken + 1 :]]
        text = "\n".join(["kind: persona", *wrong, "-----END RSA PRIVATE KEY-----", "]"])
        for start in ("'", ""):
            project.write("manifests/a.yaml", text.replace(f"'{PEM}", f"{start}{PEM}"))

            checked = project.run("validate")

            assert (checked.code, BODY[:9] in checked.out) == (10, False), checked.out


@pytest.mark.parametrize("form", BLOCKS)
def test_no_line_of_a_private_key_of_any_format_is_shown(project: Project, form: str) -> None:
    begin, header, end = BLOCKS[form]
    for wrong in (f"{BODY}: x\n{BODY[:9]}", f"{BODY[:9]}\t: y"):
        project.write("manifests/a.yaml", f"kind: persona\nk: {begin}\n{header}\n{wrong}\n{BODY}\n{end}\n]")

        checked = project.run("validate")

        assert (checked.code, BODY[:9] in checked.out) == (10, False), checked.out


@pytest.mark.parametrize("form", BLOCKS)
def test_the_name_of_a_format_of_private_keys_is_no_key(project: Project, form: str) -> None:
    project.manifest("persona", "a", persona(system_prompt=f"A file begins with {BLOCKS[form][0]} and then the key."))

    project.expect(0, "validate")


@pytest.mark.parametrize(("place", "hint"), [("text", "remove it"), ("member", 'write "${secret:NAME}"')])
def test_the_hint_about_a_key_is_one_that_its_field_allows(project: Project, place: str, hint: str) -> None:
    kind, spec = TEXTS[place](KEY)
    project.manifest(kind, "a", spec)

    assert f"help: {hint}" in project.run("validate").out


@pytest.mark.parametrize(
    "text",
    [f"outputs: {{KEY: {{value: {KEY}}}}}\n", f"outputs: {{ghp_{BODY}: persona/a}}\n",
     f"environments: {{default: {{account: {KEY}}}}}\n", f"environments: {{default: {{vars: {{k: {KEY}}}}}}}\n"],
    ids=["output", "name of an output", "account", "variable"],
)  # fmt: skip
def test_a_key_anywhere_in_the_project_file_is_an_error(project: Project, text: str) -> None:
    project.write("tavusctl.yaml", text)
    project.manifest("persona", "a", persona())

    checked = project.run("validate")

    assert (checked.code, "TV113" in checked.out + checked.err) == (10, True)
    assert BODY not in checked.out + checked.err


@pytest.mark.parametrize("name", [f"{KEY}.yaml", f"of-{KEY}/a.yaml"])
def test_a_key_in_the_path_of_a_manifest_is_an_error(project: Project, name: str) -> None:
    project.write(f"manifests/{name}", json.dumps({"kind": "persona", "name": "a", "spec": persona()}))

    for command in (["validate"], ["validate", "--format", "sarif"], ["plan", "--format", "json"], ["apply", "--yes"]):
        for _ in range(2):  # the second time with a cache
            result = project.run(*command)
            assert (result.code, "TV113" in result.out + result.err) == (10, True)
            assert BODY not in result.out + result.err
    for command in (
        ["doctor"],
        ["explain", "persona/a"],
        ["graph"],
        ["fmt", "--diff"],
        ["validate", f"manifests/{name}"],
    ):
        result = project.run(*command)
        assert BODY not in result.out + result.err, command
    files = [path for path in (project.root / ".tavusctl").rglob("*") if path.is_file()]
    assert [path for path in files if BODY.encode() in path.read_bytes()] == []


PASSWORD = "hunter22pw"
FILES = {
    "uploads": f"uploads: 's3://user:{PASSWORD}@bucket/x'\n",
    "uploads of an environment": f"environments: {{default: {{uploads: 's3://user:{PASSWORD}@bucket/x'}}}}\n",
    "repository": f"environments: {{default: {{state: 'git+git:{PASSWORD}@127.0.0.1:x/y'}}}}\n",
    "repository over https": f"environments: {{default: {{state: 'git+https://u:{PASSWORD}@127.0.0.1:1/y'}}}}\n",
    "file": f"environments: {{default: {{state: 'file://u:{PASSWORD}@h'}}}}\n",
    "account": f"environments: {{default: {{account: 'https://u:{PASSWORD}@h'}}}}\n",
    "manifests": f"manifests: 'https://u:{PASSWORD}@h/x'\n",
    "overlay": f"environments: {{default: {{overlay: 'https://u:{PASSWORD}@h/x'}}}}\n",
    "secret": f"secrets: ['https://u:{PASSWORD}@h/x']\n",
    "key": f"environments: {{default: {{api_key_env: 'https://u:{PASSWORD}@h/x'}}}}\n",
    "output": f"outputs: {{A: 'https://u:{PASSWORD}@h/x'}}\n",
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_no_output_shows_a_password_of_the_project_file(project: Project, text: str) -> None:
    project.write("tavusctl.yaml", text)
    project.manifest("persona", "a", persona())

    for command in (
        ["validate"],
        ["plan"],
        ["plan", "--format", "json"],
        ["apply", "--yes"],
        ["doctor"],
        ["state", "list"],
    ):
        result = project.run(*command)
        assert PASSWORD not in result.out + result.err, command


NAMES_OF_VARIABLES: dict[str, tuple[str, str]] = {
    "key variable": ("environments: {{default: {{api_key_env: '{key}'}}}}\nsecrets: [OWN]\n", "${{secret:OWN}}"),
    "secret": ("secrets: [OWN, '{key}']\n", "${{secret:OWN}}"),
    "secret with a value": ("secrets: ['OWN={key}']\n", "${{secret:OWN}}"),
    "expression": ("secrets: [OWN]\n", "${{secret:{key}}}"),
    "expression with a value": ("secrets: [OWN]\n", "${{secret:OWN={key}}}"),
}


@pytest.mark.parametrize("key", [BODY, f"a{BODY}", f"A{BODY.upper()}", "550e8400-e29b-41d4-a716-446655440000"])
@pytest.mark.parametrize(("file", "text"), NAMES_OF_VARIABLES.values(), ids=NAMES_OF_VARIABLES)
def test_a_key_in_place_of_the_name_of_its_variable_is_not_shown(
    project: Project, file: str, text: str, key: str
) -> None:
    project.write("tavusctl.yaml", file.format(key=key))
    project.manifest("persona", "a", llm(api_key=text.format(key=key)))

    for command in (["validate"], ["plan"], ["plan", "--format", "json"], ["doctor"], ["apply", "--yes"]):
        result = project.run(*command, OWN="sk-own-0001-abcdef")
        assert result.code == 10 or command == ["doctor"], result.out + result.err
        assert key not in result.out + result.err


@pytest.mark.parametrize("text", ["${{secret:{}}}", "${{secret: {}}}", "${{ secret: {} }}"])
@pytest.mark.parametrize("key", [BODY, "Zx9k-Q2mLw8aB"])
def test_a_key_in_an_expression_of_a_field_without_secrets_is_not_shown(project: Project, text: str, key: str) -> None:
    project.manifest("persona", "a", persona(greeting=text.format(key)))

    checked = project.run("validate")

    assert (checked.code, "TV109" in checked.out, key in checked.out) == (10, True, False), checked.out


def test_a_long_name_of_a_variable_is_accepted(project: Project) -> None:
    name = "TOOL_BOOK_TABLE_2_API_AUTH_OAUTH2_CLIENT_SECRET_EU1"
    project.write("tavusctl.yaml", f"secrets: [{name}, openaikeyofthestagingaccount2]\n")
    project.manifest("persona", "a", llm(api_key=f"${{secret:{name}}}"))

    project.expect(0, "validate")


MANIFESTS = {
    "kind": f"kind: 'https://u:{PASSWORD}@h/x'\nname: a\nspec: {{}}\n",
    "name": f"kind: persona\nname: 'https://u:{PASSWORD}@h/x'\nspec: {{system_prompt: x}}\n",
    "id": f"kind: persona\nname: a\nexternal: true\nid: 'https://u:{PASSWORD}@h/x'\n",
    "moved_from": f"kind: persona\nname: a\nmoved_from: 'https://u:{PASSWORD}@h/x'\nspec: {{system_prompt: x}}\n",
    "reference": f"kind: persona\nname: a\nspec: {{system_prompt: x, default_replica_id: '${{ref:https://u:{PASSWORD}@h/x}}'}}\n",
    "path": f"kind: persona\nname: a\nspec: {{system_prompt: '${{file:https://u:{PASSWORD}@h/x}}'}}\n",
    "upload": f"kind: document\nname: a\nspec: {{document_file: x.pdf, upload: 's3://u:{PASSWORD}@b/x'}}\n",
    "upload without a scheme": f"kind: document\nname: a\nspec: {{document_file: 7, upload: 'u:{PASSWORD}@b/x'}}\n",
}


@pytest.mark.parametrize("text", MANIFESTS.values(), ids=MANIFESTS)
def test_no_output_shows_a_password_of_a_manifest(project: Project, text: str) -> None:
    project.write("manifests/a.yaml", text)

    for command in (["validate"], ["validate", "--format", "json"], ["validate", "--format", "sarif"], ["plan"]):
        result = project.run(*command)
        assert PASSWORD not in result.out + result.err, command


def calling(query: Body) -> Body:
    return tool(delivery={"api": {"url": "https://crm.example.com", "method": "GET", "query_params": query}})


PARAMETERS: Body = {"type": "object", "properties": {"user": {"type": "string"}, "token": {"type": "string"}}}


@pytest.mark.newer_api
def test_a_query_of_a_tool_has_ids_long_words_and_placeholders(project: Project) -> None:
    query: Body = {
        "tenant": "550e8400-e29b-41d4-a716-446655440000",
        "select": "customerAccountStatusActiveOnly",
        "calendar": "c_0f1e2d3c4b5a69788796a5b4c3d2e1f0@group.calendar.google.com",
        "access_token": "crm-{user}",
        "authorization": "Bearer {token}",
    }
    project.manifest("tool", "a", {**calling(query), "parameters": PARAMETERS})

    checked = project.run("validate")

    assert (checked.code, "TV113" in checked.out) == (0, False), checked.out


@pytest.mark.newer_api
@pytest.mark.parametrize("query", [{"access_token": BODY}, {"api_key": f"{{user}}{BODY}"}, {"q": KEY}, {"key": BODY}])
def test_a_key_in_a_query_of_a_tool_is_an_error(project: Project, query: Body) -> None:
    project.manifest("tool", "a", {**calling(query), "parameters": PARAMETERS})

    checked = project.run("validate")

    assert (checked.code, "TV113" in checked.out, BODY in checked.out) == (10, True, False), checked.out
