"""Each rule on what it is about, and on what it is not."""

from __future__ import annotations

from typing import Any

import pytest

from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Diagnostic, Edit
from tavusctl.core.model import Manifest
from tavusctl.kinds import KINDS
from tavusctl.lib import tokens
from tavusctl.lint import Project, check

Spec = dict[str, Any]

KEY = "sk-proj-" + "aB3" * 8
LONG = (
    "Ask what they sell, to whom, and what has kept them from selling more of it in the last quarter of the year. "
    "Listen, and do not interrupt."
)
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def persona(**spec: Any) -> tuple[str, Spec]:
    return "persona", {"persona_name": "Coach", "system_prompt": "You coach.", **spec}


def layers(**found: Any) -> tuple[str, Spec]:
    return persona(layers=found)


def tool(name: str = "get_weather", parameters: Spec | None = None, description: str = "When asked.") -> Spec:
    function = {"name": name, "description": description, "parameters": SCHEMA if parameters is None else parameters}
    return {"type": "function", "function": function}


def registry(**spec: Any) -> tuple[str, Spec]:
    return "tool", {"name": "a_tool", "description": "A.", "delivery": {"app_message": True}, **spec}


def called(**api: Any) -> tuple[str, Spec]:
    return registry(parameters=SCHEMA, delivery={"api": {"url": "https://a.example.com/{city}", **api}})


def goals(*items: Spec) -> tuple[str, Spec]:
    return "objectives", {"name": "Goals", "data": [{"objective_prompt": "Ask.", **item} for item in items]}


def goal(name: str, **more: Any) -> Spec:
    return {"objective_name": name, **more}


def rules_of(*items: Spec) -> tuple[str, Spec]:
    return "guardrails", {"name": "Rules", "data": [{"guardrail_prompt": "Says no.", **item} for item in items]}


def document(url: str, **more: Any) -> tuple[str, Spec]:
    return "document", {"document_url": url, **more}


# By id: what is remarked on, where, and in which words.  A case of each rule is in tests/golden/wrong or tests/pages.
WRONG: dict[str, list[tuple[tuple[str, Spec], str, str]]] = {
    "TV201": [(persona(system_prompt="word " * 26_000), "/system_prompt", "about 26,000 tokens")],
    "TV202": [(persona(system_prompt="word " * 33_000), "/system_prompt", "about 33,000 tokens")],
    "TV203": [
        (
            persona(system_prompt=f"{LONG}\n\nThen:\n\n{LONG}\n"),
            "/system_prompt",
            "duplicate of line 1: `Ask what they",
        ),
        (
            persona(system_prompt="Hi.\n## Tone\nBe kind.\n## Tone\nBe brief."),
            "/system_prompt",
            "duplicate of line 2: `## T",
        ),
    ],
    "TV205": [
        (
            persona(system_prompt="You\u200b coach.\u200b"),
            "/system_prompt",
            "U+200B ZERO WIDTH SPACE in the text and 1 more",
        ),
        (persona(system_prompt="Hi\U000e0068\U000e0069"), "/system_prompt", "U+E0068 TAG LATIN SMALL LETTER H in the"),
        (persona(system_prompt="a\u200db"), "/system_prompt", "ZERO WIDTH JOINER"),
        (persona(system_prompt="e\u3164"), "/system_prompt", "HANGUL FILLER"),
    ],
    "TV207": [
        (persona(greeting="Hi.\n>>>>>>> feature"), "/greeting", "the line `>>>>>>> feature`"),
        (persona(greeting="||||||| 1a2b3c4\r\nHi."), "/greeting", "the line `||||||| 1a2b3c4"),
        (goals(goal("a", objective_prompt="<<<<<<< a")), "/data/0/objective_prompt", "the line `<<<<<<< a`"),
        (rules_of(goal("a") | {"guardrail_prompt": "<<<<<<< a"}), "/data/0/guardrail_prompt", "the line `<<<<<<< a`"),
        (rules_of(goal("a") | {"guardrail_prompt": "Be.\n<<<<<<<"}), "/data/0/guardrail_prompt", "the line `<<<<<<<`"),
        (layers(llm={"tools": [tool(description="A\n<<<<<<< a")]}), "/layers/llm/tools/0/function/description", "<<<"),
    ],
    "TV211": [
        (
            layers(llm={"tools": [tool(parameters={"type": "object", "properties": {"a/b": {"type": "strin"}}})]}),
            "/layers/llm/tools/0/function/parameters/properties/a~1b/type",
            "not valid as JSON Schema: `strin` is not a type",
        ),
    ],
    "TV216": [
        (
            registry(parameters={"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}}),
            "/parameters/properties/a/$ref",
            "`$ref`",
        )
    ],
    "TV217": [
        (called(url="https://a.example.com/{town}"), "/delivery/api/url", "`{town}` is not a parameter of the tool"),
        (called(body_template={"a": ["{town}"]}), "/delivery/api/body_template/a/0", "`{town}` is not a parameter"),
        (called(query_params={"q": "{town}"}), "/delivery/api/query_params/q", "`{town}` is not a parameter"),
    ],
    "TV218": [(("tool", {"name": "a", "description": "A."}), "", "without `delivery`")],
    "TV219": [
        (registry(description="a" * 10_001), "/description", "characters together; the API accepts 10,000"),
        (
            registry(parameters={"type": "object", "properties": {"tavus_id": {"type": "string"}}}),
            "/parameters/properties/tavus_id",
            "reserved",
        ),
    ],
    "TV221": [
        (
            layers(perception={"perception_model": "raven-0", "visual_tools": [tool()]}),
            "/layers/perception/visual_tools",
            "`perception_model` `raven-0` ignores `visual_tools`",
        ),
        (
            layers(perception={"perception_model": "raven-1", "ambient_awareness_queries": ["x"]}),
            "/layers/perception/ambient_awareness_queries",
            "`perception_model` `raven-1` ignores `ambient_awareness_queries`",
        ),
        (
            layers(perception={"perception_model": "off", "perception_analysis_queries": ["x"]}),
            "/layers/perception/perception_analysis_queries",
            "`perception_model` `off` ignores",
        ),
    ],
    "TV222": [
        (
            layers(
                stt={"participant_pause_sensitivity": "low"}, conversational_flow={"turn_detection_model": "sparrow-0"}
            ),
            "/layers/stt/participant_pause_sensitivity",
            "is deprecated",
        ),
        (
            layers(stt={"participant_interrupt_sensitivity": "low"}),
            "/layers/stt/participant_interrupt_sensitivity",
            "is deprecated",
        ),
    ],
    "TV225": [
        (
            layers(tts={"tts_engine": "elevenlabs", "voice_settings": {"emotion": ["a"]}}),
            "/layers/tts/voice_settings/emotion",
            "`elevenlabs` ignores `emotion`",
        ),
    ],
    "TV231": [
        (
            goals(goal("greet", next_conditional_objectives={"aks": "if shy"}), goal("ask")),
            "/data/0/next_conditional_objectives/aks",
            "`greet` leads to `aks`, which is not in this set",
        ),
    ],
    "TV232": [
        (
            goals(goal("greet", next_required_objective="ask"), goal("ask"), goal("sell")),
            "/data/2",
            "`sell` cannot be reached from `greet`",
        ),
    ],
    "TV233": [
        (
            goals(goal("ask", next_required_objective="ask")),
            "/data/0/next_required_objective",
            (
                "objective cycle: ask -> ask; a conversation with it ends as "
                "soon as it starts; no objective of the set is the last one"
            ),
        ),
    ],
    "TV235": [
        (
            goals(
                goal("ask", next_conditional_objectives={"new": "if new", "old": "if not"}),
                goal("new", output_variables=["age"], next_required_objective="end"),
                goal("old", output_variables=["plan"], next_required_objective="end"),
                goal("end", output_variables=["age"]),
            ),
            "/data/3/output_variables/0",
            "`age` is also an output variable of `new`",
        ),
    ],
    "TV237": [
        (
            goals(goal("greet", next_conditional_objectives={"sell": "if rich"}), goal("sell")),
            "/data/0/next_conditional_objectives/sell",
            "`greet` leads only to `sell`",
        ),
    ],
    "TV238": [
        (goals(goal("gr\u00f6\u00dfe-1")), "/data/0/objective_name", "accept letters, digits and underscores only"),
        (goals(goal("a" * 101)), "/data/0/objective_name", "`objective_name` has 101 characters"),
        (goals(goal("a", objective_prompt="x" * 10_001)), "/data/0/objective_prompt", "has 10,001 characters"),
        (("objectives", {**goals(goal("a"))[1], "name": "x" * 101}), "/name", "`name` has 101 characters"),
        (
            goals(goal("a", output_variables=[f"v{number}" for number in range(51)])),
            "/data/0/output_variables",
            "51 output variables",
        ),
        (
            goals(*(goal(f"a{one}", next_required_objective=f"a{one + 1}") for one in range(50)), goal("a50")),
            "/data",
            "51 objectives",
        ),
        (
            goals(goal("a", next_required_objectives=["b"]), goal("b")),
            "/data/0/next_required_objectives",
            "take one required next objective",
        ),
        (
            goals(goal("a", next_required_objectives=["b", "c"]), goal("b"), goal("c")),
            "/data/0/next_required_objectives",
            "take one required next objective, under another key; found 2",
        ),
        (goals(goal("one"), goal("two")), "/data", "none of the objectives leads to another"),
    ],
    "TV239": [
        (
            goals(
                goal("a", next_required_objective="b", next_conditional_objectives={"c": "if so"}),
                goal("b"),
                goal("c"),
            ),
            "/data/0/next_conditional_objectives",
            "refuse a required next objective beside conditional ones",
        )
    ],
    "TV242": [
        (
            rules_of({"guardrail_name": "a", "guardrail_prompt": "x" * 1001}),
            "/data/0/guardrail_prompt",
            "1,001 characters",
        )
    ],
    "TV262": [
        (layers(llm={"base_url": "https://localhost:8000/v1"}), "/layers/llm/base_url", "cannot be reached by Tavus"),
        (document("https://10.0.0.7/prices.pdf"), "/document_url", "cannot be reached"),
        (
            rules_of({"guardrail_name": "a", "callback_url": "http://ci.internal/x"}),
            "/data/0/callback_url",
            "cannot be reached",
        ),
    ],
    "TV263": [
        (document("https://[broken"), "/document_url", "is not a valid web URL"),
    ],
    "TV264": [
        (
            persona(system_prompt="See https://x.example/?api_key=hunter22"),
            "/system_prompt",
            "a URL contains a key",
        ),
    ],
    "TV271": [
        (
            persona(system_prompt="Say:\ncurl -H 'x-api-key: 0f1e2d3c4b5a69'"),
            "/system_prompt",
            "what looks like a plaintext key",
        ),
        *[
            (persona(system_prompt=f"Say: {text}"), "/system_prompt", "what looks like a plaintext key")
            for text in (
                "curl -H 'Authorization: Bearer 3f9a8b7c6d5e4f3a2b1c'",
                "curl -H 'authorization: token  3f9a8b7c6d5e4f3a2b1c'",
                "the token: 3f9a8b7c6d5e4f3a",
            )
        ],
        (persona(system_prompt="Say:\nsk-test-onboarding"), "/system_prompt", "what looks like a plaintext key"),
        (persona(system_prompt="-----BEGIN PRIVATE KEY-----"), "/system_prompt", "what looks like a plaintext key"),
    ],
}

ANNA = Address("replica", "anna")
RIGHT: list[tuple[str, Spec]] = [
    persona(default_replica_id=ANNA, document_ids=[ANNA], tool_ids=[ANNA], newer_key=ANNA),
    layers(llm={"extra_body": {"user": ANNA}, "headers": {"X-Face": ANNA}}, tts={"external_voice_id": ANNA}),
    called(query_params={"face": ANNA}, body_template={"face": ANNA}),
    registry(parameters={"type": "object", "properties": {"face": {"description": "A.", "default": ANNA}}}),
    persona(system_prompt="Promo code: SUMMER2025, zip code: SW1A1AA, order key: A1B2C3D4, token: userAccessToken."),
    persona(system_prompt="Our public key: MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE, publishable key: Zq7xK2mP9wLr4TvB8"),
    persona(
        system_prompt="The session: customerAccountStatus; the code: A1B2C3D4E5F6G7H8; authorization: Bearer tokens."
    ),
    persona(system_prompt="Public key: pk_live_0f1e2d3c4b5a6978. Example: sk-proj-your-key-here, or ghp_0123456789..."),
    persona(system_prompt="A family: \U0001f468\u200d\U0001f469\u200d\U0001f467"),
    persona(system_prompt="\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645, \u05e9\u05dc\u05d5\u05dd\u200f."),
    persona(system_prompt="Wales \U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"),
    layers(
        llm={"tools": [tool()]},
        perception={"perception_model": "raven-0", "perception_tools": [tool()], "perception_tool_prompt": "x"},
    ),
    layers(llm={"extra_body": {"code": "sk-learn", "url": ""}, "headers": {"Content-Type": "application/json"}}),
    layers(tts={"voice_settings": {"emotion": ["positivity:high", "curiosity"]}}),
    layers(tts={"tts_engine": "playht", "voice_settings": {"stability": 0.5}}),
    layers(tts={"tts_engine": "elevenlabs", "voice_settings": {"stability": 0.5}}),
    layers(tts={"tts_engine": "cartesia", "voice_settings": {"volume": 1}}),
    persona(system_prompt=f"# Tone\n{LONG}\n\n# Goal\nSell.\n\nThat is all.\n\nThat is all.\n"),
    persona(greeting="", context=None),
    persona(system_prompt="A family, \U0001f468\u200d\U0001f469\u200d\U0001f467."),
    persona(system_prompt="\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
    layers(llm={"tools": [tool(), tool("b", {})]}),
    layers(llm={"tools": [{"name": "flat_tool", "description": "When asked."}]}),
    layers(perception={"perception_model": "raven-1", "visual_tools": [tool()], "visual_tool_prompt": "When seen."}),
    layers(perception={"perception_model": "raven-0", "ambient_awareness_queries": ["x"], "audio_tools": []}),
    layers(perception={"perception_model": "basic", "perception_analysis_queries": ["x"]}),
    *(layers(conversational_flow={f"{word}_interruptibility": "verylow"}) for word in ("replica", "pal", "face")),
    ("voice", {"train_audio_url": "https://example.com/anna.MP3?part=1.pdf"}),
    ("replica", {"train_image_url": "https://example.com/anna.png"}),
    ("replica", {"train_video_url": "https://example.com/anna.v2"}),
    layers(llm={"model": "own", "extra_body": {"stop": [" "]}}),
    layers(stt={"hotwords": "Tavus"}),
    layers(tts={"voice_settings": {"speed": 1.0, "emotion": ["a"]}}),
    goals(
        goal("greet", next_conditional_objectives={"sell": "if rich", "end": "if not"}),
        goal("sell", next_required_objective="end"),
        goal("end"),
    ),
    goals(goal("one", output_variables=["age"], next_required_objective="two"), goal("two")),
    goals(
        goal("ask", next_conditional_objectives={"new": "if new", "old": "if not"}),
        goal("new", output_variables=["age"]),
        goal("old", output_variables=["age"]),
    ),
    ("objectives", {"allow_loops": True, "name": "Round", "data": [goal("a", next_required_objective="a")]}),
    layers(tts={"voice_settings": {"stability": 0.5, "volume": 1}}),
    ("persona", {"persona_name": "Echo", "pipeline_mode": "echo"}),
    *(document(f"https://example.com/prices.{ending}") for ending in ("pdf", "md", "json")),
    document("https://example.com/prices?file=a.zip", crawl={"depth": 2, "max_pages": 5}),
    document("https://example.com/", crawl={"depht": 2}),
    document("https://example.com/", crawl={}),
    goals(goal("end"), goal("greet", next_required_objective="end")),
    registry(parameters={"type": "object", "properties": {"$ref": {"type": "string"}}}),
    called(query_params={"q": "{city}", "caller": "{tavus_conversation_id}"}, body_template={"a": "{} {1}"}),
    called(query_params={"file": "robots.txt", "context": "a.md"}, body_template={"a": {"description": "a.md"}}),
    ("dictionary", {"name": "Words", "rules": [{"text": "README.md", "pronunciation": "read me", "type": "alias"}]}),
    layers(stt={"hotwords": "README.md"}),
    called(url="https://a.example.com/{x}", auth={"type": "hmac", "secret": "s"}),
    registry(description="a" * 9_000, parameters=None),
]


def manifest(kind: str, spec: Spec, name: str = "a") -> Manifest:
    sources = {pointer: Source("m.yaml", number, 3) for number, pointer in enumerate(_pointers(spec, ""), start=2)}
    return Manifest(Address(kind, name), spec, Source("m.yaml", 1, 1), sources=sources)


def _pointers(value: Any, pointer: str) -> list[str]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    below = [_pointers(item, f"{pointer}/{str(key).replace('/', '~1')}") for key, item in items]
    return [pointer, *(one for listed in below for one in listed)]


def remarks(*manifests: Manifest, **more: Any) -> list[Diagnostic]:
    return [one.diagnostic for one in check(Project(manifests, **more), KINDS)]


@pytest.mark.parametrize(("id_", "case"), [(id_, case) for id_, cases in WRONG.items() for case in cases])
def test_what_a_rule_is_about_is_remarked_on_in_its_place(id_: str, case: tuple[tuple[str, Spec], str, str]) -> None:
    (kind, spec), pointer, words = case
    made = manifest(kind, spec)

    (found,) = [one for one in remarks(made) if one.id == id_]

    assert words in found.message
    assert found.source == made.sources[pointer]
    assert found.address == made.address


@pytest.mark.parametrize("case", RIGHT)
def test_what_is_right_is_not_remarked_on(case: tuple[str, Spec]) -> None:
    assert remarks(manifest(*case)) == []


def test_a_placeholder_of_a_tool_may_have_the_name_of_a_variable() -> None:
    tool = manifest(*called(query_params={"q": "{city}"}, body_template={"a": "{city}"}))

    assert remarks(tool, variables={"city"}) == []


def test_a_prompt_that_has_grown_is_compared_with_the_last_apply() -> None:
    address, was = Address("persona", "a"), "You coach. " * 30
    applied = {address: {"system_prompt": was}}

    (found,) = remarks(manifest(*persona(system_prompt=was * 2 + "More.")), applied=applied)

    assert (found.id, found.message) == ("TV204", "the text is 2.0 times as long as last applied (330 characters)")
    assert remarks(manifest(*persona(system_prompt=was * 2)), applied=applied) == []
    assert (
        remarks(manifest(*persona(system_prompt="A longer one. " * 9)), applied={address: {"system_prompt": "Short."}})
        == []
    )


def test_a_prompt_inside_an_object_that_has_grown_is_compared_too() -> None:
    def slides(prompt: str) -> Spec:
        return {"skills": {"presentation": {"document_ids": [], "prompt": prompt}}}

    applied = {Address("persona", "a"): slides("Show it. " * 30)}

    (found,) = remarks(manifest(*persona(**slides("Show it. " * 61))), applied=applied)

    assert (found.id, found.pointer) == ("TV204", "/skills/presentation/prompt")


def test_the_hundred_and_first_crawl_is_one_too_many() -> None:
    crawled = [
        manifest(*document("https://example.com/", crawl={"depth": 1, "max_pages": 5}), name=f"d{number}")
        for number in range(101)
    ]

    (found,) = remarks(*crawled)

    assert (found.id, found.address) == ("TV253", Address("document", "d100"))
    assert remarks(*crawled[:100]) == []
    assert remarks(*crawled, crawl_limit=101) == []
    assert [one.address.name for one in remarks(*crawled[:4], crawl_limit=2) if one.address] == ["d2"]


@pytest.mark.parametrize(
    ("perception", "origin", "count"),
    [
        ({"perception_model": "off"}, "vision", 1),
        ({"perception_model": "basic"}, "audio", 1),
        ({"perception_model": "off"}, "llm", 0),
        ({"perception_model": "raven-0"}, "vision", 0),
        ({}, "vision", 0),
    ],
)
def test_a_tool_of_the_perception_model_needs_one(perception: Spec, origin: str, count: int) -> None:
    made = manifest(*registry(origin=origin), name="seen")
    coach = manifest(*persona(tool_ids=["end_call", made.address], layers={"perception": perception}), name="coach")

    found = remarks(made, coach)

    assert [(one.id, one.pointer) for one in found] == [("TV229", "/tool_ids/1")] * count


def test_two_guardrails_of_one_name_cannot_be_told_apart() -> None:
    rule = {"guardrail_name": "Calm", "guardrail_prompt": "Stay calm."}
    first, second, other = (
        manifest("guardrail", {**rule, "guardrail_name": name}, name=address)
        for address, name in (("a", "Calm"), ("b", "Calm"), ("c", "Brief"))
    )

    (found,) = remarks(first, second, other)

    assert (found.id, found.address, found.pointer) == ("TV241", Address("guardrail", "b"), "/guardrail_name")
    assert found.message == "`guardrail/a` has the name `Calm`, too"


def test_a_name_in_meetings_belongs_to_one_persona() -> None:
    def named(username: str, address: str) -> Manifest:
        return manifest(*layers(conferencing={"username": username}), name=address)

    (found,) = remarks(named("acme", "a"), named("acme", "b"), named("other", "c"), named("", "d"), named("", "e"))

    assert (found.id, found.address, found.pointer) == (
        "TV281",
        Address("persona", "b"),
        "/layers/conferencing/username",
    )


@pytest.mark.parametrize(
    ("type_", "fault", "hint"),
    [
        ("number of people", "`number of people` is not a type", "known: `array`, `boolean`, `integer`, `null`"),
        ("str", "`str` is not a type", "did you mean `string`?"),
        (3, "3 is not a type", "known: `array`"),
        (["string", "nul"], "`nul` is not a type", "did you mean `null`?"),
        (["string", None], "null without quotes is not a type", 'write `"null"`'),
        (["string", "string"], "`type` lists a type twice, or none", "write each type once"),
        ([], "`type` lists a type twice, or none", "write each type once"),
    ],
)
def test_a_type_that_does_not_exist_is_told_in_plain_words(type_: Any, fault: str, hint: str) -> None:
    parameters = {"type": "object", "properties": {"a": {"type": type_, "description": "A."}}}
    [one] = [one for one in remarks(manifest(*registry(parameters=parameters))) if one.id == "TV211"]
    assert one.message.endswith(f"not valid as JSON Schema: {fault}")
    assert one.hint.startswith(hint)


@pytest.mark.parametrize(
    ("field", "tags", "hints"),
    [
        ("guardrail_tags", ["suport", "support"], ["did you mean `support`?"]),
        ("document_tags", ["prises"], ["did you mean `prices`?"]),
        ("guardrail_tags", ["Support", "suppotr", "supports"], ["did you mean `support`?"] * 3),
        ("guardrail_tags", ["no-returns", "noreturns"], ["did you mean `no returns`?"] * 2),
        ("guardrail_tags", ["prices", "else"], []),
        ("guardrail_tags", ["tier 2", "tier 10", "voice es", "external", "legacy", "no refunds"], []),
        ("document_tags", ["prices", ""], []),
    ],
)
def test_a_tag_that_nearly_exists_is_misspelled(field: str, tags: list[str], hints: list[str]) -> None:
    known = ["support", "tier 1", "voice en", "internal", "legal", "no returns"]
    rule = manifest("guardrail", {"guardrail_name": "Calm", "guardrail_prompt": "Stay calm.", "tags": known})
    others = rule, manifest(*document("https://example.com/", tags=["prices"]))

    found = remarks(*others, manifest(*persona(**{field: tags})))

    assert [one.hint for one in found if one.id == "TV282"] == hints


def test_two_tools_of_one_name_are_one_too_many() -> None:
    first, second = manifest(*registry(), name="a"), manifest(*registry(), name="b")

    (found,) = remarks(first, second)

    assert (found.id, found.address, found.pointer) == ("TV214", Address("tool", "b"), "/name")
    assert remarks(first, manifest(*registry(name="other_tool"), name="b")) == []


def test_a_remark_on_a_prompt_in_a_file_names_the_line_of_the_file() -> None:
    made = manifest(*persona(system_prompt="One.\nTwo\u200b.\n"))

    (found,) = remarks(made, origins={made.address: {"/system_prompt": "manifests/prompts/a.md"}})

    assert found.source == Source("manifests/prompts/a.md", 2, 1)


def test_what_sparrow_overrides_comes_with_what_to_write_instead() -> None:
    stt = {"participant_pause_sensitivity": "high", "participant_interrupt_sensitivity": "low"}
    flow = {"turn_detection_model": "sparrow-1", "replica_interruptibility": "medium"}
    made = manifest(*layers(stt=stt, conversational_flow=flow))

    pause, interrupt = remarks(made)

    below = "/spec/layers"
    assert pause.fix == (
        Edit(made.address, f"{below}/conversational_flow/turn_taking_patience", "set", "low"),
        Edit(made.address, f"{below}/stt/participant_pause_sensitivity", "remove"),
    )
    assert interrupt.fix == (Edit(made.address, f"{below}/stt/participant_interrupt_sensitivity", "remove"),)
    assert "write `layers.conversational_flow.turn_taking_patience: low`" in pause.hint


@pytest.mark.parametrize(
    ("value", "readings"), [("high", "high` or `low`"), ("low", "low` or `high`"), ("superlow", "low` or `high`")]
)
def test_where_the_documentation_says_two_things_nothing_is_decided(value: str, readings: str) -> None:
    stt = {"participant_interrupt_sensitivity": value}

    (alone,) = remarks(manifest(*layers(stt=stt)))
    (beside,) = remarks(manifest(*layers(stt=stt, conversational_flow={"turn_detection_model": "sparrow-1"})))

    for one in (alone, beside):
        assert f"replica_interruptibility: {readings} (the documentation is ambiguous" in one.hint
        assert one.fix == ()


@pytest.mark.parametrize(
    "spec",
    [{"data": None}, {"data": "x"}, {"data": [1, None, []]}, {"layers": []}, {"layers": {"llm": {"tools": [1]}}}],
)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_specs_of_any_shape_are_looked_at_without_harm(kind: str, spec: Spec) -> None:
    assert isinstance(remarks(manifest(kind, spec)), list)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("You coach.", 3),
        ("word " * 100, 100),
        ("12345678", 3),
        ("你是老师", 3),
        ("antidisestablishmentarianism", 4),
    ],
)
def test_tokens_are_about_right(text: str, count: int) -> None:
    assert tokens.estimate_tokens(text) == count


def test_tokens_are_counted_in_linear_time() -> None:
    assert tokens.estimate_tokens("a" * 1_000_000) == round(1 + 999_993 * 0.13)
