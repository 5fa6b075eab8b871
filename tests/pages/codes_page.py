"""The pages of exit codes and of environment variables."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tavusctl.core import errors
from tests.house.tree import files
from tests.pages.markdown import cell, table

# The meaning of each exit code for users, and what to do; `test_reference.py` compares this table with the code.
CODES = {
    0: ("Done, or nothing to do.", ""),
    1: ("A defect of tavusctl.", "Report it, with what `TAVUSCTL_DEBUG=1` prints."),
    2: (
        "Changes or drift (with `--detailed-exitcode`), an untidy file (`fmt --check`), or old ids (`output --check`).",
        "Check them. This is not an error.",
    ),
    3: (
        "A conflict: somebody changed the account meanwhile. Or unpublished edits in PAL Maker, or a stale plan file.",
        "Plan again. [Settle a conflict](../how-to/settle-a-conflict.md).",
    ),
    4: (
        "A safety rule or a quota does not allow a change.",
        "Do what the message says; if an option allows the change, it names that option.",
    ),
    5: (
        "Partly applied: the API refused a step, or stored other values than were sent.",
        "Read the outcomes, then apply again.",
    ),
    6: (
        "It is unknown whether a call was carried out.",
        "Run the same command again: it reads the account before it repeats a call.",
    ),
    7: (
        "Another run holds the lock, or has taken it over.",
        "Wait, or `--lock-timeout 10m`. If that run is dead: `state unlock ID`.",
    ),
    8: ("The API key is missing or refused.", "`tavusctl doctor` says which key was used."),
    9: (
        "The state or the plan file cannot be used, or belongs to another account.",
        "Do what the message says. If steps were carried out, they are listed, and the next run continues.",
    ),
    10: ("Manifests or the project file are invalid.", "`tavusctl validate` lists everything with file and line."),
    11: ("The API cannot be reached, or its response is invalid.", "`tavusctl doctor`; try again later."),
    12: (
        "The command line is invalid, or does not fit the project (`doctor` also reports that).",
        "`tavusctl COMMAND --help`",
    ),
    129: ("The terminal was closed (SIGHUP).", "Run the same command again: it continues where this one ended."),
    130: ("Interrupted with Ctrl-C (SIGINT).", "As above."),
    143: ("Terminated (SIGTERM).", "As above."),
}
EXIT_CODES = """\
# Exit codes

A program or a workflow can decide by these codes. They do not change. If several things went wrong, the worst
decides, in this order: {worst}.
"""
# Environment variables that the code reads, and their effect; `test_reference.py` compares this table with the code.
VARIABLES = {
    "TAVUS_API_KEY": "The API key. `api_key_env` of an environment names another variable.",
    "TAVUS_API_KEY_FILE": "A file that contains the API key.",
    "TAVUS_API_KEY_OLD": "The key before a [rotation](../how-to/rotate-a-key.md); `NAME_OLD` with `api_key_env: NAME`.",
    "TAVUS_BASE_URL": "The URL of the API; `https://tavusapi.com` by default.",
    "TAVUSCTL_ENV": "The environment, as `--env` names it.",
    "TAVUSCTL_FINGERPRINT_KEY": "A secret of 20 characters or more that opens the state beside any API key.",
    "TAVUSCTL_LOCAL_STATE": "`1` allows a state in a local file on a CI machine that keeps its files.",
    "TAVUSCTL_SETTLE": "Seconds after which a listing shows the object of a create without a response; 120 by default.",
    "TAVUSCTL_MAX_WAIT": "The longest pause between two attempts of a call, in seconds; 120 by default.",
    "TAVUSCTL_PARALLEL": "The largest number of calls at the same time; 10 by default, 32 at most.",
    "TAVUSCTL_RATE": "The largest number of calls that begin in a second; no limit by default.",
    "TAVUSCTL_LOCK_LEASE": "Seconds that a lock in a shared store lasts without a heartbeat.",
    "TAVUSCTL_LOCK_HEARTBEAT": "Seconds between two heartbeats of a lock.",
    "TAVUSCTL_DEBUG": "`1` prints the traceback of a defect.",
    "TAVUSCTL_COMMENT": "`--comment` of `tavusctl github`; the action sets it.",
    "TAVUSCTL_ONE_COMMENT": "`--one-comment` of `tavusctl github`; set by the workflows of a project with several "
    "environments.",
    "TAVUSCTL_ARGS": "Arguments of the action's command; the action sets it.",
}
INTERNAL = {"TAVUSCTL_TEST_SOURCES"}  # for the tests of tavusctl
OTHERS = (
    ("`NO_COLOR`", "Turns colours off."),
    ("`XDG_CACHE_HOME`", "Contains the key of the [cache](../design/cache.md); `~/.cache` by default."),
    ("`AWS_*`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_*`", "Credentials of a shared state and of uploads."),
    ("`CI`, `GITHUB_ACTIONS`", "A state in a local file is refused where one of them is set."),
    ("`GITHUB_TOKEN` and the other `GITHUB_*`", "Read by `tavusctl github` in a workflow."),
)
ABOUT_VARIABLES = """\
# Environment variables

A file `.env` in the project folder may hold the API key and the variables under `secrets:`, and no others. The
environment wins over the file.
"""


def exit_codes_page() -> str:
    """The page of the exit codes and their meaning."""
    rows = [(str(code), cell(meaning), cell(remedy)) for code, (meaning, remedy) in CODES.items()]
    worst = ", ".join(map(str, errors.WORST_FIRST))
    return "\n".join([EXIT_CODES.format(worst=worst), *table(("Code", "Meaning", "What to do"), rows), ""])


def variables_page() -> str:
    """The page of the environment variables that tavusctl reads."""
    rows = [*((f"`{name}`", cell(text)) for name, text in VARIABLES.items()), *OTHERS]
    return "\n".join([ABOUT_VARIABLES, *table(("Variable", "Meaning"), rows), ""])


def codes_of_errors() -> set[int]:
    """The exit codes of all error classes."""
    classes = [errors.TavusctlError]
    for parent in classes:
        classes.extend(parent.__subclasses__())
    return {error_class.exit_code for error_class in classes}


def variables_of_code() -> set[str]:
    """The names of all `TAVUS_...` and `TAVUSCTL_...` variables that the code contains."""
    return set(_variables_in_literals())


def _variables_in_literals() -> Iterator[str]:
    for path in files("tavusctl", suffix=".py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and re.fullmatch(r"TAVUS(CTL)?_[A-Z_]+[A-Z]", text):
                yield text
