import html
import re

from hypothesis import given
from hypothesis import strategies as st

from analysis.markdown import CELL_CHARACTERS_MAX, cell, escape, table

HOSTILE = st.text(alphabet=st.sampled_from("|`*_<>[]()#!~\\&$@:- \n\r\t\0\x1b\x9b‮aZ1é"), max_size=80)


def shown(markdown: str) -> str:
    """What a reader sees of escaped text."""
    return html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown))


@given(HOSTILE)
def test_escaped_text_reads_as_the_text_on_one_line(text: str) -> None:
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    assert shown(escape(text)) == plain


@given(HOSTILE)
def test_nothing_in_escaped_text_means_anything(text: str) -> None:
    bare = re.sub(r"\\[!-/:-@\[-`{-~]|&(amp|lt|gt);", "", escape(text))
    assert not set(bare) & set("|`*<>[]()#!~&$@\\\n\r\0\x1b")


@given(st.lists(st.tuples(HOSTILE, HOSTILE), max_size=5))
def test_a_table_has_a_line_for_each_row_and_no_more_cells(rows: list[tuple[str, str]]) -> None:
    lines = table(("a", "b"), rows)
    assert len(lines) == 2 + len(rows)
    assert all(len(re.findall(r"(?<!\\)\|", line.replace(r"\\", ""))) == 3 for line in lines)


def test_no_viewer_makes_a_link_of_a_web_address() -> None:
    assert escape("www.a.b WWW.a.b http://a.b") == r"www\.a.b WWW\.a.b http\://a.b"


def test_long_text_is_cut() -> None:
    assert len(escape("x" * 10_000)) == CELL_CHARACTERS_MAX


def test_names_and_figures_stay_readable_in_the_source() -> None:
    assert escape("critical_error at 12:30, 0.5 USD, 87 %") == "critical_error at 12:30, 0.5 USD, 87 %"


def test_values_are_written_for_people() -> None:
    values = (None, True, 1234567, 0.25, 12.0, "x")
    assert [cell(value) for value in values] == ["n/a", "yes", "1,234,567", "0.25", "12", "x"]
