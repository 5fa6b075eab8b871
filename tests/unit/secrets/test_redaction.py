from __future__ import annotations

import base64
import binascii
import functools
import gzip
import html
import json
import time
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

import pytest

from tavusctl.secrets import needles, redaction
from tavusctl.secrets.redaction import SHOWN, redacted, redacted_words, register

AWKWARD = "sk \"é/\\ +?'=&9"  # spelled otherwise wherever something has to be escaped


@pytest.fixture(autouse=True)
def run_of_its_own() -> Iterator[None]:
    needles._needles.cache_clear()  # so that every test spells its secrets itself
    with redaction.isolated_run():
        yield


@pytest.mark.parametrize(
    "spelling",
    [
        AWKWARD,
        json.dumps(AWKWARD)[1:-1],
        json.dumps(AWKWARD, ensure_ascii=False)[1:-1],
        repr(AWKWARD)[1:-1],
        quote(AWKWARD),
        quote(AWKWARD, safe=""),
        quote_plus(AWKWARD),
        AWKWARD.encode().hex(),
        AWKWARD.encode().hex().upper(),
        base64.b64encode(AWKWARD.encode()).decode(),
        base64.urlsafe_b64encode(AWKWARD.encode()).decode(),
    ],
)
def test_a_secret_is_found_in_every_spelling_and_nothing_else_goes_with_it(spelling: str) -> None:
    register(AWKWARD)
    assert redacted(f"before <{spelling}> after") == f"before <{SHOWN}> after"


@pytest.mark.parametrize("secret", ["sk-1\xff\xfe?>", "sk-12\xff\xfe?>", "sk-123\xff\xfe?>"])
def test_base_64_is_found_with_and_without_its_padding(secret: str) -> None:
    register(secret)
    for encoded in (base64.b64encode, base64.urlsafe_b64encode):
        whole = encoded(secret.encode()).decode()
        assert redacted(f"<{whole}>") == f"<{SHOWN}>"
        assert redacted(f"<{whole.rstrip('=')}>") == f"<{SHOWN}>"


def test_a_secret_that_is_no_text_is_found_by_its_bytes() -> None:
    register("key-\udcff-of-old")
    assert redacted(f"<{b'key-'.hex()}ff{b'-of-old'.hex()}>") == f"<{SHOWN}>"


def test_white_space_about_a_secret_and_inside_does_not_matter() -> None:
    register("  left  right\n")
    assert redacted("<left  right> <left right>") == f"<{SHOWN}> <{SHOWN}>"


def test_every_line_of_a_secret_is_one_unless_it_may_be_a_word() -> None:
    register("-----\n  longer\nshort\nlonger still\n")
    assert redacted("longer, short, longer still, -----") == f"{SHOWN}, short, {SHOWN}, -----"


def test_what_may_be_a_part_of_a_word_is_no_secret() -> None:
    register("12345")
    register(" 1234 ")
    register("123456")
    register("a     b")
    assert redacted("12345 1234 123456, a b") == f"12345 1234 {SHOWN}, a b"


@pytest.mark.parametrize(("short", "long"), [("abcdef", "abcdefghij"), ("zzzzzz", "a-zzzzzz-b")])
def test_of_secrets_inside_one_another_nothing_is_left(short: str, long: str) -> None:
    register(short)
    register(long)
    assert redacted(f"<{long}> <{short}>") == f"<{SHOWN}> <{SHOWN}>"


def test_a_secret_is_forgotten_with_its_run() -> None:
    register("of-the-outer-run")
    with redaction.isolated_run():
        register("of-the-inner-run")
        assert redacted("of-the-outer-run of-the-inner-run") == f"of-the-outer-run {SHOWN}"
    assert redacted("of-the-outer-run of-the-inner-run") == f"{SHOWN} of-the-inner-run"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("key abcdefgh123 is bad", f"key {SHOWN} is bad"),
        ("key abcdefgh12345 is bad", f"key {SHOWN} is bad"),
        ("key abcdefgh, abcdefgh12 and abcdefgX", f"key {SHOWN}, {SHOWN} and abcdefgX"),
        ("key ...fgh12345 is bad", f"key ...{SHOWN} is bad"),
        ("key ...efgh12345", f"key ...{SHOWN}"),
        ("key ...gh12345", "key ...gh12345"),
        ("abcdefgh1", SHOWN),
        ("abcdefgh", SHOWN),
        ("abcdefg", "abcdefg"),
    ],
)
def test_a_server_may_quote_the_beginning_of_a_secret(words: str, shown: str) -> None:
    register("abcdefgh12345")
    assert redacted_words(words) == shown


def test_a_secret_just_long_enough_has_a_beginning() -> None:
    register("abcdefgh1")
    assert redacted_words("<abcdefgh...>") == f"<{SHOWN}...>"


def test_of_secrets_that_begin_alike_the_longest_beginning_goes() -> None:
    register("abcdefgh9")
    register("abcdefgh12345")
    assert redacted_words("<abcdefgh123>") == f"<{SHOWN}>"


@pytest.mark.parametrize("shorter", ["abcdefgh", "cdefgh", "  abcdefgh1\n"])
def test_the_beginning_of_a_longer_secret_goes_with_the_shorter_one_in_it(shorter: str) -> None:
    register(shorter)
    register(" abcdefgh12345")
    assert redacted_words("<abcdefgh123>,abcdefgh12345,abcdefgh") == f"<{SHOWN}>,{SHOWN},{SHOWN}"


def test_secrets_that_overlap_go_with_one_another() -> None:
    register("abcdefgh")
    register("ghijkl")
    assert redacted("<abcdefghijkl> abcdefghabcdefgh") == f"<{SHOWN}> {SHOWN}{SHOWN}"


@pytest.mark.parametrize("secret", ["https://one.example/and-more", "Bearer abcdefgh", "one two three"])
def test_an_address_or_a_scheme_tells_nothing(secret: str) -> None:
    register(secret)
    text = f"see {secret[:-2]} there"
    assert redacted_words(text) == text


@pytest.mark.parametrize("secret", ["a-b_c.d1-more", "12345678-more"])
def test_what_keys_are_made_of_tells(secret: str) -> None:
    register(secret)
    assert redacted_words(f"<{secret[:-2]}>") == f"<{SHOWN}>"


@pytest.mark.parametrize("secret", ["https://a.example/abcdefgh12345", "two words abcdefgh12345"])
def test_the_end_of_a_url_or_of_several_words_is_no_secret(secret: str) -> None:
    register(secret)
    assert redacted_words("key ...efgh12345") == "key ...efgh12345"


def test_a_secret_broken_into_lines_is_found() -> None:
    register("abcdefgh12345")
    assert redacted("<abcdefgh\n12345> <abc\u00addefgh1234\ufeff5>") == f"<{SHOWN}> <{SHOWN}>"


@pytest.mark.parametrize("before", [b"\xff", b"\xff\xfe", b"\xff\xfe\xfd"])
@pytest.mark.parametrize("secret", ["abcdefgh12345", "abcdefgh123456", "abcdefgh1234567"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_is_found_in_base_64_that_is_no_text_otherwise(
    encode: Callable[[bytes], bytes], before: bytes, secret: str
) -> None:
    """Nothing of the secret is left: of the characters that it shares with its neighbours, one bit or two may be."""
    register(secret)
    packed = encode(before + secret.encode() + b"\xfb\xff\xfe").decode()
    shown = redacted(f"<{packed}>")
    assert SHOWN in shown
    assert len(shown.replace(SHOWN, "")) <= len(packed) + 2 - 8 * len(secret) // 6 + 2


def test_a_message_about_a_text_hides_pieces_of_the_secrets_in_it_alone() -> None:
    register("abcdefgh12345")
    register("zyxwvuts98765")
    about = redaction.redactor_for("key: abcdefgh12345")
    assert about("unexpected `defgh123` at") == f"unexpected `{SHOWN}` at"
    assert about("unexpected `xwvuts98` at") == "unexpected `xwvuts98` at"


def test_a_secret_overlaps_only_where_it_has_a_character() -> None:
    register("abcdefgh")
    text = "x:abcdefgh.example"
    assert redaction.overlaps_secret(text, 9, 18)
    assert not redaction.overlaps_secret(text, 10, 18)
    assert not redaction.overlaps_secret(text, 0, 2)
    assert not redaction.overlaps_secret("abcdefgh.example", 0, 16)


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: "\\\n    ".join(text[start : start + 5] for start in range(0, len(text), 5)),
        lambda text: "".join(f"\\{byte:o}" for byte in text.encode()),
        lambda text: "".join(f"&#x{ord(character):08x};" for character in text),
        lambda text: "".join(f"{character}<!-- -->" for character in text),
        "\x1b]8;;https://a.example\x1b\\".join,
        lambda text: base64.b32encode(b"user:" + text.encode()).decode(),
        *(functools.partial(str.join, mark) for mark in "\u034f\u2800\u3164\ufe0f\U000e0020"),
    ],
)
def test_a_secret_is_found_whatever_a_program_puts_into_it(encode: Callable[[str], str]) -> None:
    register("Ab-c.9_z")
    assert redacted(f"before: {encode('Ab-c.9_z')} after").startswith(f"before: {SHOWN}")


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: text.encode().decode("latin-1"),
        lambda text: text.encode().decode("cp1252"),
        lambda text: base64.b64encode(text.encode("utf-16-le")).decode(),
        lambda text: base64.b64encode(b"\xff" + text.encode("latin-1")).decode(),
        lambda text: quote(text.encode("latin-1")),
        lambda text: text.encode("utf-16-be").hex(),
        lambda text: str(list(map(ord, text))),
    ],
)
def test_a_secret_with_letters_outside_of_ascii_is_found_in_other_forms(encode: Callable[[str], str]) -> None:
    secret = "p\xe4ssw\xf6rd"
    register(secret)
    assert SHOWN in redacted(f"before: {encode(secret)} after")


@pytest.mark.parametrize("encode", [lambda text: text.encode(), lambda text: text.encode("utf-16-le")])
@pytest.mark.parametrize("secret", ["p\xe4ss-w.9_z", "first line\nsecond line\tend", "Ab-c.9_z"])
def test_a_list_of_bytes_may_have_bytes_that_are_not_printed(encode: Callable[[str], bytes], secret: str) -> None:
    register(secret)
    content = encode(secret)
    for spelled in (f"[{' '.join(map(str, content))}]", str(list(content))[1:], ", ".join(map(hex, content))):
        assert redacted(f"before {spelled}").startswith(f"before {SHOWN}")


@pytest.mark.parametrize("elsewhere", [base64.b64encode(b"another text").decode(), '["ab", "c"]', "1,2,3,4,5,65"])
def test_a_secret_inside_of_a_longer_name_goes_alone_whatever_is_encoded_elsewhere(elsewhere: str) -> None:
    register("tulip-7")
    assert redacted(f'"{elsewhere}", "1.0", "of_tulip-7_version"') == f'"{elsewhere}", "1.0", "of_{SHOWN}_version"'


def deflated(content: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(content) + deflate.flush()


def of_css(text: str) -> str:
    return "".join(f"\\{ord(char):06x}" for char in text)


RARE: list[Callable[[bytes], str]] = [
    lambda content: base64.a85encode(content).decode(),
    lambda content: base64.a85encode(content, adobe=True).decode(),
    lambda content: base64.b85encode(content).decode(),
    lambda content: base64.b32hexencode(content).decode(),
    lambda content: binascii.b2a_uu(content).decode(),
    lambda content: base64.b64encode(content).decode()[::-1],
    lambda content: content.hex()[::-1],
]
COMPRESSED: list[Callable[[bytes], str]] = [
    lambda content: base64.b64encode(gzip.compress(content)).decode(),
    lambda content: base64.urlsafe_b64encode(zlib.compress(content)).decode().rstrip("="),
    lambda content: base64.b64encode(deflated(content)).decode(),
    lambda content: zlib.compress(content).hex(),
    lambda content: base64.b64encode(gzip.compress(content)).decode()[:-12],  # as in a message that is cut
]
CHARACTERS: list[Callable[[bytes], str]] = [
    lambda content: f"+{base64.b64encode(content.decode().encode('utf-16-be')).decode().rstrip('=')}-",
    lambda content: of_css(content.decode()),
    lambda content: "".join(f"\\{ord(char):x} " for char in content.decode()),
    lambda content: content.decode().translate({number: 0xFEE0 + number for number in range(0x21, 0x7F)}),
    lambda content: ":".join(f"{byte:02x}" for byte in content),
]


@pytest.mark.parametrize("secret", ["Ab-c.9_z<1&", "p\xe4ss-w.9_z+x", "481516234215"])
@pytest.mark.parametrize("encode", [*RARE, *COMPRESSED, *CHARACTERS])
def test_a_secret_is_found_in_encodings_that_few_programs_write(encode: Callable[[bytes], str], secret: str) -> None:
    register(secret)
    if secret.isascii() or encode not in CHARACTERS[-1:]:  # only the bytes of ASCII have a core
        shown = redacted(f"before: {encode(secret.encode())} after")
        assert SHOWN in shown
        assert len("".join(shown.split())) <= len(f"before:<~{SHOWN}~>after")


@pytest.mark.parametrize("outer", [json.dumps, html.escape, quote])
@pytest.mark.parametrize("encode", [*RARE[:5], *COMPRESSED[:4]])
def test_a_secret_is_found_in_a_longer_text_in_rare_encodings(
    outer: Callable[[str], str], encode: Callable[[bytes], str]
) -> None:
    register("Ab-c.9_z<1&more")
    for before in ("", "u", "us", "use", "user", "user:"):
        content = f"{before}Ab-c.9_z<1&more, and so on".encode()
        assert SHOWN in redacted(f"before {outer(encode(content))} after"), before


def test_the_punycode_of_a_host_is_read() -> None:
    register("p\xe4ss-w\xf6rd")
    assert redacted("https://xn--pss-wrd-5wa0o.example.com") == f"https://{SHOWN}.example.com"


def test_what_is_compressed_a_thousand_times_takes_no_longer() -> None:
    register("abcdefgh-12345")
    bomb = base64.b64encode(gzip.compress(bytes(10_000_000))).decode()
    start = time.process_time()
    redacted(f"{bomb} " * 20)
    assert time.process_time() - start < 2.5


ENCODED = "&amp;amp;#35; %252541 \\\\u0041 =3D41 ~01 '''' <b>x</b> #35; 1,2,3,4,5,6 YWJjZGVmZ2hpamts \uff41 "


def test_the_time_for_a_long_text_with_many_nested_encodings_is_short() -> None:
    register("abcdefgh-12345")
    text = ENCODED * (200_000 // len(ENCODED))
    start = time.process_time()
    redacted(text)
    assert time.process_time() - start < 2.5


def test_the_time_for_a_text_that_is_too_long_for_all_readings_hardly_grows_with_it() -> None:
    register("abcdefgh-12345")

    def seconds(length: int) -> float:
        start = time.process_time()
        redacted(ENCODED * (length // len(ENCODED)))
        return time.process_time() - start

    assert seconds(1_000_000) < 3 * seconds(200_000)


@pytest.mark.parametrize(
    "encoded",
    [",".join(str(ord(char)) for char in "abcdefgh-12345"), "".join(chr(ord(c) + 0xFEE0) for c in "abcdefgh-12345")],
)
def test_a_secret_in_one_encoding_is_found_in_a_text_of_any_length_with_other_encodings(encoded: str) -> None:
    register("abcdefgh-12345")
    around = "a &amp; b %20 c \\n d =3D e ~1 f 'x' \"y\" g h 1,2,3 \\41 z abcdefghijklmnop " * 9_000
    is_shown = encoded in redacted(f"{around} K:{encoded} END {around}")
    assert not is_shown


def test_quoted_pieces_are_looked_for_in_short_texts_only() -> None:
    """A long text, such as a prompt with code, may have so many quotes that the search would take a minute."""
    register("p'w/d#1")
    pieces, code = json.dumps(list("p'w/d#1")), '"a", ' * 2000
    assert redacted(pieces) == f'["{SHOWN}"]'
    assert redacted(code + pieces) == code + pieces


SIGNS = "sk \"é/+?'=&9"


@pytest.mark.parametrize(
    "spelling",
    [
        quote(quote(SIGNS)),
        html.escape(json.dumps(SIGNS)[1:-1]),
        json.dumps(html.escape(SIGNS))[1:-1],
        quote("".join(f"&#{ord(character)};" for character in SIGNS)),
        base64.b64encode(f"user: {SIGNS} ".encode()).decode(),
        base64.b64encode(quote(SIGNS).encode()).decode(),
    ],
)
def test_a_secret_in_nested_encodings_is_also_found_in_a_long_text(spelling: str) -> None:
    register(SIGNS)
    before = ENCODED * (60_000 // len(ENCODED))
    assert redacted(f"{before}<{spelling}> after").endswith(f"{SHOWN}> after")
