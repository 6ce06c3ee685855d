"""Drawing: matplotlib on a canvas measured in pixels, turned into one SVG that works alone and inside the page.

Invariants: the same input gives the same bytes; every colour is written twice, as a plain value and as a CSS variable that
falls back to it, so one file is right on its own and follows the page into dark mode; every id begins with the figure's
name, so many figures can stand in one page; nothing in a label is ever read as mathematics or markup.
"""

from __future__ import annotations

import html
import io
import math
import re
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D

from tamis.report.mask import visible

# Role: (light, dark). Text roles and arms have contrast >= 4.5 against `paper` in both; the first four arms stay apart
# (CIELAB distance >= 14) for normal sight, deuteranopia, protanopia and tritanopia (Machado et al. 2009, severity 1).
PALETTE: dict[str, tuple[str, str]] = {
    "paper": ("#fdfcf9", "#16181c"),
    "ink": ("#1c1d21", "#e6e4df"),
    "soft": ("#5c5f66", "#a5a8ad"),
    "line": ("#d9d6cf", "#34373d"),
    "wash": ("#f3f0e9", "#1f2227"),
    "arm-1": ("#1b72bd", "#4aa3f7"),
    "arm-2": ("#a8390b", "#f08a3c"),
    "arm-3": ("#0a5544", "#93d9b8"),
    "arm-4": ("#8a2d86", "#e59be6"),
    "arm-5": ("#8d6a00", "#e6c35c"),
    "arm-6": ("#14213f", "#b4c6e0"),
    "arm-7": ("#bb2560", "#f2709f"),
    "arm-8": ("#5b7480", "#e9edf0"),
}
ARM_COLOURS = 8
MARKERS = "osD^vPX*"  # a second cue beside colour: arms beyond the eighth repeat both
MARKER_SIZE = {"D": 0.85, "^": 1.1, "v": 1.1, "P": 1.1, "X": 1.1, "*": 1.5}  # so that all look equally large
SANS = "var(--sans, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif)"
SIZE = 13.0  # px, the text of every figure
WIDE = 720.0  # px, the width of a figure that fills the column
LEGEND_LINE = 22.0  # px
SMALL = 344.0  # px, two beside each other in the column, one on a telephone

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tamis",
    "font.family": ["DejaVu Sans"],
    "font.size": SIZE,
    "path.simplify": True,
}
_COLOUR = re.compile(r"\b(fill|stroke|stop-color): (#[0-9a-f]{6})\b")
_ROLE = {light: role for role, (light, _) in PALETTE.items()}


@contextmanager
def style() -> Iterator[None]:
    """Matplotlib's defaults and ours, whatever the user's own settings are; all drawing happens inside."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def colour(role: str) -> str:
    """The light value of a role; it stands for the role until the SVG is written."""
    return PALETTE[role][0]


def arm_role(index: int) -> str:
    return f"arm-{index % ARM_COLOURS + 1}"


def arm_marker(index: int) -> str:
    return MARKERS[index % len(MARKERS)]


def text_width(text: str, size: float = SIZE) -> float:
    """An upper estimate in px of the width of a line in any common sans serif."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    capitals = sum(c.isupper() or c in "mwMW@%" for c in text)
    return size * (0.61 * (len(text) - wide - capitals) + 0.8 * capitals + 1.05 * wide)


def fit(text: str, width: float, size: float = SIZE) -> str:
    """`text` on one line, cut in the middle so that it is at most `width` px wide."""
    text = " ".join(visible(text).split())
    if text_width(text, size) <= width:
        return text
    for keep in range(len(text) - 1, 1, -1):
        head = keep * 3 // 5
        short = text[:head].rstrip() + "…" + text[len(text) - (keep - head) :].lstrip()
        if text_width(short, size) <= width:
            return short
    return "…"


def legend_height(width: float, entries: Sequence[tuple[str, int]]) -> float:
    """The height in px of `Canvas.legend` with the same width and entries."""
    return max((down for _, _, down in _places(width, entries)), default=0.0) + LEGEND_LINE


def _places(width: float, entries: Sequence[tuple[str, int]]) -> list[tuple[str, float, float]]:
    """Label, left and down of every legend entry."""
    out, left, down = [], 0.0, 0.0
    for name, _ in entries:
        label = fit(name, min(width - 24, 260))
        need = text_width(label) + 34
        if left > 0 and left + need - 14 > width:
            left, down = 0.0, down + LEGEND_LINE
        out.append((label, left, down))
        left += need
    return out


@dataclass(frozen=True)
class Drawing:
    """A finished figure: `svg` and `csv` are written beside the page as NAME.svg and NAME.csv; captions are plain text.

    `arms`: the arms that the figure is about, empty when it is about all.
    """

    name: str
    title: str
    caption: str
    svg: str
    csv: str
    arms: tuple[str, ...] = ()


class Canvas:
    """A page of `width` × `height` px with the origin at the top left; y grows downwards."""

    def __init__(self, name: str, title: str, description: str, width: float, height: float) -> None:
        self.name, self.title, self.description = name, title, description
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor=colour("paper"))
        # Everything but charts is drawn on the figure itself: axes are by far the dearest thing matplotlib makes.
        self.pixels = Affine2D().scale(1, -1).translate(0, height)
        self.marks: list[tuple[str, int | None]] = []

    def mark(self, artist: Any, tip: str, arm: int | None = None) -> Any:
        """Give an artist a text shown on hover (and read aloud), and the arm it belongs to."""
        artist.set_gid(f"mark-{len(self.marks)}-")
        self.marks.append((" ".join(visible(tip).split()), arm))
        return artist

    def text(
        self, x: float, y: float, text: str, role: str = "ink", align: str = "left", size: float = SIZE, bold: bool = False
    ) -> Any:
        """One line; y is the middle of the letters."""
        weight = "bold" if bold else "normal"
        return self.figure.text(
            x,
            y + size * 0.36,
            text,
            ha=align,
            va="baseline",
            color=colour(role),
            fontsize=size,
            weight=weight,
            parse_math=False,
            transform=self.pixels,
        )

    def rect(self, x: float, y: float, width: float, height: float, role: str, alpha: float = 1.0) -> Any:
        return self._add(Rectangle((x, y), width, height, facecolor=colour(role), alpha=alpha, linewidth=0))

    def polygon(self, points: Sequence[tuple[float, float]], role: str, alpha: float = 1.0) -> Any:
        return self._add(Polygon(points, closed=True, facecolor=colour(role), alpha=alpha, linewidth=0))

    def line(
        self, xs: Sequence[float], ys: Sequence[float], role: str, width: float = 1.0, dash: Any = "-", alpha: float = 1
    ) -> Any:
        ink = colour(role)
        return self._add(Line2D(xs, ys, color=ink, linewidth=width, linestyle=dash, alpha=alpha, solid_capstyle="butt"))

    def dot(
        self, x: float, y: float, role: str, marker: str = "o", size: float = 8.0, hollow: bool = False, alpha: float = 1
    ) -> Any:
        face = colour("paper") if hollow else colour(role)
        edge = colour(role) if hollow else colour("paper")
        width = 1.6 if hollow else 0.8
        return self._add(
            Line2D(
                [x],
                [y],
                marker=marker,
                ms=size * MARKER_SIZE.get(marker, 1),
                mfc=face,
                mec=edge,
                mew=width,
                linestyle="none",
                alpha=alpha,
            )
        )

    def dots(self, xs: Sequence[float], ys: Sequence[float], role: str, size: float) -> Any:
        """Many small dots as one mark."""
        return self._add(Line2D(xs, ys, linestyle="none", marker=".", ms=size, mfc=colour(role), mec="none"))

    def _add(self, artist: Any) -> Any:
        artist.set_transform(self.pixels)
        return self.figure.add_artist(artist)

    def axes(self, x: float, y: float, width: float, height: float) -> Axes:
        """Ordinary axes inside the page, with hairlines only; data limits are the caller's."""
        box = (x / self.width, 1 - (y + height) / self.height, width / self.width, height / self.height)
        axes: Axes = self.figure.add_axes(box, zorder=0, facecolor="none")
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set(color=colour("line"), linewidth=1)
        axes.tick_params(length=0, pad=6, colors=colour("soft"), labelsize=SIZE)
        axes.grid(True, axis="y", color=colour("line"), linewidth=0.6)
        axes.set_axisbelow(True)
        return axes

    def legend(self, x: float, y: float, width: float, entries: Sequence[tuple[str, int]]) -> None:
        """Arms with colour and marker, wrapped to `width`. Entries are (name, arm index)."""
        for (name, arm), (label, left, down) in zip(entries, _places(width, entries), strict=True):
            self.mark(self.dot(x + left + 6, y + down, arm_role(arm), arm_marker(arm)), name, arm)
            self.text(x + left + 16, y + down, label)

    def svg(self) -> str:
        """The finished SVG: deterministic, ids prefixed, colours as variables, hover texts as titles."""
        out = io.StringIO()
        FigureCanvasSVG(self.figure).print_svg(out, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        text = out.getvalue()
        body = text[text.index("<svg") :]
        body = body[body.index(">") + 1 :]
        body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", body, flags=re.S)
        body = re.sub(r"<defs>\s*</defs>", "", body)
        body = re.sub(r"font: ((?:\w+ )*)([\d.]+px)[^;\"]*", rf"font: \1\2 {SANS}", body)
        body = _COLOUR.sub(_variable, body)
        body = re.sub(r'<g id="mark-(\d+)-">', self._open_mark, body)
        body = re.sub(r'<g id="[^"]*">', "<g>", body)
        body = body.replace("xlink:href=", "href=").replace(' style="stroke: none"', "")
        body = re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{self.name}-", body)
        body = re.sub(r"[ \t]*\n\s*", "\n", body)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width:g}" height="{self.height:g}" '
            f'viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            f'aria-labelledby="{self.name}-title {self.name}-desc" style="stroke-linejoin: round; stroke-linecap: butt">\n'
            f'<title id="{self.name}-title">{html.escape(visible(self.title))}</title>\n'
            f'<desc id="{self.name}-desc">{html.escape(visible(self.description))}</desc>'
        )
        return head + body

    def _open_mark(self, match: re.Match[str]) -> str:
        tip, arm = self.marks[int(match[1])]
        owner = "" if arm is None else f' data-arm="{arm}"'
        return f'<g class="mark"{owner}><title>{html.escape(tip)}</title>'


def _variable(match: re.Match[str]) -> str:
    # Declared twice: a renderer that knows no CSS variables drops the second and keeps the first.
    name, value = match[1], match[2]
    role = _ROLE.get(value)
    return match[0] if role is None else f"{match[0]}; {name}: var(--{role}, {value})"


def scale(low: float, high: float, start: float, stop: float, steps: int = 5) -> tuple[Any, list[float]]:
    """A linear map of [low, high] (widened a little) to [start, stop] px, and round tick values inside it."""
    if not (math.isfinite(low) and math.isfinite(high)) or low > high:
        low, high = -1.0, 1.0
    if high - low < 1e-12:
        low, high = low - max(abs(low), 1.0) * 0.1, high + max(abs(high), 1.0) * 0.1
    margin = (high - low) * 0.06
    low, high = low - margin, high + margin
    ticks = [float(t) for t in MaxNLocator(steps, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high) if low <= t <= high]
    return (lambda value: start + (value - low) / (high - low) * (stop - start)), ticks
