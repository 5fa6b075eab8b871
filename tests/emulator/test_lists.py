from __future__ import annotations

import time
from typing import Any

from tests.emulator.harness import KEY, Tavus


def personas(tavus: Tavus, query: str) -> list[str]:
    return [p["persona_name"] for p in tavus.ok("GET", f"/v2/personas?{query}")["data"]]


def test_lists_give_ten_and_page_from_one(tavus: Tavus) -> None:
    for number in range(12):
        tavus.persona(persona_name=f"p{number}")
    own = "persona_type=user"
    assert personas(tavus, own) == [f"p{n}" for n in range(10)]
    assert personas(tavus, f"{own}&page=1") == personas(tavus, own)
    assert personas(tavus, f"{own}&page=2") == ["p10", "p11"]
    assert personas(tavus, f"{own}&page=3") == []
    assert personas(tavus, f"{own}&limit=5&page=2") == [f"p{n}" for n in range(5, 10)]
    assert tavus.ok("GET", f"/v2/personas?{own}&page=3")["total_count"] == 12


def test_stock_personas_come_first_unless_filtered_out(tavus: Tavus) -> None:
    tavus.persona(persona_name="mine")
    everything = personas(tavus, "limit=100")
    assert everything[0] == "Sales Coach"
    assert everything[-1] == "mine"
    assert personas(tavus, "persona_type=user") == ["mine"]
    assert personas(tavus, "persona_type=system&limit=100") == everything[:-1]
    assert tavus.ok("GET", "/v2/personas")["total_count"] == len(everything)


def test_every_page_size_pages_through_the_same_list_in_both_orders(tavus: Tavus) -> None:
    for number in range(5):
        tavus.persona(persona_name=f"p{number}")
    for order in ("ascending", "descending"):
        tavus.switch(list_order=order)
        whole = personas(tavus, "limit=100")
        for limit in (1, 3, 7, 12, 16, 17):
            pages = [personas(tavus, f"limit={limit}&page={page}") for page in range(1, 20)]
            assert [name for page in pages for name in page] == whole, (order, limit)
    assert personas(tavus, "limit=5") == ["p4", "p3", "p2", "p1", "p0"]


def test_an_item_of_a_list_is_what_a_read_shows(tavus: Tavus) -> None:
    ident = tavus.persona(layers={"tts": {"tts_engine": "cartesia", "api_key": "k"}})
    assert tavus.ok("GET", "/v2/personas?persona_type=user")["data"] == [tavus.ok("GET", f"/v2/personas/{ident}")]


def test_a_lagging_list_shows_creations_and_deletions_late(tavus: Tavus) -> None:
    tavus.control("POST", "clock", {"freeze": True})
    tavus.switch(list_lag=30)
    ident = tavus.persona(persona_name="late")
    seen = [personas(tavus, "persona_type=user")]
    assert tavus.call("GET", f"/v2/personas/{ident}").status_code == 200
    tavus.advance(30)
    seen.append(personas(tavus, "persona_type=user"))
    tavus.call("DELETE", f"/v2/personas/{ident}")
    seen.append(personas(tavus, "persona_type=user"))
    tavus.advance(30)
    seen.append(personas(tavus, "persona_type=user"))
    assert seen == [[], ["late"], ["late"], []]


def test_a_greatest_limit_refuses_or_clamps(tavus: Tavus) -> None:
    tavus.switch(max_limit=5)
    refused = tavus.call("GET", "/v2/personas?limit=6")
    assert (refused.status_code, refused.json()) == (400, {"error": "Invalid request: limit must be between 1 and 5"})
    assert len(personas(tavus, "limit=5")) == 5
    tavus.switch(over_limit="clamp")
    assert len(personas(tavus, "limit=100")) == 5


def test_the_total_can_be_absent_or_wrong(tavus: Tavus) -> None:
    def listed() -> Any:
        return tavus.ok("GET", "/v2/personas?limit=3")

    tavus.switch(total_count="wrong")
    assert listed()["total_count"] == 3
    tavus.switch(total_count="absent")
    assert list(listed()) == ["data"]


def test_without_stock_there_is_nothing_but_the_accounts_own(tavus: Tavus) -> None:
    tavus.switch(stock=False)
    assert tavus.ok("GET", "/v2/personas") == {"data": [], "total_count": 0}
    assert tavus.ok("GET", "/v2/replicas") == {"data": [], "total_count": 0}
    assert tavus.call("GET", "/v2/personas/pdced222244b").status_code == 400
    assert (
        tavus.call("POST", "/v2/personas", {"system_prompt": "x", "default_replica_id": "r79e1c033f"}).status_code
        == 400
    )


def test_ten_thousand_personas_are_listed_a_hundred_at_a_time_in_milliseconds(tavus: Tavus) -> None:
    body = {"system_prompt": "x" * 2000, "layers": {"llm": {"model": "tavus-gpt-oss"}}}
    sown = tavus.control(
        "POST", "seed", {KEY: {"personas": [{**body, "persona_name": f"p{n}"} for n in range(10_000)]}}
    )
    assert len(set(sown[KEY]["personas"])) == 10_000
    took = []
    for page in (1, 50, 100):
        start = time.perf_counter()
        assert len(personas(tavus, f"persona_type=user&limit=100&page={page}")) == 100
        took.append(time.perf_counter() - start)
    # A few milliseconds when the machine is idle; the bound only catches a list that reads everything.
    assert min(took) < 0.1
