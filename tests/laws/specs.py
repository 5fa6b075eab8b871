"""Strategies for specs of real kinds and for the three sides of a comparison, for the laws of managed fields.

Values come from small pools, so that two draws are often equal.
"""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from tavusctl import patch
from tavusctl.core.address import Address, Source
from tavusctl.core.binding import Binding
from tavusctl.core.json_tree import map_leaves
from tavusctl.core.model import ABSENT, Desired, Lifecycle, Live
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.diff import applied
from tavusctl.kinds import KINDS
from tavusctl.secrets.values import MASK, Fingerprint, Secret

Body = dict[str, Any]
KEY = b"k" * 32
WORDS = st.sampled_from(["a", "b", "You coach.\nYou are kind.", "ü\n“x”"])
NUMBERS = st.sampled_from([0.5, 1, 2])
TEXTS = st.lists(WORDS, min_size=1, max_size=3)
SETS = st.lists(st.sampled_from(["x", "y", "z"]), min_size=1, max_size=3)
SECRETS = st.sampled_from(["sk-one", "sk-two"]).map(lambda value: Secret(value, KEY))
FREE = st.dictionaries(st.sampled_from(["top_p", "stop", "n"]), NUMBERS | TEXTS, min_size=1, max_size=3)


def some(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Body]:
    """An object with any subset of these members."""
    return st.fixed_dictionaries({}, optional=members)


def named(key: str, item: st.SearchStrategy[Body]) -> st.SearchStrategy[list[Body]]:
    """A list of items with different names; `key` is the path of the name, with dots between its keys."""
    names = st.lists(st.sampled_from(["one", "two", "three"]), min_size=1, max_size=3, unique=True)
    items = st.lists(item, min_size=3, max_size=3)
    return st.builds(
        lambda some_names, bodies: [_name(b, key, n) for n, b in zip(some_names, bodies, strict=False)], names, items
    )


def _name(item: Body, key: str, name: str) -> Body:
    outer, _, inner = key.rpartition(".")
    return {**item, outer: {**item.get(outer, {}), inner: name}} if outer else {**item, inner: name}


TOOLS = named("function.name", some(type=st.just("function"), function=some(description=WORDS, parameters=FREE)))
PERSONA: dict[str, st.SearchStrategy[Any]] = {
    "persona_name": WORDS,
    "system_prompt": WORDS,
    "document_ids": SETS,
    "guardrails_id": st.sampled_from([Address("guardrails", "house"), "g1234"]),
    "layers": some(
        tts=some(
            api_key=SECRETS,
            tts_engine=st.sampled_from(["cartesia", "elevenlabs"]),
            tts_emotion_control=st.sampled_from([True, "true", False]),
            voice_settings=some(speed=NUMBERS, stability=NUMBERS, emotion=TEXTS),
        ),
        llm=some(model=WORDS, api_key=SECRETS, headers=some(auth=SECRETS), tools=TOOLS, extra_body=FREE),
        stt=some(hotwords=st.sampled_from(["Acme, SKU", ["Acme", "SKU"], ["Acme"]])),
        perception=some(visual_awareness_queries=TEXTS),
    ),
}
GOAL = some(
    objective_prompt=WORDS,
    output_variables=TEXTS,
    next_required_objectives=st.lists(st.sampled_from(["one", "two"]), min_size=1, max_size=2),
    next_conditional_objectives=some(one=WORDS, two=WORDS),
)
RULE = some(guardrail_prompt=WORDS, modality=st.sampled_from(["verbal", "visual"]), tags=SETS)
SPECS: dict[str, st.SearchStrategy[Body]] = {
    "persona": some(**PERSONA),
    "objectives": some(name=WORDS, data=named("objective_name", GOAL)),
    "guardrails": some(name=WORDS, data=named("guardrail_name", RULE)),
}


def desired(kind: str, spec: Body, *ignored: str) -> Desired:
    address = Address(kind, "it")
    return Desired(address, spec, Source("it.yaml", 1, 1), Lifecycle(ignore_changes=ignored), kind=KINDS[kind])


def live(kind: str, body: Body) -> Live:
    """A live object; values that the API masks in responses are pinned."""
    return Live(KINDS[kind], "id", as_read(KINDS[kind], copy.deepcopy(body)))


def as_read(kind: ResourceKind, value: Any, path: tuple[str, ...] = ()) -> Any:
    if isinstance(value, dict):
        return {key: as_read(kind, item, (*path, key)) for key, item in value.items()}
    return patch.Pinned(MASK) if isinstance(value, Secret) and kind.field_at(path).masked else value


def bound(kind: str, base: Body | None) -> Binding | None:
    return None if base is None else Binding(Address(kind, "it"), "id", applied(desired(kind, base)))


def plain(value: Any) -> Any:
    """A value whose engine leaves (addresses, secrets ...) are replaced by texts that no ordinary text equals."""

    def as_text(leaf: Any) -> Any:
        if isinstance(leaf, Address | Secret | Fingerprint | patch.Pinned):
            return f"<{type(leaf).__name__} {leaf.fingerprint if isinstance(leaf, Secret) else leaf}>"
        return leaf

    return map_leaves(value, as_text)


def member(body: Any, pointer: str) -> Any:
    for key in patch.split(pointer):
        body = body.get(key, ABSENT) if isinstance(body, dict) else ABSENT
    return body


# Leaves of which no two different values are equivalent, so that a law can predict the comparison.
FIXED: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "persona": {
        "/persona_name": WORDS,
        "/layers/tts/voice_settings/speed": NUMBERS,
        "/layers/tts/external_voice_id": WORDS,
        "/layers/llm/extra_body/top_p": NUMBERS,
        "/layers/llm/headers/auth": SECRETS,
        "/layers/stt/hotwords": WORDS,
    },
    "objectives": {
        "/name": WORDS,
        "/data": st.lists(WORDS, min_size=1).map(lambda words: [{"objective_name": w} for w in words]),
    },
    "guardrails": {
        "/name": WORDS,
        "/data": st.lists(WORDS, min_size=1).map(lambda words: [{"guardrail_name": w} for w in words]),
    },
}


def nested(values: Body) -> Body:
    """A document from its values by pointer."""
    document: Body = {}
    for pointer, value in values.items():
        *parents, key = patch.split(pointer)
        container = document
        for parent in parents:
            container = container.setdefault(parent, {})
        container[key] = value
    return document


def fixed(kind: str) -> st.SearchStrategy[Body]:
    return st.fixed_dictionaries(FIXED[kind])
