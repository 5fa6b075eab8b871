"""With the cache and without it, what is read from a project is the same, whatever was done to either in between."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tavusctl.app.session import unchanged
from tavusctl.app.session.applied import Applied
from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.manifests import check, load
from tavusctl.app.session.opening import open_session
from tavusctl.app.validate import validate
from tavusctl.cli.status_line import TerminalProgress
from tavusctl.core.address import Address
from tavusctl.core.errors import ConfigError, RefusedError
from tavusctl.secrets import redaction
from tests.scenarios.project import environment_of

Step = Callable[[Path], None]
KEY = "quiet harbour in spring"
SENTENCES = "Be kind to all who ask, whatever they ask, and whoever they are. " * 4
SETTINGS = (
    "version: 1\nsecrets: [{secret}]\nenvironments:\n  default: {{vars: {{model: {model}, speed: {speed}}}{more}}}\n"
)
STEADY = SETTINGS.format(secret="KEY", model="tavus-gpt-4o", speed=1, more="")
LAID = SETTINGS.format(secret="KEY", model="tavus-gpt-4o", speed=1, more=", overlay: laid")
UPLOADING = SETTINGS.format(secret="KEY", model="tavus-gpt-4o", speed=1, more=", uploads: 's3://bucket/files'")
PROJECTS = (
    STEADY,
    LAID,
    UPLOADING,
    SETTINGS.format(secret="KEY", model="gpt-next", speed=1.5, more=""),
    SETTINGS.format(secret="OTHER", model="tavus-gpt-4o", speed=1.0, more=""),
    "version: 1\n",
    "version: 1\nvar: {}\n",
    SETTINGS.format(secret="KEY", model="tavus-gpt-4o", speed="-9999999999999999999", more=""),
)
BARE = "kind: persona\nname: {name}\nspec:\n  persona_name: Coach\n  pipeline_mode: full\n"
PERSONA = BARE + "  system_prompt: You coach.\n"
OF_A_FILE = BARE + "  system_prompt: ${{file:prompts/a.md}}\n"
OF_VARIABLES = PERSONA + "  layers: {{tts: {{tts_engine: cartesia, voice_settings: {{speed: '${{var:speed}}'}}}}}}\n"
OF_A_SECRET = (
    PERSONA
    + "  layers:\n    llm: {{model: '${{var:model}}', base_url: 'https://a.example.com', api_key: '${{secret:KEY}}'}}\n"
)
WARNED = PERSONA + f"  layers: {{{{stt: {{{{stt_engine: '{KEY}'}}}}}}}}\n"
DOUBLED = BARE + f'  system_prompt: "{SENTENCES}\\n\\n{SENTENCES}"\n'
NAMES_A_FILE = BARE + "  system_prompt: prompts/n.md\n"
REFERS = PERSONA + "  document_ids: ['${{ref:document/faq}}', d-1]\n"
FAQ = (
    "kind: document\nname: faq\nspec:\n  document_name: FAQ\n  document_url: https://example.com/a\n"
    "  crawl: {{depth: 1, max_pages: 5}}\n"
)
UPLOADED = "kind: document\nname: file\nspec: {{document_file: ./b.txt}}\n"
# Of these there is an entry where the project is in order: nothing is to be said of the file.
KEPT = (
    PERSONA,
    OF_A_FILE,
    OF_VARIABLES,
    OF_A_SECRET,
    NAMES_A_FILE,
    REFERS,
    FAQ + "recrawl: {{every: 7d}}\nwatch: false\n",
    BARE + "  system_prompt: Before ${{file:prompts/a.md}} and ${{file:./b.txt}}, ${{var:model}}.\n",
    PERSONA + "  layers: {{llm: {{extra_body: {{a: 1.0, b: 1, c: true, d: 1e3, e: -0.0, f: null, g: 2.5e-7}}}}}}\n",
    PERSONA + "  extra: {{newer: {{one: ['${{ref:persona/a}}']}}}}\nlifecycle: {{prevent_destroy: true}}\n",
    PERSONA + "moved_from: [persona/old]\n---\n" + PERSONA.replace("name}", "name}-2", 1),
    DOUBLED,
    "kind: replica\nname: {name}\nexternal: true\nid: r-1\n",
    "",
)
# These are read in every run.
READ = (
    WARNED,
    UPLOADED,
    BARE + "  system_prompt: yes\n",
    WARNED.strip() + "  # tavusctl: ignore=unlisted-value\n",
    FAQ + "recrawl: {{every: 7d, timezone: Europe/Berlin}}\n",
)
WRONG = (
    BARE,
    PERSONA + "  unknown_key: 1\n",
    PERSONA + "  layers: {{llm: {{extra_body: {{big: 170141183460469231731687303715884105728}}}}}}\n",
    PERSONA + "---\n" + PERSONA,
    "kind: persona\nname: {name}\nspec: [\n",
)
SPECS = (*KEPT, *READ, *WRONG)
TEXTS = (b"You coach.\n", b"You coach well.", f"Never say {KEY}.\n".encode(), b"\xff", b"", "Zürich\u202e\n".encode())
FILES = ("manifests/prompts/a.md", "manifests/b.txt")
NAMES = ("a", "b", "team/c")
CACHED = (".project", "default", "default.validate")


def wrote(path: str, content: bytes) -> Step:
    def step(root: Path) -> None:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    return step


def removed(path: str) -> Step:
    return lambda root: (root / path).unlink(missing_ok=True)


def cache_of(root: Path) -> Path:
    return root / ".tavusctl" / "cache" / "default"


def damaged(place: int, other: int, name: str = "default") -> Step:
    """A byte of a file of the cache is another one, or it ends there."""

    def step(root: Path) -> None:
        file = cache_of(root).with_name(name)
        content = bytearray(file.read_bytes()) if file.is_file() else bytearray()
        if content and other:
            content[place % len(content)] ^= other
            file.write_bytes(content)
        elif content:
            file.write_bytes(content[: place % len(content)])

    return step


def put_away(root: Path) -> None:
    """The whole cache as it is now."""
    if cache_of(root).parent.is_dir():
        shutil.copytree(cache_of(root).parent, root / ".older", dirs_exist_ok=True)


def brought_back(root: Path) -> None:
    if (root / ".older").is_dir() and cache_of(root).parent.is_dir():
        shutil.copytree(root / ".older", cache_of(root).parent, dirs_exist_ok=True)


def manifest(folder: str, name: str, spec: str) -> Step:
    return wrote(f"{folder}/{name}.yaml", spec.format(name=Path(name).name).encode())


steps = st.one_of(
    st.builds(
        manifest, st.sampled_from(["manifests", "manifests", "laid"]), st.sampled_from(NAMES), st.sampled_from(SPECS)
    ),
    st.builds(wrote, st.sampled_from(FILES), st.sampled_from(TEXTS)),
    st.builds(wrote, st.just("tavusctl.yaml"), st.sampled_from(PROJECTS).map(str.encode)),
    st.builds(removed, st.sampled_from([*FILES, *(f"manifests/{one}.yaml" for one in NAMES), "laid/a.yaml"])),
    st.builds(damaged, st.integers(0, 10**6), st.integers(0, 255), st.sampled_from(CACHED)),
    st.sampled_from([put_away, brought_back]),
)


@contextmanager
def a_project() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for step in (
            wrote("tavusctl.yaml", STEADY.encode()),
            wrote(FILES[0], TEXTS[0]),
            manifest("manifests", "a", OF_A_FILE),
        ):
            step(root)
        yield root


def read(root: Path, *, caches: bool, secret: bool) -> str:
    """All that a plan and a check get from the files, and every word that is said of them."""
    with redaction.isolated_run(), environment_of({"KEY": KEY if secret else None}):
        session = open_session(None, TerminalProgress(quiet=True), root, caches=caches)
        applied = Applied("1", lambda: {Address("persona", "a"): {"system_prompt": SENTENCES}})
        found: list[object] = [session.project, session.project_diagnostics]
        for look in (partial(load, session), partial(check, session, applied=applied), partial(check, session)):
            try:
                found.append(look())
            except (ConfigError, RefusedError) as error:
                found.append([error.message, getattr(error, "diagnostics", ())])
        return repr([*found, validated(session)])


def validated(session: LocalSession) -> object:
    """What `validate` says, where the last run has not said it."""
    try:
        return () if unchanged.is_validated(session) else tuple(validate([session], (), count=1, fix=False))
    except RefusedError as error:
        return error.message


@given(st.lists(st.tuples(steps, st.booleans()), min_size=1, max_size=8))
def test_what_is_read_is_the_same_with_the_cache(done: list[tuple[Step, bool]]) -> None:
    with a_project() as root:
        read(root, caches=True, secret=False)
        for step, secret in done:
            step(root)
            cached = read(root, caches=True, secret=secret)
            assert cached == read(root, caches=False, secret=secret)
            assert cached == read(root, caches=True, secret=secret)


OVER = "kind: persona\nname: {name}\nspec: {{persona_name: Other}}\n"
# What is read, and what happens then: a file with its content, and whether a secret is known.
CHANGES: dict[str, tuple[tuple[str, str, bool], ...]] = {
    "a text": (("manifests/prompts/a.md", "One.", False), ("manifests/prompts/a.md", "Two.", False)),
    "a text goes": (("manifests/prompts/a.md", "One.", False), ("manifests/prompts/a.md", "", False)),
    "a variable": (("manifests/b.yaml", OF_A_SECRET, False), ("tavusctl.yaml", STEADY.replace("4o", "4.1"), False)),
    "its type": (("manifests/b.yaml", OF_VARIABLES, False), ("tavusctl.yaml", PROJECTS[4], False)),
    "secrets": (("manifests/b.yaml", OF_A_SECRET, False), ("tavusctl.yaml", STEADY.replace("KEY", "NO"), False)),
    "a secret is known": (("manifests/b.yaml", WARNED, False), ("manifests/c.yaml", PERSONA, True)),
    "it is known no more": (("manifests/b.yaml", WARNED, True), ("manifests/c.yaml", PERSONA, False)),
    "what rules say": (("manifests/b.yaml", PERSONA, False), ("manifests/b.yaml", DOUBLED, False)),
    "what rules stop at": (
        ("manifests/b.yaml", PERSONA, False),
        ("manifests/b.yaml", NAMES_A_FILE.replace("n.", "a."), False),
    ),
    "a long text": (("manifests/prompts/a.md", SENTENCES, False), ("manifests/prompts/a.md", SENTENCES * 3, False)),
    "an overlay comes": (("tavusctl.yaml", LAID, False), ("laid/a.yaml", OVER, False)),
    "an overlay changes": (("laid/a.yaml", OVER, False), ("laid/a.yaml", OVER.replace("Other", "Third"), False)),
    "an overlay is renamed": (("laid/a.yaml", OVER, False), ("laid/z.yaml", "laid/a.yaml", False)),
    "an overlay goes": (("laid/a.yaml", OVER, False), ("laid/a.yaml", "", False)),
    "an overlay alone": (("laid/c.yaml", PERSONA, False), ("laid/c.yaml", NAMES_A_FILE.replace("n.", "a."), False)),
    "another one comes": (
        ("manifests/prompts/a.md", "One.", False),
        ("laid/c.yaml", NAMES_A_FILE.replace("n.", "a."), False),
    ),
    "a named file": (("manifests/b.yaml", NAMES_A_FILE, False), ("manifests/prompts/n.md", "N", False)),
    "a file by a way around": (
        ("manifests/b.yaml", NAMES_A_FILE.replace("prompts", "nowhere/.."), False),
        ("manifests/n.md", "N", False),
    ),
    "a first file": (
        ("manifests/b.yaml", NAMES_A_FILE.replace("prompts/n", "notes"), False),
        ("manifests/notes.md", "N", False),
    ),
    "a file beside the project file": (
        ("manifests/b.yaml", NAMES_A_FILE.replace("prompts/n", "notes/n"), False),
        ("notes/n.md", "N", False),
    ),
    "a manifest beside it": (("manifests/b.yaml", REFERS, False), ("manifests/faq.yaml", FAQ, False)),
    "a file for the API": (("manifests/b.txt", "One.", False), ("manifests/b.txt", "Two.", False)),
    "a second one": (("manifests/b.yaml", PERSONA, False), ("manifests/c.yaml", PERSONA.replace("{name}", "b"), False)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("project", [STEADY, UPLOADING, LAID])
@pytest.mark.sampled(12)
def test_nothing_is_kept_beyond_a_change(change: str, project: str) -> None:
    """Each is seen by the very next run, and what is undone is as it was."""
    with a_project() as root:
        wrote("tavusctl.yaml", project.encode())(root)
        if project == UPLOADING:
            manifest("manifests", "file", UPLOADED)(root)
        wrote(FILES[1], b"One.")(root)
        for path, content, secret in [*CHANGES[change], *CHANGES[change][:1]]:
            is_manifest = path.endswith(".yaml") and "/" in path
            text = content.format(name=Path(path).stem) if is_manifest else content
            if content == "laid/a.yaml":
                (root / content).rename(root / path)
            else:
                (wrote(path, text.encode()) if content else removed(path))(root)
            afresh = read(root, caches=False, secret=secret)
            assert read(root, caches=True, secret=secret) == afresh
            assert read(root, caches=True, secret=secret) == afresh


@pytest.mark.parametrize("name", CACHED)
def test_a_cache_with_any_byte_changed_is_none(name: str) -> None:
    with a_project() as root:
        afresh = read(root, caches=True, secret=False)
        assert read(root, caches=True, secret=False) == afresh
        file = cache_of(root).with_name(name)
        good = file.read_bytes()
        for place in range(0, len(good), max(len(good) // 60, 1)):
            damaged(place, 1, name)(root)
            assert read(root, caches=True, secret=False) == afresh
            assert file.read_bytes() == good  # it is made anew


@pytest.mark.parametrize("spec", KEPT)
def test_what_is_right_has_an_entry(spec: str) -> None:
    with a_project() as root:
        wrote("tavusctl.yaml", UPLOADING.encode())(root)
        wrote("manifests/b.txt", b"One.")(root)
        manifest("manifests", "b", spec)(root)
        read(root, caches=True, secret=False)
        assert b"manifests/b.yaml" in cache_of(root).read_bytes()


def test_pointers_are_kept_once_and_only_as_long_as_an_entry_has_them() -> None:
    """They may quote a secret that is known only later."""
    with a_project() as root:
        for name in ("b", "c"):
            manifest("manifests", name, PERSONA)(root)
        manifest("manifests", "d", PERSONA + f"  layers: {{{{llm: {{{{extra_body: {{{{'{KEY}': 1}}}}}}}}}}}}\n")(root)
        read(root, caches=True, secret=False)
        kept = cache_of(root).read_bytes()
        assert kept.count(b"/pipeline_mode") == 2  # of "d", and of all others
        assert b"/extra_body/" + KEY.encode() in kept
        read(root, caches=True, secret=True)
        assert not any(KEY.encode() in file.read_bytes() for file in cache_of(root).parent.iterdir())

        read(root, caches=True, secret=False)
        assert b"/extra_body/" + KEY.encode() in cache_of(root).read_bytes()
        manifest("manifests", "d", PERSONA)(root)
        read(root, caches=True, secret=False)
        assert cache_of(root).read_bytes().count(b"/pipeline_mode") == 1


def test_silence_about_a_part_is_none_about_the_whole() -> None:
    with a_project() as root:
        manifest("manifests", "b", NAMES_A_FILE.replace("n.", "a."))(root)
        wrote(
            "manifests/z.yaml", PERSONA.format(name="z").encode() + b"  context: '" + b"${var:model}" * 500_001 + b"'\n"
        )(root)
        assert read(root, caches=True, secret=False) == read(root, caches=False, secret=False)
        removed("manifests/z.yaml")(root)
        assert read(root, caches=True, secret=False) == read(root, caches=False, secret=False)


def test_of_paths_that_are_shown_alike_none_is_taken_for_another() -> None:
    with a_project() as root:
        for folder in ("d\u202ex", "d\\u202ex"):
            wrote(f"manifests/{folder}/b.txt", folder.encode())(root)
        manifest("manifests", "d\u202ex/b", BARE + "  system_prompt: ${{file:./b.txt}}\n")(root)
        read(root, caches=True, secret=False)
        (root / "manifests/d\u202ex/b.yaml").rename(root / "manifests/d\\u202ex/b.yaml")
        assert read(root, caches=True, secret=False) == read(root, caches=False, secret=False)


NOT_TEXT = (b"", b"manifests/\xff.yaml", b"laid/\xff.yaml", b".tavusctl/runs/\xff.jsonl")


@pytest.mark.parametrize("name", NOT_TEXT)
def test_names_that_are_no_text_are_no_trouble(name: bytes) -> None:
    with a_project() as folder:
        root = folder if name else folder / os.fsdecode(b"\xff")
        for file, content in (("tavusctl.yaml", LAID.encode()), ("manifests/prompts/a.md", b"You coach.")):
            wrote(file, content)(root)
        manifest("manifests", "a", OF_A_FILE)(root)
        if name:
            wrote(os.fsdecode(name), b"")(root)
        afresh = read(root, caches=False, secret=False)
        assert read(root, caches=True, secret=False) == afresh
        assert read(root, caches=True, secret=False) == afresh
