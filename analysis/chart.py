"""Draws a line chart as SVG. Must not know where the numbers come from.

Text is escaped, and the file refers to nothing outside itself.
"""

from collections.abc import Iterator, Sequence
from html import escape
from math import ceil, floor, log10
from typing import Literal, NamedTuple

POINTS_MAX = 600
"""Points drawn of one series; longer ones are thinned, keeping the extremes of each stretch."""
TICKS_MAX = 6
WIDTH, HEIGHT = 760, 340
LEFT, RIGHT, TOP, BOTTOM = 74, 22, 52, 50
COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea")


class Point(NamedTuple):
    x: float
    y: float


class Range(NamedTuple):
    """From where to where a value may be."""

    x: float
    low: float
    high: float


class Series(NamedTuple):
    name: str
    points: Sequence[Point]
    style: Literal["line", "steps", "dots"] = "line"
    """``steps`` for a value that holds until it changes; ``dots`` for single measurements."""
    band: Sequence[Range] = ()
    """How uncertain the values are; drawn behind all lines."""


class Limit(NamedTuple):
    name: str
    y: float


class Chart(NamedTuple):
    title: str
    x_label: str
    """With its unit."""
    y_label: str
    series: Sequence[Series]
    limit: Limit | None = None
    """A line that the values are meant to stay below or above."""
    y_max: float | None = None
    """Where the axis ends at least; from the values if None."""
    x_max: float | None = None
    y_min: float = 0.0
    """Where the axis begins at most."""


class _Scale(NamedTuple):
    ticks: Sequence[float]
    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def draw(chart: Chart) -> str:
    """The chart as an SVG document."""
    shown = [series._replace(points=_thinned(series.points)) for series in chart.series]
    points = [point for series in shown for point in series.points]
    x = _scale([0.0, chart.x_max or 0.0, *(p.x for p in points)], LEFT, WIDTH - RIGHT, tight=True)
    edges = [edge for series in shown for r in series.band for edge in (r.low, r.high)]
    values = [chart.y_min, *(p.y for p in points), *edges, chart.y_max or chart.y_min]
    if chart.limit and chart.limit.y <= 3 * max(values):
        values.append(chart.limit.y)
    y = _scale(values, HEIGHT - BOTTOM, TOP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
        f' height="{HEIGHT}" role="img" aria-label="{_safe(chart.title)}"'
        ' font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 22, chart.title, 'font-size="15" font-weight="600" fill="#111827"'),
        *_axes(chart, x, y),
        *_limit(chart, y),
        *(_band(series, COLOURS[i % len(COLOURS)], x, y) for i, series in enumerate(shown) if series.band),
        *(_drawn(series, COLOURS[i % len(COLOURS)], x, y) for i, series in enumerate(shown)),
        *_legend(shown),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _axes(chart: Chart, x: _Scale, y: _Scale) -> Iterator[str]:
    for tick in y.ticks:
        at = y.place(tick)
        yield f'<line x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}" stroke="#e5e7eb"/>'
        yield _text(LEFT - 8, at + 4, _number(tick, y), 'text-anchor="end" fill="#4b5563"')
    base = HEIGHT - BOTTOM
    for tick in x.ticks:
        at = x.place(tick)
        yield f'<line x1="{at:.1f}" y1="{base}" x2="{at:.1f}" y2="{base + 5}" stroke="#6b7280"/>'
        yield _text(at, base + 19, _number(tick, x), 'text-anchor="middle" fill="#4b5563"')
    yield f'<line x1="{LEFT}" y1="{base}" x2="{WIDTH - RIGHT}" y2="{base}" stroke="#6b7280"/>'
    middle = (TOP + base) / 2
    yield _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, chart.x_label, 'text-anchor="middle" fill="#374151"')
    turned = f'text-anchor="middle" fill="#374151" transform="rotate(-90 18 {middle:.1f})"'
    yield _text(18, middle, chart.y_label, turned)


def _limit(chart: Chart, y: _Scale) -> Iterator[str]:
    if chart.limit and y.low <= chart.limit.y <= y.high:
        at = y.place(chart.limit.y)
        dashes = 'stroke="#dc2626" stroke-dasharray="6 4"'
        yield f'<line x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}" {dashes}/>'
        yield _text(WIDTH - RIGHT - 4, at - 5, chart.limit.name, 'text-anchor="end" fill="#b91c1c"')


def _drawn(series: Series, colour: str, x: _Scale, y: _Scale) -> str:
    places = [(x.place(point.x), y.place(point.y)) for point in series.points]
    if series.style == "dots" or len(places) == 1:
        dots = "".join(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="2.6"/>' for px, py in places)
        return f'<g fill="{colour}" fill-opacity="0.55">{dots}</g>'
    path: list[str] = []
    for index, (px, py) in enumerate(places):
        if index and series.style == "steps":
            path.append(f"H{px:.1f}V{py:.1f}")
        else:
            path.append(f"{'L' if index else 'M'}{px:.1f} {py:.1f}")
    pen = f'fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"'
    return f'<path d="{"".join(path)}" {pen}/>'


def _band(series: Series, colour: str, x: _Scale, y: _Scale) -> str:
    upper = [f"{x.place(r.x):.1f},{y.place(r.high):.1f}" for r in series.band]
    lower = [f"{x.place(r.x):.1f},{y.place(r.low):.1f}" for r in reversed(series.band)]
    return f'<polygon points="{" ".join([*upper, *lower])}" fill="{colour}" fill-opacity="0.13"/>'


def _legend(shown: Sequence[Series]) -> Iterator[str]:
    at = float(LEFT)
    for index, series in enumerate(shown):
        yield f'<rect x="{at:.1f}" y="33" width="14" height="4" fill="{COLOURS[index % len(COLOURS)]}"/>'
        yield _text(at + 20, 39, series.name, 'fill="#374151"')
        at += 40 + 6.6 * len(series.name)


def _text(x: float, y: float, text: str, attributes: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{_safe(text)}</text>'


def _safe(text: str) -> str:
    """Escaped, and without controls, of which most may not be in XML at all."""
    return escape("".join(c if c.isprintable() else " " for c in text))


def _scale(values: Sequence[float], start: float, end: float, *, tight: bool = False) -> _Scale:
    """An axis over the values with round ticks; a tight one ends at the last value, not at a tick."""
    low, high = min(values), max(values)
    if low == high:
        high = low + 1.0
    step = _round_step((high - low) / TICKS_MAX)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    ticks = [tick * step for tick in range(first, last + 1)]
    if tight:
        ticks = [tick for tick in ticks if low <= tick <= high * (1 + 1e-9)]
        return _Scale(ticks, low, high, start, end)
    return _Scale(ticks, ticks[0], ticks[-1], start, end)


def _round_step(rough: float) -> float:
    """The least of 1, 2, 2.5, 3, 4, 5, 6 times a power of ten that is not below ``rough``."""
    power: float = 10.0 ** floor(log10(rough))
    return next(nice * power for nice in (1, 2, 2.5, 3, 4, 5, 6, 10) if nice * power >= rough * (1 - 1e-9))


def _number(tick: float, scale: _Scale) -> str:
    step = scale.ticks[1] - scale.ticks[0] if len(scale.ticks) > 1 else 1.0
    digits = next(d for d in range(13) if abs(round(step, d) - step) < step * 1e-6 or d == 12)
    return f"{tick:,.{digits}f}"


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    """At most POINTS_MAX points: the lowest and the highest of each stretch, in order."""
    if len(points) <= POINTS_MAX:
        return points
    stretch = ceil(len(points) / (POINTS_MAX // 2))
    kept: list[Point] = []
    for start in range(0, len(points), stretch):
        part = points[start : start + stretch]
        kept += sorted({min(part, key=lambda p: p.y), max(part, key=lambda p: p.y)})
    return kept
