"""How often similar documents were compared: the expected curve, and the copies that every run plants to measure it."""

from __future__ import annotations

from tamis.report import words
from tamis.report.canvas import WIDE, Canvas, Drawing, scale
from tamis.report.run import Row, Run
from tamis.stats.proportion import wilson


def curves(run: Run) -> list[Drawing]:
    """One drawing for each near-duplicate selection of the run."""
    return [_curve(f"copies-{number}", row) for number, row in enumerate(run.rows("copies"), 1)]


def _curve(name: str, row: Row) -> Drawing:
    left, right, top, bottom = 52.0, 640.0, 16.0, 236.0
    canvas = Canvas(
        name,
        f"Chance that a pair is compared, by similarity ({', '.join(row['arms'])})",
        f"{len(row['measured'])} bins of planted copies beside the expected curve; the threshold is J = {row['threshold']:g}.",
        WIDE,
        300,
    )
    x, ticks = scale(0.44, 1.0, left, right)
    y, levels = scale(0.0, 1.0, bottom, top)
    for level in levels:
        canvas.line([left, right], [y(level)] * 2, "line", 0.6)
        canvas.text(left - 8, y(level), f"{level:g}", "soft", "right")
    for tick in ticks:
        canvas.text(x(tick), bottom + 22, f"{tick:g}", "soft", "center")
    canvas.text((left + right) / 2, bottom + 46, "Jaccard similarity", "soft", "center")
    canvas.line([x(row["threshold"])] * 2, [top, bottom], "soft", 1.0, (0, (4, 3)))
    canvas.text(x(row["threshold"]) - 6, top + 8, "threshold", "soft", "right")
    points = [(j, chance) for j, chance in row["expected"] if 0.44 <= j <= 1]
    if points:
        canvas.line([x(j) for j, _ in points], [y(chance) for _, chance in points], "ink", 1.6)
    for part in row["measured"]:
        low, high = wilson(part["found"], part["copies"])
        middle, share = (part["low"] + part["high"]) / 2, part["found"] / part["copies"]
        canvas.line([x(middle)] * 2, [y(max(low, 0.0)), y(min(high, 1.0))], "arm-1", 1.6)
        tip = f"J {part['low']:g} to {part['high']:g}: {part['found']} of {part['copies']} planted copies compared"
        canvas.mark(canvas.dot(x(middle), y(share), "arm-1", "o", 8), tip)
    return Drawing(
        name,
        canvas.title,
        _sentence(row),
        canvas.svg(),
        words.comma_separated(
            ["low", "high", "found", "copies"], [[p[k] for k in ("low", "high", "found", "copies")] for p in row["measured"]]
        ),
        tuple(row["arms"]),
    )


def _sentence(row: Row) -> str:
    above = [p for p in row["measured"] if p["low"] >= row["threshold"]]
    found, copies = sum(p["found"] for p in above), sum(p["copies"] for p in above)
    line = "The line is what theory says; " if row["expected"] else ""
    dots = "dots are planted copies, which reach no output, with 95 % intervals:"
    rows, compared, largest = (words.count(row[key]) for key in ("rows", "compared", "largest_cluster"))
    return (
        f"{line}{dots} {found} of {copies} at or above the threshold were compared. Of {rows} documents {compared} share a band "
        f"with another one, the largest cluster of such documents has {largest}; a document is dropped by true similarity alone."
    )
