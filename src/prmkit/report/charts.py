"""Figures as SVG that takes its colours from the page, so that both themes and print can read it.

Marks carry classes (`s0` ... `s7` for series) and no colours. Every mark has a title with its
numbers. Built with ElementTree, which escapes every text.
"""

from collections.abc import Sequence
from importlib import resources
from typing import NamedTuple
from xml.etree import ElementTree

from prmkit.analysis.result import Figure, Point, Series
from prmkit.records import Estimate
from prmkit.report.axes import Axis, LogAxis, axis_over, log_axis_over, text_width
from prmkit.report.words import estimate_text

WIDTH = 400.0
_FONT = 12.0
_N_COLOURS = 8
_PLOT_HEIGHT = 210.0
_LABEL_WIDTH = 150.0
_RIGHT = 48.0


def svg_of(figure: Figure) -> str:
    """A figure as SVG text; empty if it has no point."""
    drawn = tuple(series for series in figure.series if series.points)
    if not drawn:
        return ""
    figure = figure.model_copy(update={"series": drawn})
    drawing = _Drawing(figure)
    {"dots": _dots, "lines": _lines, "scatter": _scatter}[figure.kind](drawing)
    return drawing.text()


def picture_of(figure: Figure) -> str:
    """A figure as an SVG file of its own, with its colours for light and dark; as `svg_of`."""
    svg = svg_of(figure)
    if not svg:
        return ""
    root = ElementTree.fromstring(svg)  # our own, a line above
    root.set("xmlns", "http://www.w3.org/2000/svg")
    style, ground = ElementTree.Element("style"), ElementTree.Element("rect")
    rules = (resources.files("prmkit.report") / "page" / "chart.css").read_text(encoding="utf-8")
    style.text = rules + ".ground{fill:var(--panel)}"
    for name, value in {"class": "ground", "width": "100%", "height": "100%"}.items():
        ground.set(name, value)
    root[:0] = [style, ground]
    return ElementTree.tostring(root, encoding="unicode")


class _Box(NamedTuple):
    """The plot's area."""

    left: float
    top: float
    right: float
    bottom: float


class _Drawing:
    """An SVG being drawn from top to bottom."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.svg = ElementTree.Element(
            "svg", {"class": "chart", "role": "img", "aria-label": figure.title}
        )
        self.bottom = self._legend() if len(figure.series) > 1 else 6.0

    def text(self) -> str:
        self.svg.set("viewBox", f"0 0 {WIDTH:g} {self.bottom:g}")
        return ElementTree.tostring(self.svg, encoding="unicode")

    def say(self, x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> None:
        """Write a text; y is its baseline."""
        attributes = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}
        if kind:
            attributes["class"] = kind
        ElementTree.SubElement(self.svg, "text", attributes).text = text

    def line(self, kind: str, ends: tuple[float, float, float, float], title: str = "") -> None:
        """A straight line (x1, y1, x2, y2)."""
        names = zip(("x1", "y1", "x2", "y2"), ends, strict=True)
        mark = ElementTree.SubElement(
            self.svg, "line", {"class": kind, **{name: f"{v:.1f}" for name, v in names}}
        )
        if title:
            ElementTree.SubElement(mark, "title").text = title

    def dot(self, kind: str, x: float, y: float, title: str) -> None:
        """A point with its numbers as a title."""
        place = {"class": kind, "cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "4"}
        mark = ElementTree.SubElement(self.svg, "circle", place)
        ElementTree.SubElement(mark, "title").text = title

    def path(self, kind: str, points: Sequence[tuple[float, float]]) -> None:
        """A line through points."""
        d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        ElementTree.SubElement(self.svg, "path", {"class": kind, "d": d})

    def _legend(self) -> float:
        """Names of the series on as many lines as they need; where the plot begins."""
        x, y = 4.0, 16.0
        for i, series in enumerate(self.figure.series):
            width = 24 + text_width(series.name, _FONT)
            if x + width > WIDTH and x > 4.0:
                x, y = 4.0, y + 18
            kind = _class(series, i)
            if self.figure.kind == "lines":
                self.line(f"curve {kind}", (x, y - 4, x + 14, y - 4))
            else:
                self.dot(f"dot {kind}", x + 7, y - 4, series.name)
            self.say(x + 19, y, series.name)
            x += width + 8
        return y + 12

    def x_axis(self, box: _Box, axis: Axis | LogAxis, label: str) -> None:
        """Ticks, grid and the axis' label below the plot."""
        for tick in axis.ticks:
            x = axis.at(tick, box.left, box.right)
            self.line("zero" if tick == 0 else "grid", (x, box.top, x, box.bottom))
            self.say(x, box.bottom + 15, axis.label(tick), "tick", "middle")
        self.say((box.left + box.right) / 2, box.bottom + 32, label, "label", "middle")

    def y_axis(self, box: _Box, axis: Axis) -> None:
        """Ticks and grid to the left of the plot."""
        for tick in axis.ticks:
            y = axis.at(tick, box.bottom, box.top)
            self.line("zero" if tick == 0 else "grid", (box.left, y, box.right, y))
            self.say(box.left - 6, y + 4, axis.label(tick), "tick", "end")


def _class(series: Series, i: int) -> str:
    return f"s{i % _N_COLOURS}{' reference' if series.reference else ''}"


def _scale(figure: Figure) -> float:
    return 1.0 if figure.unit == "number" else 100.0


def _title(series: Series, point: Point, figure: Figure) -> str:
    x = "" if isinstance(point.x, Estimate) else str(point.x)
    if isinstance(point.x, float):
        x = f"{point.x:g}"
    named = ", ".join(dict.fromkeys(part for part in (series.name, point.label, x) if part))
    return f"{named}: {estimate_text(point.y, figure.unit)}"


def _dots(drawing: _Drawing) -> None:
    """A row a category, in it a dot and an interval a series; values in words at the right."""
    figure, times = drawing.figure, _scale(drawing.figure)
    names = list(dict.fromkeys(str(p.x) for s in figure.series for p in s.points))
    rows = {n: [s for s in figure.series if any(p.x == n for p in s.points)] for n in names}
    axis = _axis([p.y for s in figure.series for p in s.points], figure)
    heights = {n: 15.0 * len(rows[n]) + 9.0 for n in names}
    left = min(_LABEL_WIDTH, 14 + max(text_width(n, _FONT) for n in names))
    top = drawing.bottom
    box = _Box(left, top, WIDTH - _RIGHT, top + sum(heights.values()))
    drawing.x_axis(box, axis, _with_unit(figure.y_label, figure))
    y = box.top
    for name in names:
        drawing.say(left - 8, y + heights[name] / 2 + 4, _cut(name, left - 10), "", "end")
        for k, series in enumerate(rows[name]):
            point = next(p for p in series.points if p.x == name)
            kind = _class(series, figure.series.index(series))
            at = y + 12.0 + 15.0 * k
            low, x, high = (
                axis.at(times * v, box.left, box.right)
                for v in (point.y.low, point.y.value, point.y.high)
            )
            title = _title(series, point, figure)
            drawing.line(f"interval {kind}", (low, at, high, at), title)
            drawing.dot(f"dot {kind}", x, at, title)
            drawing.say(box.right + 9, at + 4, axis.exact(times * point.y.value), "value")
        y += heights[name]
    drawing.bottom = box.bottom + 40


def _lines(drawing: _Drawing) -> None:
    """A line a series over a numeric x, with an interval at each point."""
    figure, times = drawing.figure, _scale(drawing.figure)
    points = [p for s in figure.series for p in s.points]
    places = [_number(p) for p in points]
    across = log_axis_over(places) if figure.log_x else axis_over(places, whole=False)
    up = _axis([p.y for p in points], figure)
    box = _plot(drawing, up, across.label(across.ticks[-1]))
    drawing.x_axis(box, across, figure.x_label)
    drawing.y_axis(box, up)
    if figure.diagonal:
        ends = (max(across.low, up.low), min(across.high, up.high))
        drawing.path(
            "diagonal",
            [(across.at(v, box.left, box.right), up.at(v, box.bottom, box.top)) for v in ends],
        )
    for i, series in enumerate(figure.series):
        kind, line = _class(series, i), list[tuple[float, float]]()
        for point in series.points:
            x = across.at(_number(point), box.left, box.right) + _apart(i, point, figure)
            low, y, high = (
                up.at(times * v, box.bottom, box.top)
                for v in (point.y.low, point.y.value, point.y.high)
            )
            line.append((x, y))
            title = _title(series, point, figure)
            drawing.line(f"interval {kind}", (x, low, x, high), title)
            drawing.dot(f"dot small {kind}", x, y, title)
        if line:
            drawing.path(f"curve {kind}", line)
    drawing.bottom = box.bottom + 40


def _scatter(drawing: _Drawing) -> None:
    """Points in a plane, with an interval in each direction."""
    figure, times = drawing.figure, _scale(drawing.figure)
    points = [p for s in figure.series for p in s.points]
    across = _axis([p.x for p in points if isinstance(p.x, Estimate)], figure)
    up = _axis([p.y for p in points], figure)
    box = _plot(drawing, up, across.label(across.ticks[-1]))
    drawing.x_axis(box, across, _with_unit(figure.x_label, figure))
    drawing.y_axis(box, up)
    for i, series in enumerate(figure.series):
        for point in series.points:
            if not isinstance(point.x, Estimate):
                continue
            x_low, x, x_high = (
                across.at(times * v, box.left, box.right)
                for v in (point.x.low, point.x.value, point.x.high)
            )
            y_low, y, y_high = (
                up.at(times * v, box.bottom, box.top)
                for v in (point.y.low, point.y.value, point.y.high)
            )
            kind, title = _class(series, i), _title(series, point, figure)
            drawing.line(f"interval {kind}", (x_low, y, x_high, y), title)
            drawing.line(f"interval {kind}", (x, y_low, x, y_high), title)
            drawing.dot(f"dot {kind}", x, y, title)
    drawing.bottom = box.bottom + 40


def _plot(drawing: _Drawing, up: Axis, last: str) -> _Box:
    """The area of a plot with a y axis; its label stands above the axis, where it can be read.

    The last label of the x axis stands under the right edge and fits into the picture.
    """
    figure = drawing.figure
    drawing.say(4, drawing.bottom + 6, _with_unit(figure.y_label, figure), "label")
    top = drawing.bottom + 18
    left = 12 + max(text_width(up.label(t), 11) for t in up.ticks)
    right = max(12.0, 2 + text_width(last, 11) / 2)
    return _Box(left, top, WIDTH - right, top + _PLOT_HEIGHT)


def _number(point: Point) -> float:
    if not isinstance(point.x, float):
        raise TypeError(f"a line needs numbers along x, found {point.x!r}")
    return point.x


def _apart(i: int, point: Point, figure: Figure) -> float:
    """Pixels that a point is moved sideways, so that intervals at one x do not hide each other."""
    there = [k for k, s in enumerate(figure.series) if any(p.x == point.x for p in s.points)]
    return 3.0 * (there.index(i) - (len(there) - 1) / 2)


def _axis(estimates: Sequence[Estimate], figure: Figure) -> Axis:
    times = _scale(figure)
    values = [times * v for e in estimates for v in (e.low, e.value, e.high)]
    return axis_over(values, whole=figure.unit == "percent")


def _with_unit(label: str, figure: Figure) -> str:
    return label if figure.unit == "number" else f"{label}, %"


def _cut(text: str, width: float) -> str:
    """The text, shortened in the middle if it is too wide."""
    if text_width(text, _FONT) <= width:
        return text
    n = max(4, int(len(text) * width / text_width(text, _FONT)) - 1)
    return f"{text[: n - n // 3]}…{text[-(n // 3) :]}"
