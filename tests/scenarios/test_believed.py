"""A write is believed when a read shows it, and what is no difference is not planned."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.project import Body, Project

pytestmark = pytest.mark.usefixtures("quick_scrypt")

OLD, NEW = "You coach.", "Never give medical advice."
CONTAINED = {"guardrail_name": "calm", "guardrail_prompt": "Stay calm."}


def persona(project: Project, **members: Any) -> None:
    project.manifest("persona", "coach", {"persona_name": "Coach", "system_prompt": OLD, **members})


def outside(project: Project, kind: str, name: str, ident: str) -> None:
    text = f"kind: {kind}\nname: {name}\nexternal: true\nid: {ident}\n"
    project.write(f"manifests/{kind}-{name}.yaml", text)


def warning_ids(plan: Body) -> list[str]:
    """Ids of what a plan warns of."""
    return [one["id"] for one in plan["warnings"]]


def causes(plan: Body) -> dict[str, str]:
    return {field["path"]: field["cause"] for change in plan["changes"] for field in change["fields"]}


def outcome(result: Any) -> tuple[str, str]:
    (found,) = result.document["outcomes"]
    return found["status"], found["reason"]


WRITES: list[tuple[str, Body, str, Any]] = [
    ("persona", {"persona_name": "Coach", "system_prompt": OLD}, "system_prompt", NEW),
    ("guardrails", {"name": "Rules", "data": [CONTAINED]}, "name", "Others"),
    ("document", {"document_url": "https://a.example.com/x.pdf", "tags": ["a"]}, "tags", ["b"]),
]


@pytest.mark.parametrize("status", [200, 202, 304])
@pytest.mark.parametrize(("kind", "spec", "key", "new"), WRITES)
def test_a_write_that_did_nothing_is_never_taken_for_done(
    quick: Project, status: int, kind: str, spec: Body, key: str, new: Any
) -> None:
    quick.manifest(kind, "x", spec)
    quick.apply()
    quick.manifest(kind, "x", {**spec, key: new})
    times, plural, pointer = 4, kind.rstrip("s") + "s", f"/{key}"
    quick.account.fault(match=f"PATCH /v2/{plural}/*", kind="status", status=status, body={}, times=times)
    runs = 0
    while True:
        applied = quick.run("apply", "--yes", "--format", "json")
        if applied.code == 0:
            break
        runs += 1
        assert applied.code == 5
        status_, reason = outcome(applied)
        assert (status_, reason.startswith("not_live"), pointer in reason) == ("failed", True, True)
        assert (causes(quick.plan()), quick.run("drift", "--detailed-exitcode").code) == ({pointer: "edited"}, 0)
        assert runs <= times
    assert runs
    assert quick.account.objects(plural)[quick.bound(f"{kind}/x")][key] == new
    quick.expect(0, "plan", "--detailed-exitcode")


def test_a_removal_that_did_nothing_is_planned_again(quick: Project) -> None:
    persona(quick, greeting="Hi")
    quick.apply()
    persona(quick)
    quick.account.switch(ignore_fields=["/greeting"])
    quick.expect(5, "apply", "--yes")
    assert causes(quick.plan()) == {"/greeting": "edited"}
    quick.account.switch(ignore_fields=[])
    quick.apply()
    quick.expect(0, "plan", "--detailed-exitcode")


KEPT: list[tuple[Body, Body, str, Any, Any]] = [
    ({"ignore_fields": ["/greeting"]}, {"greeting": "Hi"}, "/greeting", "Hello", "Grüezi"),
    ({"tidied_fields": {"/greeting": "lower"}}, {"greeting": "Hi"}, "/greeting", "Hello", "Grüezi"),
    ({"tidied_fields": {"/greeting": "trim"}}, {"greeting": "Hi "}, "/greeting", "Hello ", "Grüezi"),
    (
        {"tidied_fields": {"/layers/tts/voice_settings/speed": "round"}},
        {"layers": {"tts": {"voice_settings": {"speed": 0.9}}}},
        "/layers/tts/voice_settings/speed",
        0.6,
        0.2,
    ),
]


@pytest.mark.parametrize(("switches", "members", "pointer", "edit", "portal"), KEPT)
def test_what_the_server_keeps_otherwise_is_told_while_it_lasts(
    quick: Project, switches: Body, members: Body, pointer: str, edit: Any, portal: Any
) -> None:
    quick.account.switch(**switches)
    persona(quick, **members)
    first = quick.run("apply", "--yes", "--format", "json")
    assert (first.code, outcome(first)) == (5, ("done", f"not kept by the server: {pointer}"))
    quick.account.forget()
    again = quick.run("apply", "--yes")
    assert (again.code, quick.account.writes) == (0, [])
    plan = quick.plan()
    assert (causes(plan), plan["drift"], warning_ids(plan)) == ({}, [], ["TV331"])
    assert pointer in quick.run("verify").out

    # Somebody edits the account: drift, and the manifest's value is sent again.
    ident = quick.bound("persona/coach")
    quick.account.portal("persona", ident, {"op": "add", "path": pointer, "value": portal})
    quick.expect(2, "drift", "--detailed-exitcode")
    assert causes(quick.plan()) == {pointer: "drifted"}
    quick.expect(5, "apply", "--yes")

    # The manifest is edited, alone and with others: no conflict.
    spec = _with(members, pointer, edit)
    persona(quick, **spec)
    assert causes(quick.plan()) == {pointer: "edited"}
    persona(quick, **spec, objectives_id="o-literal")
    quick.expect(5, "apply", "--yes")
    quick.apply()

    # The server changes its mind: what agrees once is forgotten.
    quick.account.switch(ignore_fields=[], tidied_fields={})
    quick.account.portal("persona", ident, {"op": "add", "path": pointer, "value": edit})
    assert (quick.run("drift", "--detailed-exitcode").code, warning_ids(quick.plan())) == (0, [])
    quick.apply()
    assert "otherwise" not in quick.run("verify").out


def _with(members: Body, pointer: str, value: Any) -> Body:
    head, *rest = pointer.strip("/").split("/")
    return {**members, head: _with(members[head], "/".join(rest), value) if rest else value}


def test_an_edit_of_a_dropped_field_alone_is_named_once_more_and_then_quiet(quick: Project) -> None:
    quick.account.switch(ignore_fields=["/greeting"])
    persona(quick, greeting="Hi")
    quick.expect(5, "apply", "--yes")
    persona(quick, greeting="Hello")
    second = quick.run("apply", "--yes", "--format", "json")
    assert (second.code, outcome(second)) == (5, ("done", "not kept by the server: /greeting"))
    quick.account.forget()
    assert (quick.run("apply", "--yes").code, quick.account.writes) == (0, [])


def test_a_layer_goes_whole_though_somebody_else_has_filled_a_part_of_it(quick: Project) -> None:
    for dropped in ({}, {"layers": None}, {"layers": {"tts": None}}):
        persona(quick, layers={"tts": {"tts_engine": "elevenlabs", "voice_settings": {"speed": 0.9}}})
        quick.apply()
        quick.edit_in_portal("persona/coach", "/layers/tts/tts_model_name", "sonic", op="add")
        persona(quick, **dropped)
        quick.apply()
        quick.expect(0, "plan", "--detailed-exitcode")
        assert warning_ids(quick.plan()) == []


def test_another_name_of_an_object_is_no_difference(quick: Project) -> None:
    quick.manifest("guardrails", "safe", {"name": "Safe", "data": [CONTAINED]})
    quick.manifest("document", "faq", {"document_url": "https://a.example.com/faq"})
    persona(quick, guardrails_id="${ref:guardrails/safe}", document_ids=["${ref:document/faq}"])
    quick.apply()
    safe, faq = quick.bound("guardrails/safe"), quick.bound("document/faq")

    def quiet() -> None:
        quick.account.forget()
        assert quick.run("drift", "--detailed-exitcode").code == 0
        assert quick.run("plan", "--detailed-exitcode").code == 0
        assert (quick.run("apply", "--yes").code, quick.account.writes) == (0, [])

    for name in ("house", "a-name"):
        outside(quick, "guardrails", name, safe)
        outside(quick, "document", f"{name}-faq", faq)
        quiet()
        persona(quick, guardrails_id=f"${{ref:guardrails/{name}}}", document_ids=[f"${{ref:document/{name}-faq}}", faq])
        quiet()
    assert "TV129" in quick.run("validate").out
    persona(quick, guardrails_id=safe, document_ids=["${ref:document/faq}", "${ref:document/house-faq}"])
    quiet()


def test_an_external_object_is_known_by_its_id_whatever_it_is_called(quick: Project) -> None:
    one, two = quick.account.seed(guardrails=[{"name": "One", "data": [CONTAINED]}] * 2)["guardrails"]
    outside(quick, "guardrails", "outside", one)
    persona(quick, guardrails_id="${ref:guardrails/outside}")
    quick.apply()
    quick.remove("guardrails", "outside")
    outside(quick, "guardrails", "renamed", one)
    persona(quick, guardrails_id="${ref:guardrails/renamed}")
    quick.expect(0, "drift", "--detailed-exitcode")
    assert causes(quick.plan()) == {}
    outside(quick, "guardrails", "renamed", two)
    quick.expect(0, "drift", "--detailed-exitcode")
    assert causes(quick.plan()) == {"/guardrails_id": "edited"}
    quick.apply()
    assert quick.account.objects("personas")[quick.bound("persona/coach")]["guardrails_id"] == two


LINKS = [
    (
        "https://b.s3.amazonaws.com/a.mp4?versionId=7",
        "X-Amz-Date=20260101T00{0}00Z&X-Amz-Expires=604800&X-Amz-Signature={0}",
    ),
    ("https://storage.googleapis.com/b/a.mp4?generation=7", "X-Goog-Credential={0}&X-Goog-Signature={0}"),
    ("https://x.blob.core.windows.net/b/a.mp4?snapshot=7", "sv=2022&st=2026-01-0{0}&se=2099-01-01&sp=r&sig={0}"),
    ("https://d1.cloudfront.net/a.mp4?size=7", "Expires=409026880{0}&Signature={0}&Key-Pair-Id=K{0}"),
]


@pytest.mark.parametrize(("file", "access"), LINKS)
def test_a_link_that_is_signed_anew_leads_to_the_same_file(quick: Project, file: str, access: str) -> None:
    def write(signature: str, file: str) -> None:
        link = f"{file}&{access.format(signature)}"
        quick.manifest("document", "x", {"document_url": link})
        quick.manifest("replica", "x", {"replica_name": "X", "train_video_url": link, "consent_video_url": link})

    far = {"X-Amz-Date=2026": "X-Amz-Date=2099"}
    access = next((access.replace(old, new) for old, new in far.items() if old in access), access)
    write("1", file)
    quick.run("apply", "--yes")
    quick.account.advance(86400)
    quick.apply()
    write("2", file)
    quick.expect(0, "plan", "--detailed-exitcode")
    quick.expect(0, "drift", "--detailed-exitcode")
    write("2", file.replace("=7", "=8"))
    assert {one["action"] for one in quick.plan()["changes"]} == {"replace", "retire"}


def test_sets_are_sent_in_the_order_of_the_manifest(quick: Project) -> None:
    tags = ["price", "faq", "terms"]
    quick.manifest("document", "x", {"document_url": "https://a.example.com/x", "tags": tags})
    for name in ("price-list", "handbook", "faq"):
        quick.manifest("document", name, {"document_url": f"https://a.example.com/{name}"})
    documents = ["${ref:document/price-list}", "d-literal", "${ref:document/faq}"]
    persona(quick, document_tags=tags, document_ids=documents)
    quick.apply()

    def ids() -> list[str]:
        return [quick.bound(one[6:-1]) if one.startswith("${") else one for one in documents]

    held = quick.account.objects("personas")[quick.bound("persona/coach")]
    assert (held["document_tags"], held["document_ids"]) == (tags, ids())
    assert quick.account.objects("documents")[quick.bound("document/x")]["tags"] == tags

    quick.manifest("document", "x", {"document_url": "https://a.example.com/x", "tags": ["zebra", *tags, "a"]})
    documents = ["${ref:document/handbook}", *documents]
    persona(quick, document_tags=["zebra", *tags, "a"], document_ids=documents)
    quick.apply()
    held = quick.account.objects("personas")[quick.bound("persona/coach")]
    assert (held["document_tags"], held["document_ids"]) == (["zebra", *tags, "a"], ids())
    assert quick.account.objects("documents")[quick.bound("document/x")]["tags"] == ["zebra", *tags, "a"]
    # Another order alone is no difference: they are sets.
    persona(quick, document_tags=["a", "zebra", *tags], document_ids=documents[::-1])
    quick.expect(0, "plan", "--detailed-exitcode")


def test_a_lost_answer_of_a_server_that_tidies_is_no_conflict(quick: Project) -> None:
    quick.account.switch(tidied_fields={"/greeting": "lower"})
    persona(quick, greeting="hi")
    quick.apply()
    persona(quick, greeting="Hello")
    quick.account.fault(match="PATCH /v2/personas/*", kind="drop", phase="after", times=1, skip=1)
    first = quick.run("apply", "--yes", "--format", "json")
    assert [one["struck"] for one in quick.account.control("GET", "faults")["faults"]] == [1]
    assert (first.code, outcome(first)) == (5, ("done", "not kept by the server: /greeting"))
    quick.apply()
