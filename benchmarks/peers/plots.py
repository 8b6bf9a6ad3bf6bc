"""One plot a workload: bars on a logarithmic scale, as plain SVG."""

from __future__ import annotations

import math
from html import escape

from benchmarks.peers.workloads import Workload

WIDTH = 760
LABELS = 190
RIGHT = 110
BAR = 22
GAP = 8
TOP = 46

OURS_COLOUR = "#2563eb"
FLOOR_COLOUR = "#6b7280"
OTHER_COLOUR = "#d97706"


def plot(workload: Workload, names: list[str], ours: str, floor: str) -> str:
    """The picture of one workload; systems that cannot do it have no bar and say why."""
    medians = {name: workload.median(name) for name in names}
    values = [value for value in medians.values() if value]
    low = math.floor(math.log10(min(values))) if values else 0
    high = max(math.ceil(math.log10(max(values))), low + 1) if values else 1
    room = WIDTH - LABELS - RIGHT
    height = TOP + len(names) * (BAR + GAP) + 24
    better = "more is better" if workload.more else "less is better"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="12" y="22" font-size="15" font-weight="bold">{escape(workload.name)}</text>',
        f'<text x="12" y="38" fill="#555" font-size="11">{workload.unit}, median; {better}; '
        "logarithmic scale</text>",
    ]
    for power in range(low, high + 1):
        x = LABELS + room * (power - low) / (high - low)
        lines.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{height - 22}" stroke="#ddd"/>')
        lines.append(
            f'<text x="{x:.1f}" y="{height - 8}" text-anchor="middle" fill="#555" font-size="11">'
            f"{10.0**power:g}</text>"
        )
    for place, name in enumerate(names):
        y = TOP + place * (BAR + GAP)
        value = medians[name]
        lines.append(f'<text x="{LABELS - 8}" y="{y + 16}" text-anchor="end">{escape(name)}</text>')
        if not value:
            why = workload.cannot.get(name, "not measured").partition(":")[0]
            lines.append(f'<text x="{LABELS + 4}" y="{y + 16}" fill="#999">{escape(why)}</text>')
            continue
        length = max(2.0, room * (math.log10(value) - low) / (high - low))
        colour = OURS_COLOUR if name == ours else FLOOR_COLOUR if name == floor else OTHER_COLOUR
        lines.append(
            f'<rect x="{LABELS}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>'
            f'<text x="{LABELS + length + 6:.1f}" y="{y + 16}">{number(value)}</text>'
        )
    return "\n".join([*lines, "</svg>"]) + "\n"


def number(value: float) -> str:
    """Three figures."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
