"""Random requests against the contract of the API: every answer has a documented status, media type and shape.

contract.json holds the facts of the API as OpenAPI, without prose.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.emulator.harness import KEY, Tavus, emulated

CONTRACT = schemathesis.openapi.from_path(Path(__file__).parent / "contract.json")
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
SEED = {
    "personas": [{"id": "pcb7a34da5fe", "layers": {"llm": {}, "tts": {}, "stt": {}, "perception": {}}}],
    "replicas": [{"id": "rfe12d8b9597a"}],
    "documents": [{"id": "d8-5c71baca86fc", "crawl": {"depth": 1, "max_pages": 2}}],
    "guardrails": [{"id": "g7771e9a453db", "data": [{"guardrail_name": "a", "guardrail_prompt": "A"}]}],
    "objectives": [{"id": "oedf785c7fd25", "data": [{"objective_name": "a", "objective_prompt": "A"}]}],
    "conversations": [{"id": "ca4301628cb9", "status": "active"}],
}
IDS = {
    "persona_id": "pcb7a34da5fe",
    "replica_id": "rfe12d8b9597a",
    "document_id": "d8-5c71baca86fc",
    "guardrails_id": "g7771e9a453db",
    "objectives_id": "oedf785c7fd25",
    "conversation_id": "ca4301628cb9",
}


@pytest.fixture(scope="module")
def shared() -> Iterator[Tavus]:
    with emulated() as tavus:
        yield tavus


def check(case: schemathesis.Case[Any], tavus: Tavus) -> None:
    case.call_and_validate(base_url=tavus.url, headers={"x-api-key": KEY}, checks=CHECKS)


@pytest.mark.sampled(8)
@CONTRACT.parametrize()
@EXAMPLES
def test_answers_keep_to_the_contract(case: schemathesis.Case[Any], shared: Tavus) -> None:
    check(case, shared)


@pytest.mark.sampled(6)
@CONTRACT.include(path_regex=r"\{").parametrize()
@EXAMPLES
def test_answers_about_what_exists_keep_to_the_contract(case: schemathesis.Case[Any], shared: Tavus) -> None:
    # Deletions and endings of earlier examples are undone.
    shared.control("POST", "seed", {KEY: SEED})
    case.path_parameters = {name: IDS[name] for name in case.path_parameters}
    check(case, shared)


def test_every_operation_of_the_contract_is_served(tavus: Tavus) -> None:
    tavus.control("POST", "seed", {KEY: SEED})
    operations = [result.ok() for result in CONTRACT.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) == 31
    for operation in operations:
        response = tavus.call(operation.method.upper(), operation.path.format(**IDS))
        assert response.status_code != 405, operation.label
        assert b"Not Found" not in response.content, operation.label
