"""Weeks of hourly jobs on the account's own clock, and what the account saw of them.

The job is late, doubled, skipped and run by two machines at once; a person crawls by hand; answers get lost; and the
clock of this machine is months ahead of the account's.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tavusctl.api import Client
from tavusctl.core.address import Address
from tavusctl.core.model import Recrawl
from tavusctl.crawl import runner, schedule
from tavusctl.crawl.runner import ThrottleOptions
from tavusctl.crawl.status import Status, Target
from tavusctl.kinds.document import DOCUMENT
from tests.history.__main__ import shown
from tests.history.events import Begin, End, Outcome
from tests.history.recorder import Recorder
from tests.history.rules import judge
from tests.scenarios.project import Account, Body

BEGIN = datetime.fromisoformat("2026-01-05T00:00:00+00:00")
SCHEDULES = [Recrawl(every=86400.0)] * 26 + [Recrawl(cron="0 3 * * *", timezone="Europe/Berlin")] * 8
SCHEDULES += [Recrawl(every=6 * 3600.0)] * 5 + [
    Recrawl(every=1800.0)
]  # the last cannot be kept: the cooldown is longer
OURS = 4  # crawls at once at most, with one slot left for people
HOUR = 3600.0


SCALE = 20  # a call takes that much longer over the Internet than here, so pauses are shortened by it


class Clock:
    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / SCALE)


@dataclass
class Weeks:
    """A simulation under way."""

    account: Account
    http: httpx.Client
    chance: random.Random
    targets: list[Target]
    clients: list[Client]
    recorder: Recorder
    now: float = 0.0  # seconds since BEGIN
    runs: int = 0
    unknown: int = 0
    idle: list[str] = field(default_factory=list)  # due documents that were left although there was a slot

    def control(self, method: str, verb: str, body: Any = None) -> Body:
        headers = {"content-type": "application/json"}
        answer = self.http.request(method, f"{self.account.url}/__emulator/{verb}", json=body, headers=headers)
        document: Body = answer.raise_for_status().json()
        return document

    def pass_time(self, until: float) -> None:
        if until > self.now:
            self.control("POST", "clock", {"advance": until - self.now})
            self.now = until

    def job(self, machines: int) -> None:
        """Machines that run the job at the same moment."""
        seeds = [self.chance.getrandbits(32) for _ in range(machines)]

        def run(client: Client, seed: int) -> runner.RecrawlResult:
            return runner.run(
                client,
                DOCUMENT,
                self.targets,
                Clock(),
                throttle=ThrottleOptions(seed=seed, spread=4.0 if machines > 1 else 0.0),
            )

        who = f"job {self.runs}"
        self.recorder.sync("")
        self.recorder.events.append(Begin(who, "project", "state", "recrawl"))
        with ThreadPoolExecutor(machines) as pool:
            results = list(pool.map(run, self.clients[:machines], seeds))
        self.recorder.sync(who)
        entries = [entry for one in results for entry in one.entries]
        outcomes = [Outcome(str(e.address), "recrawl", str(e.status), e.remote_id) for e in entries]
        self.recorder.events.append(End(who, 0, tuple(one for one in outcomes if one.status == "done")))
        self.runs += machines
        unknown = {e.remote_id for one in results for e in one.entries if e.status is Status.UNKNOWN}
        self.unknown += len(unknown)
        self._look_for_idleness(unknown)

    def person(self) -> None:
        """Somebody crawls what they please by hand, and does not look at limits before."""
        target = self.chance.choice(self.targets)
        with contextlib.suppress(httpx.HTTPError):
            url = f"{self.account.url}/v2/documents/{target.remote_id}/recrawl"
            self.http.post(url, headers={"x-api-key": self.account.key})

    def _look_for_idleness(self, unknown: set[str]) -> None:
        listed = self.control("GET", f"objects?account={self.account.key}&kind=documents")["objects"]
        documents = {one["id"]: one["document"] for one in listed}
        running = [one for one in documents.values() if one["status"] not in ("ready", "error")]
        if len(running) >= OURS:
            return
        moment = BEGIN + timedelta(seconds=self.now)
        for target in self.targets:
            document = documents[target.remote_id]
            if (
                document["status"] == "ready"
                and target.remote_id not in unknown
                and self._is_due(target, document, moment)
            ):
                self.idle.append(f"{moment} {target.address} {document['last_crawled_at']}")

    def _is_due(self, target: Target, document: Body, moment: datetime) -> bool:
        last = datetime.fromisoformat(document["last_crawled_at"])
        assert target.recrawl is not None
        return moment >= max(schedule.due_from(target.recrawl, last), last + timedelta(seconds=3660))


def plan_of(weeks: float, chance: random.Random) -> Iterator[tuple[float, str]]:
    """What happens when: an hourly job that is late by up to two hours, doubled or skipped, and a person."""
    for hour in range(int(weeks * 168)):
        nominal = hour * HOUR + 7 * 60
        if chance.random() < 0.15:
            yield chance.uniform(nominal, nominal + HOUR), "person"
        if chance.random() < 0.1 or 200 <= hour < 212:  # half a day without a single run
            continue
        moment = nominal + (chance.uniform(0, 2 * HOUR) if chance.random() < 0.3 else chance.uniform(0, 300))
        yield moment, "pair" if chance.random() < 0.12 else "single"
        if chance.random() < 0.25:  # the other machine, or the same job started again
            yield moment + chance.uniform(1, 120), "single"


@contextlib.contextmanager
def account_of_forty(account: Account, seed: int) -> Iterator[Weeks]:
    account.control("POST", "clock", {"set": BEGIN.isoformat(), "freeze": True})
    bodies: list[Body] = [
        {"document_url": f"https://docs.example.com/{index}", "crawl": {"depth": 2, "max_pages": 20}}
        for index in range(len(SCHEDULES))
    ]
    ids = account.seed(documents=bodies)["documents"]
    targets = [
        Target(Address("document", f"site-{index}"), remote_id, SCHEDULES[index]) for index, remote_id in enumerate(ids)
    ]
    with Client(account.url, account.key) as one, Client(account.url, account.key) as other, httpx.Client() as http:
        bound = {f"document/site-{index}": id_ for index, id_ in enumerate(ids)}
        resources = {address: {"remote_id": id_} for address, id_ in bound.items()}
        recorder = Recorder(account, lambda: {"resources": resources}, lambda: bound, dict)
        recorder.begin()
        yield Weeks(account, http, random.Random(seed), targets, [one, other], recorder)


def live_through(weeks: Weeks, length: float, *, person: bool) -> None:
    for moment, what in sorted(plan_of(length, weeks.chance)):
        weeks.pass_time(moment)
        weeks.control("PUT", "switches", {"processing_seconds": weeks.chance.choice([60, 300, 600, 900])})
        if what != "person":
            weeks.job(2 if what == "pair" else 1)
        elif person:
            weeks.person()
    weeks.pass_time(weeks.now + HOUR)


@dataclass
class Seen:
    """What the account saw of it."""

    days: float
    runs: int
    starts: list[Body]  # crawls that were begun
    posts: list[Body]  # our requests for one
    gaps: dict[str, list[float]]  # seconds from one start to the next, by document

    @property
    def crowd(self) -> int:
        return max(int(one["running_crawls"]) for one in self.starts)

    @property
    def refused(self) -> int:
        return sum(1 for one in self.posts if one["status"] in (409, 429))

    @property
    def shortest(self) -> float:
        return min(min(found) for found in self.gaps.values())

    def __str__(self) -> str:
        daily = sorted(gap / HOUR for found in list(self.gaps.values())[:26] for gap in found)
        lost = sum(1 for one in self.posts if one["fault"])
        return (
            f"recrawl over {self.days:.0f} days, {len(self.gaps)} documents: {self.runs} runs, {len(self.starts)} "
            f"crawls, at most {self.crowd} at once; {len(self.posts)} requests, {lost} of them lost, {self.refused} "
            f"refused ({self.refused / len(self.posts):.1%}); every 24 h means after {daily[len(daily) // 2]:.1f} h "
            f"(median), {daily[-1]:.1f} h (longest); a document at most every {self.shortest / 60:.0f} min"
        )


def seen(weeks: Weeks, since: int) -> Seen:
    account = weeks.account
    mutations = account.control("GET", f"mutations?since={since}")["mutations"]
    starts = [one for one in mutations if one["action"] == "recrawl"]
    moments = {target.remote_id: [BEGIN] for target in weeks.targets}
    for one in starts:
        moments[one["id"]].append(datetime.fromisoformat(one["time"]))
    return Seen(
        weeks.now / 86400,
        weeks.runs,
        starts,
        [one for one in account.writes if one["user_agent"].startswith("tavusctl/")],
        {key: [(b - a).total_seconds() for a, b in pairwise(found)] for key, found in moments.items()},
    )


def judged(weeks: Weeks) -> Counter[str]:
    """The whole history by the rules; how often each has looked."""
    weeks.recorder.sync("")
    verdict = judge(weeks.recorder.events)
    assert not verdict.violations, shown(verdict, weeks.recorder.events)
    return verdict.looked


def newest(account: Account) -> int:
    return max((int(one["seq"]) for one in account.control("GET", "mutations")["mutations"]), default=0)


def live_and_judge(
    weeks: Weeks, length: float, since: int, capsys: pytest.CaptureFixture[str], *, person: bool
) -> Seen:
    live_through(weeks, length, person=person)
    found = seen(weeks, since)
    looked = judged(weeks)
    with capsys.disabled():
        print(f"\n{found}; looked: {dict(looked)}")  # noqa: T201 - the figures are what this is about
    assert looked["no-stranger"] > 0
    assert looked["done-is-done"] > 0
    assert weeks.idle == []
    assert found.crowd <= 5
    return found


@pytest.mark.sweep
def test_two_weeks_of_an_unreliable_job(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    since = newest(account)
    losses: list[dict[str, Any]] = [
        {"kind": "drop", "phase": "after", "probability": 0.03, "seed": 1},
        {"kind": "status", "phase": "after", "probability": 0.02, "seed": 2},
        {"kind": "reset", "phase": "before", "probability": 0.02, "seed": 3},
    ]
    for rule in losses:
        account.fault(match="POST /v2/documents/*/recrawl", times=None, **rule)
    with account_of_forty(account, seed=7) as weeks:
        found = live_and_judge(weeks, 2, since, capsys, person=True)
    assert found.shortest >= HOUR
    assert found.refused <= 0.01 * len(found.posts)


@pytest.mark.sweep
def test_the_limits_are_kept_even_where_the_account_does_not_enforce_them(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    since = newest(account)
    account.switch(crawl_cooldown=0, crawls_at_once=None)
    with account_of_forty(account, seed=11) as weeks:
        found = live_and_judge(weeks, 1, since, capsys, person=False)
    assert weeks.unknown == 0
    assert found.shortest >= HOUR + 60
