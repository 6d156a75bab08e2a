"""Tables fit the width of a terminal, or are not tables."""

from hypothesis import given
from hypothesis import strategies as st

from simulator.cli.layout import FRAME_CHARACTERS, LONG_CHARACTERS, broken_header, column_widths

names = st.lists(st.sampled_from(["agent", "kind", "mean", "ms", "of", "confidence"]), min_size=1, max_size=4)
headers = names.map("_".join)


@given(st.data(), st.lists(headers, min_size=1, max_size=12), st.integers(20, 200))
def test_a_table_is_never_wider_than_the_terminal_and_breaks_nothing_short(
    data: st.DataObject, columns: list[str], width: int
) -> None:
    cell = st.text("abc 123", max_size=60)
    cells = data.draw(st.lists(st.tuples(*[cell] * len(columns)), max_size=4))
    widths = column_widths(columns, cells, width)
    if widths is None:
        return
    assert sum(widths) + FRAME_CHARACTERS * len(columns) + 1 <= width
    for n, (column, given_width) in enumerate(zip(columns, widths, strict=True)):
        assert all(len(line) <= given_width for line in broken_header(column, given_width).split("\n"))
        assert all(len(row[n]) <= given_width for row in cells if len(row[n]) <= LONG_CHARACTERS)


def test_what_has_room_is_as_wide_as_it_wants() -> None:
    assert column_widths(["kind", "mean_ms"], [["none", "12"]], 100) == [4, 7]
    assert broken_header("mean_ms", 7) == "mean_ms"


def test_headers_break_before_cells_do() -> None:
    assert column_widths(["mean_service_ms", "kind"], [["12", "critical_error"]], 29) == [8, 14]
    assert broken_header("mean_service_ms", 8) == "mean_\nservice_\nms"


def test_what_cannot_be_read_as_a_table_is_none() -> None:
    assert column_widths(["kind"] * 12, [["critical_error"] * 12], 100) is None
