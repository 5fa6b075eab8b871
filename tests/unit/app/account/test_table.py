from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tavusctl.app.account.inventory import draw_table
from tavusctl.reports.terminal.line_wrapping import columns

HEAD = ["NAME", "ID", "STATUS", "ADDRESS"]
TEXT = st.text(max_size=60)
ID = st.from_regex(r"[a-z][0-9a-f]{12,16}", fullmatch=True)


@given(st.lists(st.tuples(TEXT, ID, st.sampled_from(["", "completed", "started"]), TEXT), min_size=1, max_size=8))
def test_a_table_fits_and_keeps_every_id(rows: list[tuple[str, str, str, str]]) -> None:
    lines = draw_table(HEAD, rows, width=80, whole=1).splitlines()
    assert len(lines) == len(rows) + 1
    assert max(map(columns, lines)) <= 80
    assert all(row[1] in line for row, line in zip(rows, lines[1:], strict=True))


def test_without_a_width_nothing_is_cut() -> None:
    assert draw_table(["A", "B"], [["x" * 200, ""]]) == f"A{' ' * 201}B\n{'x' * 200}  -\n"


def test_what_is_cut_ends_in_an_ellipsis_and_wide_letters_count_double() -> None:
    table = draw_table(["NAME", "ID"], [["漢字" * 10, "p1234"], ["short", "p5"]], width=20, whole=1)
    assert table == "NAME           ID\n漢字漢字漢字…  p1234\nshort          p5\n"
