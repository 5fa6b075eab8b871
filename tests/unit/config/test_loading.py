from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tavusctl.config import files, loading
from tavusctl.core.address import Address, Source
from tavusctl.core.diagnostics import Diagnostic, Severity
from tavusctl.core.errors import UsageError
from tavusctl.core.model import Lifecycle, Manifest, Recrawl
from tavusctl.core.project_settings import Environment, Project, Safety
from tavusctl.secrets.values import SecretText
from tests import checked
from tests.unit.kinds.toy_kinds import KINDS

VARS = {"brand": "Acme", "size": 3, "flag": True, "list": ["a", "b"], "nothing": None, "sly": "${secret:KEY}"}


def place(root: Path, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode())


def project(root: Path) -> Project:
    return Project(str(root), str(root / "manifests"), secrets=("KEY", "TOKEN"))


def loaded(root: Path, texts: Mapping[str, str], *paths: Path) -> loading.LoadResult:
    place(root, texts)
    return loading.read(project(root), Environment(vars=VARS), KINDS, paths)


def as_lines(diagnostics: tuple[Diagnostic, ...]) -> list[str]:
    return [f"{diagnostic.source} {diagnostic.id} {diagnostic.message}" for diagnostic in diagnostics]


def spec(root: Path, text: str) -> loading.LoadResult:
    """A toy whose spec is the text, from line 4 on."""
    lines = "".join(f"  {line}\n" for line in text.splitlines())
    return loaded(root, {"manifests/t.yaml": f"kind: toy\nname: t\nspec:\n{lines}"})


def test_a_manifest_is_read_whole(tmp_path: Path) -> None:
    text = """\
kind: crawler
name: one
spec:
  title: Hi ${var:brand}
  size: ${var:size}
  tags: ${var:list}
  friend_id: ${ref:toy/anna}
  engine: {api_key: "${secret:KEY}", headers: {Authorization: "Bearer ${secret:TOKEN}"}, options: null}
  extra:
    newer: [1]
    engine: {fresh: yes!}
    extra_long: ok
lifecycle: {prevent_destroy: true, ignore_changes: [/engine/options, /engine/options/a~1b/~0], on_remove: retain}
recrawl: {every: 1h30m}
---
kind: toy
name: anna
external: true
id: r4317e64d25a
"""
    found = loaded(tmp_path, {"manifests/deep/er/a.yml": text})
    assert found.diagnostics == ()
    assert found.files == 1
    one, anna = found.manifests
    assert one.address == Address("crawler", "one")
    assert one.spec == {
        "title": "Hi Acme",
        "size": 3,
        "tags": ["a", "b"],
        "friend_id": Address("toy", "anna"),
        "engine": {
            "api_key": SecretText(("", ""), ("KEY",)),
            "headers": {"Authorization": SecretText(("Bearer ", ""), ("TOKEN",))},
            "options": None,
            "fresh": "yes!",
        },
        "newer": [1],
        "extra_long": "ok",
    }
    assert one.source == Source("manifests/deep/er/a.yml", 1, 1)
    assert one.lifecycle == Lifecycle(
        prevent_destroy=True, ignore_changes=("/engine/options", "/engine/options/a~1b/~0"), on_remove="retain"
    )
    assert one.recrawl == Recrawl(every=5400.0)
    assert str(one.sources["/engine/api_key"]) == "manifests/deep/er/a.yml:8:21"
    assert str(one.sources["/newer/0"]) == "manifests/deep/er/a.yml:10:13"
    assert str(one.sources["/engine/fresh"]) == "manifests/deep/er/a.yml:11:21"
    assert str(one.sources["/extra_long"]) == "manifests/deep/er/a.yml:12:17"
    assert not [pointer for pointer in one.sources if pointer.startswith("/extra/") or pointer == "/extra"]
    place, id_place = Source(one.source.path, 16, 1), anna.envelope_sources["id"]
    assert id_place.line > place.line
    assert anna == Manifest(
        Address("toy", "anna"), {}, place, external_id="r4317e64d25a", envelope_sources={"id": id_place}
    )


# One line per way to be wrong: the spec, and what is told about it.  tests/golden/wrong has the rest.
SHAPE = [
    ("title: null", ["4:3 TV106 the key `title` is missing"]),
    ("title: x\nengine: {nam: null}", ["5:12 TV103 unknown key `nam` in engine"]),
    ("title: x\nsize: null\nengine: null\ntags: null", []),
    ("title: x\nsize: '3'", ["5:9 TV104 size: expected a whole number, found the text `3`"]),
    ("title: x\nold: w", ["5:3 TV114 old: old is going away; write title"]),
    ("title: x\nold: null", []),
    ("title: x\nengine: {api_key: s3cr3t}", ["5:21 TV113 engine.api_key: the manifest contains a plaintext secret"]),
    ("title: x\nengine: {headers: s3cr3t}", ["5:21 TV104 engine.headers: expected a mapping"]),
    (
        "title: x\nengine: {headers: {A/b: s3cr3t}}",
        ["5:27 TV113 engine.headers.A/b: the manifest contains a plaintext secret"],
    ),
    ("title: '${secret:KEI}'", ["4:10 TV112 a secret, `KEI`, in a field that is not a secret field"]),
    (
        "title: x\nengine: {options: {a: [{api-key: s3cr3t}]}}",
        ["5:36 TV113 engine.options.a[0].api-key: the manifest contains a plaintext secret"],
    ),
    ("title: a ${var:list}", ["4:10 TV109 `${var:list}` is a list, which cannot be inserted into text"]),
    ("title: x\nlinks: [{url: 'https://x', label: a!}]", ["5:37 TV104 links[0].label: a! is loud; leave out the"]),
    ("title: x\nlinks: [{url: 'https://x', label: '${ref:toy/x}'}]", []),
    ("title: x\nsite: 3 4", ["5:9 TV104 site: expected a valid URL, relative URL without a base, found `3 4`"]),
    (
        "title: ${ref:${var:brand}}",
        ["4:10 TV109 invalid expression `${ref:${var:brand}`: expressions cannot be nested"],
    ),
    (
        "title: x\nextra: {new: {password: s3cr3t}}",
        ["5:27 TV113 new.password: the manifest contains a plaintext secret"],
    ),
    ("title: x\nsize: ${ref:toy/x}", ["5:9 TV104 size: expected a whole number, found ${ref:toy/x}"]),
    ("title: x\nextra: 3", ["5:10 TV104 spec.extra: expected a mapping, found 3"]),
]


@pytest.mark.parametrize(("text", "expected"), SHAPE)
def test_what_does_not_fit_is_told_with_its_place(tmp_path: Path, text: str, expected: list[str]) -> None:
    found = spec(tmp_path, text)
    assert len(found.diagnostics) == len(expected), as_lines(found.diagnostics)
    for line, start in zip(as_lines(found.diagnostics), expected, strict=True):
        assert line.startswith(f"manifests/t.yaml:{start}"), line
    assert all(diagnostic.address == Address("toy", "t") for diagnostic in found.diagnostics)
    is_right = all(diagnostic.severity is Severity.WARNING for diagnostic in found.diagnostics)
    assert [manifest.address for manifest in found.manifests] == [Address("toy", "t")] * is_right
    assert found.declared == {Address("toy", "t")}


def test_a_secret_that_is_written_out_is_never_repeated(tmp_path: Path) -> None:
    texts = [text for text, _ in SHAPE if "s3cr3t" in text]
    assert len(texts) == 5
    for text in texts:
        diagnostics = spec(tmp_path, text).diagnostics
        assert not [diagnostic for diagnostic in diagnostics if "s3cr3t" in diagnostic.message + diagnostic.hint]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("titel: x", "did you mean `title`?"),
        ("title: x\nengine: {naem: small}", "did you mean `name`?"),
        ("title: x\nlinks: [{url: 'https://x', labl: w}]", "did you mean `label`?"),
        (
            "title: x\nengine: {zzz: 1}",
            "known: `api_key`, `headers`, `name`, `options`; write a field that is newer than tavusctl under `extra:`",
        ),
        ("title: x\nengine: {name: lareg}", "did you mean `large`?"),
        ("title: 3", "put it in quotes"),
        ("title: ${vra:x}", "did you mean `var`?; write `$${` for a literal `${`"),
        ("title: ${var:brnd}", "did you mean `brand`?"),
        ("title: x\nengine: {api_key: '${secret:TOKE}'}", "did you mean `TOKEN`?"),
        ("title: x\nengine: {api_key: '${secret:XX}'}", "add `XX` to `secrets:` in tavusctl.yaml"),
    ],
)
def test_what_was_meant_is_suggested(tmp_path: Path, text: str, hint: str) -> None:
    assert spec(tmp_path, text).diagnostics[0].hint == hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind: toy\nname: t\nspec: {title: x}\nlifecycle: 3\n", ["4:12 TV116 lifecycle: expected a mapping, found 3"]),
    ],
)
def test_the_keys_around_spec_are_checked(tmp_path: Path, text: str, expected: list[str]) -> None:
    diagnostics = as_lines(loaded(tmp_path, {"manifests/t.yaml": text}).diagnostics)
    assert len(diagnostics) == len(expected), diagnostics
    for line, start in zip(diagnostics, expected, strict=True):
        assert line.startswith(f"manifests/t.yaml:{start}"), line


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("every: 90m", Recrawl(every=5400.0)),
        ("every: 24h", Recrawl(every=86400.0)),
        ("max_age: 7d", Recrawl(every=604800.0)),
        ("max_age: PT1H30M", Recrawl(every=5400.0)),
        ("every: P1DT1.5S", Recrawl(every=86401.5)),
        ("cron: '0 3 * * *'", Recrawl(cron="0 3 * * *")),
        ("cron: '@daily'", Recrawl(cron="0 0 * * *")),
        (
            "{cron: '5 1-3 * * MON', timezone: Europe/Berlin}",
            Recrawl(cron="5 1-3 * * MON", timezone="Europe/Berlin"),
        ),
        ("every: 0h", "4:18 TV116 recrawl.every: `0h` is not a duration"),
        ("every: " + "9" * 400 + "h", "4:18 TV116 recrawl.every: `999"),
        ("max_age: 10s", "4:20 TV116 recrawl.max_age: `10s` is shorter than one hour"),
        ("cron: '0,59 3 * * MON'", "4:17 TV116 recrawl.cron: `0,59 3 * * MON` matches more than once an hour"),
        ("cron: '0 0 3 * * *'", "4:17 TV116 recrawl.cron: `0 0 3 * * *` is not a cron expression"),
        ("cron: '99 3 * * *'", "4:17 TV116 recrawl.cron: `99 3 * * *` is not a cron expression"),
        ("cron: '0 3 30 2 *'", "4:17 TV116 recrawl.cron: `0 3 30 2 *` never matches a date"),
        ("{cron: '@daily', timezone: ../../etc/passwd}", "4:37 TV116 recrawl.timezone: unknown time zone"),
        ("{cron: '@daily', timezone: America}", "4:37 TV116 recrawl.timezone: unknown time zone `America`"),
    ],
)
def test_when_to_crawl_again(tmp_path: Path, text: str, found: Recrawl | str) -> None:
    inside = text if text[0] in "{[" else f"{{{text}}}"
    read = loaded(tmp_path, {"manifests/t.yaml": f"kind: crawler\nname: t\nspec: {{title: x}}\nrecrawl: {inside}\n"})
    if isinstance(found, Recrawl):
        assert [manifest.recrawl for manifest in read.manifests] == [found]
    else:
        (diagnostic,) = as_lines(read.diagnostics)
        assert diagnostic.startswith(f"manifests/t.yaml:{found}"), diagnostic


def test_addresses_that_were_left(tmp_path: Path) -> None:
    one = "kind: toy\nname: one\nspec: {title: x}\nmoved_from: toy/old\n---\n"
    two = "kind: toy\nname: two\nspec: {title: x}\nmoved_from: [toy/older, toy/old-2]\n"
    found = loaded(tmp_path, {"manifests/t.yaml": one + two})
    assert [manifest.moved_from for manifest in found.manifests] == [
        (Address("toy", "old"),),
        (Address("toy", "older"), Address("toy", "old-2")),
    ]
    assert found.diagnostics == ()


def test_an_address_that_was_left_belongs_to_nobody(tmp_path: Path) -> None:
    texts = {
        "manifests/a.yaml": "kind: toy\nname: new\nspec: {title: x}\nmoved_from: [toy/old, toy/older]\n",
        "manifests/b.yaml": "kind: toy\nname: old\nspec: {title: x}\n",
        "manifests/c.yaml": "kind: toy\nname: other\nspec: {title: x}\nmoved_from: toy/older\n",
    }
    assert as_lines(loaded(tmp_path, texts).diagnostics) == [
        "manifests/a.yaml:4:13 TV118 moved_from: `toy/old` is still declared, at manifests/b.yaml:2:7",
        (
            "manifests/c.yaml:4:13 TV118 moved_from: `toy/older` is listed in "
            "`moved_from` of `toy/new` as well, at manifests/a.yaml:4:13"
        ),
    ]


TOY = "kind: toy\nname: {}\nspec: {{title: x}}\n"


def test_one_address_stands_once(tmp_path: Path) -> None:
    texts = {"manifests/b.yaml": TOY.format("t"), "manifests/a/c.yaml": TOY.format("u") + "---\n" + TOY.format("t")}
    found = loaded(tmp_path, texts)
    (diagnostic,) = found.diagnostics
    assert as_lines((diagnostic,)) == [
        "manifests/b.yaml:2:7 TV108 `toy/t` is declared here and at manifests/a/c.yaml:6:7"
    ]
    assert [str(manifest.source) for manifest in found.manifests] == [
        "manifests/a/c.yaml:5:1",
        "manifests/a/c.yaml:1:1",
    ]


def test_everything_comes_in_order(tmp_path: Path) -> None:
    texts = {f"manifests/{n}.yaml": TOY.format(f"t{9 - n}") + f"---\nkind: x\nname: n{n}\n" for n in range(9)}
    found = loaded(tmp_path, texts)
    assert found.files == 9
    assert [manifest.address.name for manifest in found.manifests] == [f"t{n}" for n in range(1, 10)]
    assert [str(diagnostic.source) for diagnostic in found.diagnostics] == [f"manifests/{n}.yaml:5:7" for n in range(9)]


def test_only_yaml_files_below_the_manifests_folder_are_read(tmp_path: Path) -> None:
    names = ["a.yaml", "b.YML", ".hidden.yaml", ".git/c.yaml", "d.json", "e.yaml.bak", "x/y/f.yml"]
    found = loaded(tmp_path, {f"manifests/{name}": TOY.format(name[0] if name[0] != "." else "h") for name in names})
    assert [manifest.source.path for manifest in found.manifests] == [
        "manifests/a.yaml",
        "manifests/b.YML",
        "manifests/x/y/f.yml",
    ]
    assert (found.files, found.diagnostics) == (3, ())


def test_without_files_there_is_nothing_and_nobody_complains(tmp_path: Path) -> None:
    assert loaded(tmp_path, {}) == loading.LoadResult((), (), 0)
    assert loaded(tmp_path, {"manifests/readme.md": ""}) == loading.LoadResult((), (), 0)


def test_the_project_file_is_no_manifest(tmp_path: Path) -> None:
    place(tmp_path, {"tavusctl.yaml": "manifests: .\n", "a.yaml": TOY.format("a")})
    read, environment, _ = checked.opened(tmp_path)
    assert loading.read(read, environment, KINDS).files == 1


def test_some_files_can_be_read_alone(tmp_path: Path) -> None:
    texts = {name: TOY.format(name[-6]) for name in ("manifests/a.yaml", "manifests/x/b.yaml", "manifests/c.yaml")}
    found = loaded(tmp_path, texts, tmp_path / "manifests/x", tmp_path / "manifests/c.yaml")
    assert [manifest.address.name for manifest in found.manifests] == ["b", "c"]
    with pytest.raises(UsageError, match="does not exist"):
        loaded(tmp_path, {}, tmp_path / "none.yaml")


def test_what_is_named_and_is_no_manifest_is_passed_over(tmp_path: Path) -> None:
    others = (
        "tavusctl.yaml",
        "package.json",
        "c.yaml",
        "ci/d.yaml",
        "manifests/e.md",
        "manifests/.f.yaml",
        "manifests/.g/h.yaml",
    )
    texts = {name: TOY.format("a") for name in ("manifests/a.yaml", *others)}
    assert loaded(tmp_path, texts, *(tmp_path / name for name in others)) == loading.LoadResult((), (), 0)
    found = loaded(tmp_path, {}, tmp_path, tmp_path / "ci", tmp_path / "manifests/a.yaml")
    assert [manifest.address.name for manifest in found.manifests] == ["a"]


def test_text_comes_from_files_as_it_stands(tmp_path: Path) -> None:
    place(
        tmp_path,
        {
            "manifests/p/a.md": "\ufeffOne ${var:brand} $${x}\r\ntwo\r\n",
            "manifests/p/b.md": "two ends\n\n",
            "common/c.md": "no end",
            "manifests/x/d.md": "beside",
        },
    )
    specs = "  title: ${file:p/a.md}\n  tags:\n  - ${file:p/b.md}\n  - ${file:../../common/c.md}\n  - ${file:./d.md}\n"
    found = loaded(tmp_path, {"manifests/x/t.yaml": f"kind: toy\nname: t\nspec:\n{specs}  - 'say ${{file:./d.md}}!'\n"})
    assert found.diagnostics == ()
    (manifest,) = found.manifests
    assert manifest.spec == {
        "title": "One ${var:brand} $${x}\r\ntwo",
        "tags": ["two ends\n", "no end", "beside", "say beside!"],
    }
    assert found.origins == {
        Address("toy", "t"): {
            "/title": "manifests/p/a.md",
            "/tags/0": "manifests/p/b.md",
            "/tags/1": "common/c.md",
            "/tags/2": "manifests/x/d.md",
        }
    }


def test_what_an_expression_brings_is_not_scanned_again(tmp_path: Path) -> None:
    place(tmp_path, {"manifests/a.md": "${secret:KEY} ${"})
    (manifest,) = spec(tmp_path, "title: ${file:a.md}\ntags: ['${var:sly}', 'a ${var:sly}', '$${var:brand}']").manifests
    assert manifest.spec == {
        "title": "${secret:KEY} ${",
        "tags": ["${secret:KEY}", "a ${secret:KEY}", "${var:brand}"],
    }


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/etc/passwd", "must be relative to the manifests folder, with `/` between folders"),
        ("~/.aws/credentials", "must not begin with `~`"),
        ("~x/y.md", "must not begin with `~`"),  # a relative path, but it looks like the folder of a user
        ("C:/x.md", "must be relative"),
        ("..\\x.md", "must be relative"),
        ("//host/share", "must be relative"),
        ("../../outside.md", "leads outside the project"),
        ("folder/../../../outside.md", "leads outside the project"),
        ("../../../../../../../../../../proc/self/environ", "leads outside the project"),
        ("%2e%2e/outside.md", "does not exist"),
        ("link-out.md", "leads outside the project"),
        ("chain.md", "leads outside the project"),
        ("link-folder/outside.md", "leads outside the project"),
        ("loop.md", "cannot be read: "),
        ("broken.md", "does not exist"),
        ("../.git/config", "leads to a name that starts with a dot"),
        ("link-git", "leads to a name that starts with a dot"),
        ("../.env", "leads to a name that starts with a dot"),
        ("folder", "is a folder"),
        (".", "is a folder"),
        ("t.yaml/x", "cannot be read: "),
        ("fifo", "is not a regular file"),
        ("socket", ""),
        ("large.md", "is larger than 1 MiB"),
        ("latin.md", "is not UTF-8 text (line 2)"),
        ("nul.md", "is not text: it contains NUL characters"),
        ("n" * 5000, "cannot be read: "),
    ],
)
def test_no_file_is_read_that_is_not_the_projects(tmp_path: Path, path: str, reason: str) -> None:
    root = tmp_path / "project"
    folder = root / "manifests"
    place(
        tmp_path, {"outside.md": "o", "project/.git/config": "g", "project/.env": "e", "project/manifests/folder/a": ""}
    )
    links = {"link-out.md": "../../outside.md", "chain.md": "link-out.md", "link-folder": "../..", "loop.md": "loop.md"}
    for name, target in {**links, "broken.md": "none", "link-git": "../.git/config"}.items():
        (folder / name).symlink_to(target)
    (folder / "large.md").write_bytes(b"x" * (1024 * 1024 + 1))
    (folder / "latin.md").write_bytes(b"a\n\xe9\n")
    (folder / "nul.md").write_bytes(b"a\0")
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as server, _inside(folder):
        server.bind("socket")
        found = spec(root, f"title: '${{file:{path}}}'")
    diagnostic = next(one for one in found.diagnostics if one.source and one.source.path == "manifests/t.yaml")
    others = [one for one in found.diagnostics if one is not diagnostic]
    assert {str(one.source) for one in others} == {
        f"manifests/{name}:1:1" for name in ("link-folder", "loop.md", "broken.md")
    }
    assert (diagnostic.id, str(diagnostic.source)) == ("TV110", "manifests/t.yaml:4:10")
    assert reason in diagnostic.message
    assert "UTF-8" not in reason or diagnostic.hint == "save it as UTF-8"
    assert not found.manifests


class _inside:  # noqa: N801 - reads as a verb in `with`
    """The working folder, changed for a while: socket addresses must be short."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.before = folder, Path.cwd()

    def __enter__(self) -> None:
        os.chdir(self.folder)

    def __exit__(self, *_: object) -> None:
        os.chdir(self.before)


@pytest.mark.parametrize("path", ["/proc/self/environ", "/sys/kernel/notes", "/dev/null"])
def test_not_even_a_project_that_is_the_whole_machine_reads_the_system(path: str) -> None:
    with pytest.raises(files.UnreadableFileError):
        files.read_bytes(Path(path), Path("/"), 1024)


def test_a_project_in_memory_is_one_like_others() -> None:
    memory = "/dev/shm"  # noqa: S108 - nothing is written there
    assert files._inside(f"{memory}/project/a.md", f"{memory}/project") == ("a.md",)
    for other in (f"{memory}em/a.md", "/dev/a.md", "/proc/shm/a.md"):
        with pytest.raises(files.UnreadableFileError, match="is a system file"):
            files._inside(other, "/")


@pytest.mark.parametrize("way", [("link", "a.md"), ("folder", "link.md")])
def test_a_link_that_appears_after_the_check_is_not_followed(tmp_path: Path, way: tuple[str, ...]) -> None:
    place(tmp_path, {"folder/a.md": "text"})
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "folder/link.md").symlink_to("a.md")
    os.close(files._open(str(tmp_path), ("folder", "a.md")))
    with pytest.raises(OSError, match=r"symbolic link|Not a directory"):
        files._open(str(tmp_path), way)


def test_a_name_with_a_nul_is_refused(tmp_path: Path) -> None:
    with pytest.raises(files.UnreadableFileError, match="contains a NUL character in its name"):
        files.read_bytes(tmp_path / "a\0b", tmp_path, 1024)


def test_links_that_stay_inside_the_project_are_followed(tmp_path: Path) -> None:
    place(tmp_path, {"common/a.md": "text\n", "common/t.yaml": TOY.format("linked")})
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests/a.md").symlink_to("../common/a.md")
    (tmp_path / "manifests/linked.yaml").symlink_to("../common/t.yaml")
    (tmp_path / "manifests/folder").symlink_to("../common")
    found = spec(tmp_path, "title: ${file:a.md}\ntags: ['${file:folder/a.md}']")
    assert [manifest.spec for manifest in found.manifests] == [{"title": "x"}, {"title": "text", "tags": ["text"]}]
    assert as_lines(found.diagnostics) == [
        (
            "manifests/folder:1:1 TV110 symbolic links to folders are "
            "not followed; the manifests behind this link are unknown"
        )
    ]
    assert found.diagnostics[0].severity is Severity.ERROR


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda bad: bad.symlink_to("../../outside.yaml"), "TV110 the file leads outside the project"),
        (os.mkfifo, "TV110 the file is not a regular file"),
        (lambda bad: bad.write_bytes(b"#" * (5 * 1024 * 1024 + 1)), "TV115 the file is larger than 5 MiB"),
    ],
)
def test_manifests_are_regular_files_of_the_project(
    tmp_path: Path, make: Callable[[Path], object], expected: str
) -> None:
    root = tmp_path / "project"
    place(tmp_path, {"outside.yaml": TOY.format("o"), "project/manifests/ok.yaml": TOY.format("ok")})
    make(root / "manifests/bad.yaml")
    found = loaded(root, {})
    assert as_lines(found.diagnostics) == [f"manifests/bad.yaml:1:1 {expected}"]
    assert [manifest.address.name for manifest in found.manifests] == ["ok"]


def test_names_of_files_cannot_forge_lines_of_output(tmp_path: Path) -> None:
    (diagnostic,) = loaded(tmp_path, {"manifests/a\n::error::b.yaml": "- 1\n"}).diagnostics
    assert diagnostic.source == Source("manifests/a\\n::error::b.yaml", 1, 1)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    "text",
    [
        "title: '" + "${file:big.md}" * 300 + "'",
        "title: x\ntags: [" + ", ".join(["'x${file:big.md}'"] * 300) + "]",
        "title: x\ntags: [" + ", ".join(["'${var:many}'"] * 3000) + "]",
    ],
)
def test_expressions_cannot_grow_without_bounds(tmp_path: Path, text: str) -> None:
    place(tmp_path, {"manifests/big.md": "x" * (1024 * 1024)})
    lines = "".join(f"  {line}\n" for line in text.splitlines())
    place(tmp_path, {"manifests/t.yaml": f"kind: toy\nname: t\nspec:\n{lines}"})
    many = Environment(vars={"many": [[0] * 100 for _ in range(1000)]})
    found = loading.read(project(tmp_path), many, KINDS)
    assert "TV115" in [diagnostic.id for diagnostic in found.diagnostics]


@pytest.mark.parametrize(
    "text",
    [
        "tags: [" + "1, " * 1000 + "]",
        "tags: [" + "'${x}', " * 1000 + "]",
        "".join(f"unknown{n}: x\n" for n in range(1000)),
        "title: x\nengine: {headers: {" + ", ".join(f"h{n}: x" for n in range(1000)) + "}}",
    ],
)
def test_there_is_an_end_to_the_complaints_about_one_document(tmp_path: Path, text: str) -> None:
    assert 50 <= len(spec(tmp_path, text).diagnostics) <= 102


def test_there_is_an_end_to_the_complaints_about_one_file(tmp_path: Path) -> None:
    found = loaded(tmp_path, {"manifests/a.yaml": "kind: x\n---\n" * 1000})
    assert [c.message for c in found.diagnostics if c.id == "TV115"] == [
        "more than 500 problems; the rest of the file is not checked"
    ]
    assert len(found.diagnostics) == 503


def test_a_project_is_as_safe_as_can_be_unless_told() -> None:
    assert Safety() == Project("/", "/m").safety


def test_a_path_of_thousands_of_folders_is_checked_at_once(tmp_path: Path) -> None:
    start = time.process_time()

    assert files.similar_path(tmp_path.joinpath(*["d"] * 5_000), tmp_path) == ""

    assert time.process_time() - start < 2  # a few milliseconds; what is not linear takes half a minute
