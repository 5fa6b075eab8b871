"""Plans that together contain every action, cause and shape of a change; their reports are golden files.

`python -m tests.golden.plans` writes the files again; read the difference before you commit it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from tavusctl import __version__, patch
from tavusctl.core.address import Address, Source
from tavusctl.core.binding import Binding
from tavusctl.core.diagnostics import Blame, Diagnostic, Severity
from tavusctl.core.model import (
    ABSENT,
    Action,
    Cause,
    Change,
    Desired,
    Drift,
    FieldChange,
    Live,
    Move,
    Outcome,
    Pending,
    Plan,
    Refusal,
    Status,
)
from tavusctl.core.project_settings import Limit
from tavusctl.kinds import KINDS
from tavusctl.reports.formats import REPORTS, Report
from tavusctl.secrets.values import Secret

FOLDER = Path(__file__).parent / "reports"
SUFFIXES = {"text": "txt", "markdown": "md", "json": "json", "html": "html"}

PROMPT = """You are Sabrina, a dynamic sales coach.

You give advice that is grounded in experience.
You ask one question at a time, and you wait for the answer.

When somebody is discouraged, you tell a short story of your own.

You never promise a discount.
You end every call with one thing to try.
"""
EDITED = """You are Sabrina, a patient sales coach.

When somebody is discouraged, you tell a short story of your own.

You never promise a discount.
You give advice that is grounded in experience.
You ask one question at a time, and you wait for the answer.
You say when you do not know.
"""

# One text with every sequence that a report format could execute, take for an end of a block, or misread.
HOSTILE = "\n".join(
    [
        "\x1b[2J\x1b]0;title\x07\x9b1m terminal, \u202e turned, a\u200bb hidden, \r back",
        "::set-output name=x::y",
        "  ::add-mask::x",
        "x ##[error]forged",
        "##[group]forged",
        "```",
        "`````",
        "~~~",
        "</details></summary></code></pre>",
        "<!-- tavusctl:acme/prod --> -->",
        "<script>alert(1)</script><img src=x onerror=alert(1)><svg onload=alert(1)>",
        "![image](https://evil.example/x.png) [link](javascript:alert(1)) <https://evil.example>",
        "https://evil.example/autolink www.evil.example @team @org/team #1 GH-1 owner/repo#1 :tada:",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709 | a | table |",
        "|---|---|---|",
        "# heading",
        "> [!CAUTION]",
        "- [x] list",
        "Plan: 0 to create, 0 to update, 0 to replace, 0 to delete",
        "&lt;b&gt; {{ 7*7 }} {% raw %} ${ref:persona/x} \u2028 \u2029 \ud800 end",
        "x" * 300,
    ]
)


DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
WRITTEN = (
    Blame(Source("manifests/prompts/coach.md", 1, 1), "91" * 20, "Grace", DAY, "A coach", overridden=True),
    Blame(Source("manifests/prompts/coach.md", 7, 1), "5e" * 20, "Ada", DAY, "A warmer coach"),
)
OLD = (Blame(Source("manifests/persona/drifted.yaml", 5, 1), "7a" * 20, "Grace", DAY, "Greeting", at_least=True),)


def field(path: str, live: Any, desired: Any, cause: Cause = Cause.EDITED, **more: Any) -> FieldChange:
    return FieldChange(path, cause, more.pop("base", live), live, desired, **more)


def change(action: Action, address: str, *fields: FieldChange, cause: Cause = Cause.EDITED, **more: Any) -> Change:
    kind = KINDS[address.split("/", maxsplit=1)[0]]
    source = Source(f"manifests/{address}.yaml", 3, 1)
    known_live: dict[str, dict[str, Any]] = {"persona": {"persona_name": "Coach"}, "objectives": {"data": GOALS}}
    live = known_live.get(kind.name, {})
    spec = {**live, **{one.path[1:]: one.desired for one in fields if one.path.count("/") == 1}}
    desired = Desired(Address.parse(address), spec, source, kind=kind)
    here = Live(kind, "x1", dict(live)) if action is not Action.CREATE else None
    defaults: dict[str, Any] = {
        "remote_id": "" if action is Action.CREATE else "x1",
        "source": source,
        "desired": None if action in (Action.DELETE, Action.FORGET, Action.RETIRE) else desired,
        "live": here,
    }
    return Change(action, cause, Address.parse(address), fields=fields, **{**defaults, **more})


def tool(name: str, description: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": description}}


GOALS: list[dict[str, Any]] = [
    {"objective_name": "greet", "objective_prompt": "Say hello.", "next_required_objectives": ["ask"]},
    {
        "objective_name": "ask",
        "objective_prompt": "Ask for the role.",
        "next_conditional_objectives": {"end": "if busy"},
    },
    {"objective_name": "end", "objective_prompt": "Say goodbye."},
]
NEW_GOALS = [
    GOALS[0],
    {**GOALS[1], "next_conditional_objectives": {"end": "if in a hurry", "help": "otherwise"}},
    {"objective_name": "help", "objective_prompt": "Offer help.", "next_required_objectives": ["end"]},
    GOALS[2],
]

UPDATE = change(
    Action.UPDATE,
    "persona/coach",
    field("/layers/llm/api_key", ABSENT, Secret("canary-of-the-plans", b"k"), sensitive=True),
    field("/layers/llm/base_url", "https://llm.example.com/v1", "https://llm.other.example/v1"),
    field(
        "/layers/llm/tools",
        [tool("book", "Books."), tool("look", "Looks.")],
        [tool("look", "Sees."), tool("hang_up", "Ends.")],
    ),
    field("/layers/stt/hotwords", "a, b", ["a", "b", "c"]),
    field("/persona_name", "Coach", "Sales coach"),
    field("/system_prompt", PROMPT, EDITED, blame=WRITTEN),
)
GOAL_SET = change(
    Action.UPDATE,
    "objectives/call",
    field("/data", GOALS, NEW_GOALS),
    affects=("persona/coach", "persona/one", "persona/two", "persona p99 (Somebody else's)"),
)
RESTORE = change(
    Action.UPDATE,
    "persona/drifted",
    field("/greeting", "Theirs", "Ours", Cause.DRIFTED, blame=OLD),
    cause=Cause.DRIFTED,
)
CREATE = change(
    Action.CREATE,
    "persona/new",
    field("/persona_name", ABSENT, "New"),
    field("/system_prompt", ABSENT, PROMPT),
    field("/document_tags", ABSENT, ["sales", "service"]),
    cause=Cause.NEW,
)
REPLACE = change(
    Action.REPLACE,
    "document/prices",
    field("/document_url", "https://a.example/old.pdf", "https://b.example/new.pdf"),
    reason="/document_url cannot be changed in place",
    affects=("persona/coach",),
)
POINTED = change(
    Action.UPDATE,
    "persona/reader",
    field("/document_ids/0", "d1", Address("document", "prices")),
    waits_for=(Address("document", "prices"),),
    reason="points to the new document/prices",
)
EVERY = Plan(
    (
        CREATE,
        UPDATE,
        GOAL_SET,
        RESTORE,
        REPLACE,
        POINTED,
        change(
            Action.ADOPT, "guardrails/safe", field("/name", "safe", "Safe"), cause=Cause.NEW, reason="takes over g1"
        ),
        change(Action.RECRAWL, "document/help", cause=Cause.DUE, reason="last crawled 25 h ago"),
        change(Action.FORGET, "persona/left", cause=Cause.ORPHANED, reason="on_remove: retain"),
        change(Action.UNPROTECT, "persona/kept", reason="lifecycle.prevent_destroy: true -> false"),
        change(Action.CREATE, "persona/lost", cause=Cause.DRIFTED, reason="p7 was deleted in the account"),
        change(Action.DELETE, "guardrails/gone", cause=Cause.ORPHANED, reason="manifest removed"),
        change(Action.DELETE, "objectives/gone", cause=Cause.ASKED, reason="destroy was requested"),
        change(Action.RETIRE, "document/prices", reason="the old version, once nothing refers to it"),
    ),
    drift=(
        Drift(RESTORE.address, "x1", Cause.DRIFTED, RESTORE.fields, KINDS["persona"]),
        Drift(
            UPDATE.address, "x1", Cause.DRIFTED, (field("/greeting", "Theirs", "Ours", base="Ours"),), KINDS["persona"]
        ),
    ),
    moves=(Move(Address("persona", "old"), Address("persona", "renamed"), "p5"),),
    settled=(Binding(Address("persona", "agreed"), "p6"), Binding(UPDATE.address, "x1")),
    settings=("keys", "account", "safety", "reads"),
    recovered=True,
    warnings=(
        Diagnostic("TV301", "document/old: the old version d0 is kept", None, "", None, Severity.WARNING),
        Diagnostic("TV233", "a circle", Source("manifests/o.yaml", 4, 1), "leave", None, Severity.WARNING),
        Diagnostic("TV105", "about a file", Source("manifests/a.yaml", 1, 1), "", None, Severity.WARNING),
    ),
    no_op=7,
    environment="staging",
    account="acme",
    fingerprint="sha256:" + "5e" * 32,
    base="main",
    pending=(Pending(RESTORE.address, ("/greeting",)), Pending(CREATE.address, whole=True)),
    limits=(Limit("safety.max_deletes", 5, 50),),
    targets=tuple(Address("persona", name) for name in ("coach", "kept", "left", "lost")),
)
CONFLICT = change(
    Action.UPDATE,
    "persona/both",
    field("/persona_name", "Theirs", "Ours", Cause.BOTH, base="Was", blame=OLD),
    field("/system_prompt", PROMPT.replace("dynamic", "strict"), EDITED, Cause.BOTH, base=PROMPT),
    cause=Cause.BOTH,
)
REFUSED = replace(
    EVERY,
    steps=(),
    drift=(),
    moves=(),
    settled=(),
    settings=(),
    recovered=True,
    running="process 12 on build_1 (tavusctl apply), for 3s",
    pending=(),
    base="",
    refused=(
        Refusal(CONFLICT, "E301", 3, "/persona_name was changed in both", "apply --overwrite persona/both"),
        Refusal(replace(CREATE, rivals=("p1", "p2")), "E401", 4, "the account has this name already: p1, p2"),
    ),
)


def hostile(text: str) -> Plan:
    """A plan with one untrusted text in every field that can hold such a text."""
    values: list[Any] = [text, ABSENT, [{"name": text}], [text, text], {text: text}, text + " other", text]
    blames = (
        Blame(Source(text, 1, 1), "5e" * 20, text, DAY, text),
        Blame(Source(text, 2, 1), "5e" * 20, text, DAY, text, overridden=True),
    )
    fields = [field(patch.join(("layers", text)), a, b, blame=blames) for a, b in pairwise(values)]
    goals = [{"objective_name": text, "objective_prompt": text, "next_conditional_objectives": {text + "2": text}}]
    changes = [
        change(
            action, "persona/coach", *fields, remote_id=text, reason=text, affects=(text,), source=Source(text, 1, 1)
        )
        for action in (Action.UPDATE, Action.CREATE, Action.DELETE)
    ]
    flow = change(Action.UPDATE, "objectives/call", field("/data", GOALS, goals))
    url = change(Action.UPDATE, "persona/sends", field("/callback_url", "", f"https://x.example/{text}"))
    clash = field("/x", text, text * 2, Cause.BOTH, base="a", blame=blames)
    both = change(Action.UPDATE, "persona/both", clash, cause=Cause.BOTH)
    return Plan(
        (*changes, flow, url),
        drift=(
            Drift(Address("persona", "coach"), text, Cause.DRIFTED, tuple(fields)),
            Drift(Address("persona", "gone"), text, Cause.MISSING),
        ),
        refused=(Refusal(both, "E301", 3, text, text),),
        warnings=(
            Diagnostic("TV1", text, Source(text, 1, 9), text, None, Severity.WARNING, text),
            Diagnostic("TV2", text),
        ),
        environment=text,
        account=text,
        fingerprint="sha256:00",
        base=text,
        pending=(Pending(Address("persona", "coach"), (text,)),),
    )


OUTCOMES = [
    *(
        Outcome(step, status, "x1", reason)
        for step, status, reason in zip(
            EVERY.steps,
            Status,
            ["", "the server said no", "no answer came", "it needs document/prices", "not due"],
            strict=False,
        )
    ),
    Outcome(Change(Action.WAIT, Cause.DUE, Address("document", "slow"), "d9"), Status.DONE, "d9", "ready"),
]
COMPLAINTS = [
    Diagnostic("TV104", "expected a list", Source("manifests/a.yaml", 3, 7), "write [x]", excerpt="  key: x"),
    Diagnostic("TV105", "an old spelling", Source("manifests/b.yaml", 1, 1), "", None, Severity.WARNING),
]
NASTY = change(
    Action.UPDATE, "persona/coach", field("/system_prompt", "Hello.", HOSTILE), field("/greeting", HOSTILE, "x")
)
PLANS = {
    "every": EVERY,
    "empty": Plan(no_op=1, key_source="TAVUS_API_KEY", fingerprint="sha256:00"),
    "refused": REFUSED,
    "hostile": Plan((NASTY,), fingerprint="sha256:00"),
}


def settled(name: str, report: str) -> str:
    """A report without colours and version; of an HTML page, only the body without scripts and drawings."""
    if name == "html":
        report = re.sub(r"(?s)^.*?<body>\n|<script>.*", "", report)
        report = re.sub(r"(?s)<svg .*?</svg>", "<svg></svg>", report)
    return click.unstyle(report).replace(f'"{__version__}"', '"0"')


def golden() -> Iterator[tuple[str, str]]:
    """The name and the content of each golden file."""
    for name, suffix in SUFFIXES.items():
        report: Report = REPORTS[name]
        for title, plan in PLANS.items():
            yield f"{title}.{suffix}", settled(name, report.plan(plan))
        drift = (*EVERY.drift, Drift(Address("document", "lost"), "d1", Cause.MISSING, kind=KINDS["document"]))
        yield f"drift.{suffix}", settled(name, report.drift(EVERY, drift))
        yield f"outcomes.{suffix}", settled(name, report.outcomes(EVERY, OUTCOMES))
        yield f"complaints.{suffix}", settled(name, report.diagnostics(COMPLAINTS))


if __name__ == "__main__":
    for file, content in golden():
        (FOLDER / file).write_text(content, "utf-8")
