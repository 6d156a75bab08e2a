"""Draws a confusion matrix and a reliability diagram as SVG. Must not compute a figure."""

from collections.abc import Iterator
from html import escape

from agents.lexicon import LABELS
from analysis.chart import Chart, Point, Series, draw
from simulator.detection.evaluation import Evaluation

CELL_WIDTH, CELL_HEIGHT = 92, 40
LEFT, TOP, BOTTOM = 190, 92, 20
_COLOUR = (37, 99, 235)
_PALE_SHARE_MAX = 0.55
"""Up to this share of a row, dark figures can be read on the cell."""


def reliability_picture(evaluation: Evaluation) -> str:
    """How often the detector was right, by how sure it was; a calibrated one is on the diagonal."""
    bins = evaluation.reliability
    measured = [Point(b.mean_confidence, b.right_share) for b in bins]
    diagonal = Series("perfectly calibrated", [Point(0.0, 0.0), Point(1.0, 1.0)])
    return draw(
        Chart(
            "Reliability: how often right, by how sure",
            "Mean confidence of records that are about as sure (0 to 1)",
            "Share judged rightly (0 to 1)",
            [Series("measured", measured), diagonal],
            y_max=1.0,
            x_max=1.0,
        )
    )


def confusion_picture(evaluation: Evaluation) -> str:
    """Rows are the truth, columns what was judged; the colour is the share of the row."""
    width, height = LEFT + CELL_WIDTH * len(LABELS) + 20, TOP + CELL_HEIGHT * len(LABELS) + BOTTOM
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" role="img" aria-label="Confusion matrix"'
        ' font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        _text(
            16, 22, "Confusion matrix: rows are the truth, columns what was judged", "start", "#111827", 15
        ),
        *_names(),
        *_cells(evaluation),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _names() -> Iterator[str]:
    for i, label in enumerate(LABELS):
        middle = LEFT + CELL_WIDTH * i + CELL_WIDTH / 2
        for number, word in enumerate(label.split("_")):
            yield _text(middle, TOP - 24 + 14 * number, word, "middle", "#374151", 12)
        yield _text(LEFT - 10, TOP + CELL_HEIGHT * i + CELL_HEIGHT / 2 + 4, label, "end", "#374151", 12)


def _cells(evaluation: Evaluation) -> Iterator[str]:
    red, green, blue = _COLOUR
    for i, row in enumerate(evaluation.confusion):
        total = sum(row)
        for j, count in enumerate(row):
            share = count / total if total else 0.0
            x, y = LEFT + CELL_WIDTH * j, TOP + CELL_HEIGHT * i
            yield (
                f'<rect x="{x}" y="{y}" width="{CELL_WIDTH}" height="{CELL_HEIGHT}" stroke="#e5e7eb"'
                f' fill="rgb({red},{green},{blue})" fill-opacity="{share:.3f}"/>'
            )
            colour = "#111827" if share <= _PALE_SHARE_MAX else "#ffffff"
            yield _text(x + CELL_WIDTH / 2, y + CELL_HEIGHT / 2 + 4, str(count), "middle", colour, 12)


def _text(x: float, y: float, text: str, anchor: str, colour: str, size: int) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"'
    return f"<text {place}>{escape(text)}</text>"
