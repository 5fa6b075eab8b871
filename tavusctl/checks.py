"""Everything that may be complained about, by an id that never changes and is never used again.

TV1xx: what a file says cannot be read, or not be meant.  TV2xx: what a rule remarks on, though every value fits; those
are errors where the API refuses it or it cannot work.  TV3xx and TV6xx: what a plan and a recrawl have to tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tavusctl.model import Severity


class Check(Struct, frozen=True):
    """One thing that is looked at."""

    title: str  # what is complained about, in a noun phrase
    severity: Severity = Severity.ERROR
    veiled: bool = False  # it is about a secret that is written out, so the line is not shown


def _warns(title: str, *, veiled: bool = False) -> Check:
    return Check(title, Severity.WARNING, veiled)


CHECKS: Final[Mapping[str, Check]] = {
    "TV101": Check("not readable as YAML, or a part of YAML that is not read (tags, merge keys)"),
    "TV102": Check("a key stands twice in one mapping"),
    "TV103": Check("an unknown key"),
    "TV104": Check("a value of the wrong type, or one that is not allowed"),
    "TV105": _warns("text that YAML 1.1 reads as a boolean, a number or a date"),
    "TV106": Check("a required key is missing"),
    "TV107": Check("a name or an address that cannot be one"),
    "TV108": Check("two manifests with one address"),
    "TV109": Check("an expression ${...} that cannot be read"),
    "TV110": Check("a file that cannot be read or lies outside the project"),
    "TV111": Check("a variable that the environment does not have"),
    "TV112": Check("a secret where none is allowed, or not listed under secrets:"),
    "TV113": Check("a secret written out in a manifest", veiled=True),
    "TV114": _warns("a field that is going away"),
    "TV115": Check("larger, deeper or longer than is read"),
    "TV116": Check("lifecycle, recrawl or watch that cannot be followed"),
    "TV117": Check("a state that no store holds"),
    "TV118": Check("moved_from that cannot be followed"),
    "TV119": Check("an output of what the project does not have"),
    "TV121": Check("a reference to what no manifest declares"),
    "TV122": Check("references in a circle"),
    "TV123": Check("a reference to another kind than the field takes"),
    "TV124": Check("a secret whose environment variable is not set"),
    "TV125": Check("an external object that the account does not have"),
    "TV129": _warns("two external manifests of one object"),
    "TV200": _warns("an ignore that ignores nothing"),
    "TV201": _warns("a prompt over 25,000 tokens"),
    "TV202": _warns("a prompt over 32,000 tokens"),
    "TV203": _warns("a block that stands twice in a prompt"),
    "TV204": _warns("a prompt more than twice as long as the last apply set it"),
    "TV205": _warns("characters that do not show"),
    "TV206": Check("characters that turn the direction of text, but for closed ones in right-to-left text"),
    "TV207": Check("lines that git writes into a file whose merge is not resolved"),
    "TV208": Check("a text that names a file, an object or a variable, where ${...} is meant"),
    "TV209": Check("an id of another kind of object, or none at all"),
    "TV211": Check("tool parameters that are no valid JSON Schema"),
    "TV212": _warns("a tool name that is not in snake case"),
    "TV213": _warns("tool parameters that are required and not described"),
    "TV214": Check("two tools of one name"),
    "TV215": _warns("a tool without a description"),
    "TV221": _warns("a perception setting that the chosen model ignores"),
    "TV222": _warns("an older speech setting, which sparrow-1 overrides"),
    "TV223": _warns("hotwords for an engine that ignores them"),
    "TV224": _warns("a level that the API does not list"),
    "TV225": _warns("a voice setting of another engine"),
    "TV226": _warns("perception tools without a prompt"),
    "TV227": _warns("a level that emotions of a voice do not have"),
    "TV231": Check("a next objective that the set does not have"),
    "TV232": _warns("an objective to which nothing leads"),
    "TV233": Check("objectives in a circle"),
    "TV234": Check("two objectives of one name"),
    "TV235": _warns("an output variable that two objectives fill"),
    "TV236": _warns("an output variable that is no name"),
    "TV237": _warns("an objective that may lead nowhere"),
    "TV241": _warns("two guardrails of one name"),
    "TV242": _warns("a guardrail longer than newer versions of the API take"),
    "TV251": _warns("a document in a format that Tavus does not read"),
    "TV252": _warns("a crawl from a file"),
    "TV253": _warns("more crawled documents than an account may have"),
    "TV261": _warns("an address without https"),
    "TV262": _warns("an address that Tavus cannot reach"),
    "TV263": _warns("an address that is none"),
    "TV264": _warns("a password or a key in an address amid a text", veiled=True),
    "TV271": _warns("what looks like a key amid a text", veiled=True),
    "TV301": _warns("an old version that is kept"),
    "TV302": _warns("an object that nobody can use, because its work failed"),
    "TV303": _warns("a create of an interrupted run that does not show yet"),
    "TV304": _warns("a secret that undo cannot bring back"),
    "TV305": _warns("the source of a document that could not be looked at"),
    "TV306": _warns("an object of the account that has the name of a managed one"),
    "TV307": _warns("a state that was written with other API keys: secrets cannot be compared"),
    "TV308": _warns("a state without a seal"),
    "TV309": _warns("a secret without a value, which cannot be compared"),
    "TV310": _warns("objects of the account that have the names of manifests, and are not known to the state"),
    "TV311": _warns("manifests that were never applied"),
    "TV312": _warns("a state of another environment that cannot be read"),
    "TV331": _warns("a field that the server keeps otherwise than it was sent"),
    "TV332": _warns("an object with a draft that is not published"),
    "TV341": _warns("a variable that is read, or a store that is used, for the first time"),
    "TV342": _warns("what a pull request names for the first time, and its run does not read"),
    "TV601": _warns("a document that has been due for long"),
    "TV602": _warns("a crawl that does not end"),
    "TV603": _warns("a crawl that found less than half of the pages"),
}
VEILED: Final = frozenset(id_ for id_, check in CHECKS.items() if check.veiled)
