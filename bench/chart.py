"""Line charts as SVG: panels in a grid, a logarithmic x axis, lines that are named where they end.

Colours follow the reader's light or dark mode. Fonts are the reader's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 450, 270  # of a panel
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 138, 50, 52  # around its plot
_LINE = 15  # between the baselines of two labels
_MOST_TICKS = 5

_STYLE = """\
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #59636e }
.title { font-size: 14px; font-weight: 600; fill: #1f2328 }
.grid { stroke: #d1d9e0; stroke-width: 1 }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round }
.stroke0 { stroke: #0969da } .stroke1 { stroke: #bc4c00 } .stroke2 { stroke: #1a7f37 }
.fill0 { fill: #0969da } .fill1 { fill: #bc4c00 } .fill2 { fill: #1a7f37 }
.name { font-weight: 600; paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1 } .name { stroke: #0d1117 } .title { fill: #f0f6fc } .grid { stroke: #3d444d }
  .stroke0 { stroke: #4493f8 } .stroke1 { stroke: #f0883e } .stroke2 { stroke: #3fb950 }
  .fill0 { fill: #4493f8 } .fill1 { fill: #f0883e } .fill2 { fill: #3fb950 }
}"""


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    points: Sequence[tuple[float, float]]  # by rising x, which is above 0
    colour: int  # 0 to 2


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    unit: str  # of y
    x_title: str
    lines: Sequence[Line]  # those without points are left out


def draw(title: str, panels: Sequence[Panel], *, columns: int) -> str:
    """One SVG of all panels."""
    rows = math.ceil(len(panels) / columns)
    width, height = columns * _WIDTH, rows * _HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{_STYLE}\n</style>",
    ]
    for number, panel in enumerate(panels):
        left, top = number % columns * _WIDTH, number // columns * _HEIGHT
        parts += [f'<g transform="translate({left} {top})">', *_panel(panel), "</g>"]
    return "\n".join([*parts, "</svg>\n"])


def _panel(panel: Panel) -> Iterator[str]:
    lines = [line for line in panel.lines if line.points]
    scale = _Scale.of([point for line in lines for point in line.points])
    yield _text(_LEFT, 20, panel.title, "title")
    yield _text(_LEFT, 36, panel.unit)
    for tick in scale.y_ticks:
        yield f'<path class="grid" d="M{_LEFT} {scale.y(tick):.1f}H{_WIDTH - _RIGHT}"/>'
        yield _text(_LEFT - 8, scale.y(tick) + 4, f"{tick:,g}", anchor="end")
    for x in scale.x_ticks:
        yield _text(scale.x(x), _HEIGHT - _BOTTOM + 17, amount(x), anchor="middle")
    yield _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - _BOTTOM + 33, panel.x_title, anchor="middle")
    for line in lines:
        places = [(scale.x(x), scale.y(y)) for x, y in line.points]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        yield f'<path class="line stroke{line.colour}" d="M{path}"/>'
        yield from (f'<circle class="fill{line.colour}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in places)
    yield from _names(lines, scale)


def _names(lines: Sequence[Line], scale: _Scale) -> Iterator[str]:
    """Each line's name and last value: right of its end at the border, moved apart there; above it elsewhere."""
    free = 0.0
    for line in sorted(lines, key=lambda line: -line.points[-1][1]):
        end, value = line.points[-1]
        name, css = f"{line.name} {_value(value)}", f"name fill{line.colour}"
        if end < scale.x_ticks[-1]:
            yield _text(scale.x(end) + 6, scale.y(value) - 9, name, css)
            continue
        y = max(scale.y(value) + 4, free)
        free = y + _LINE
        yield _text(scale.x(end) + 9, y, name, css)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Values to places in a panel."""

    x_ticks: Sequence[float]
    y_ticks: Sequence[float]

    @classmethod
    def of(cls, points: Sequence[tuple[float, float]]) -> _Scale:
        return cls(sorted({x for x, _ in points}), _ticks(max((y for _, y in points), default=1)))

    def x(self, value: float) -> float:
        first, last = math.log(self.x_ticks[0]), math.log(self.x_ticks[-1])
        share = (math.log(value) - first) / (last - first) if last > first else 0.5
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        height = _HEIGHT - _TOP - _BOTTOM
        return _TOP + height * (1 - value / self.y_ticks[-1])


def _ticks(largest: float) -> list[float]:
    """From 0 to at least `largest`, in steps of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(largest / _MOST_TICKS))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * _MOST_TICKS >= largest)
    return [step * number for number in range(math.ceil(largest / step) + 1)]


def amount(value: float) -> str:
    """`10,000`, `1 million`"""
    return f"{value / 1e6:g} million" if value >= 1e6 else f"{value:,.0f}"


def _value(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _text(x: float, y: float, text: str, css: str = "", *, anchor: str = "start") -> str:
    chosen = f' class="{css}"' if css else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{chosen}>{escape(text)}</text>'
