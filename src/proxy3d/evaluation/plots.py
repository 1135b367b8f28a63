"""Small plots as SVG text, so that a page needs no other file and no library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

COLOURS = ("#2463a8", "#c98a1b", "#8a949e", "#4b9a6a")
LEFT, WIDTH, LINE, GAP = 170, 520, 14, 9


def bars(names: Sequence[str], series: Mapping[str, Sequence[float | None]]) -> str:
    """Horizontal bars of shares from 0 to 1: a group per name, a colour per series."""
    group = LINE * len(series) + GAP
    height, parts = group * len(names) + 44, []
    for tick in range(0, 101, 25):
        x = LEFT + WIDTH * tick / 100
        parts.append(f'<line x1="{x}" y1="22" x2="{x}" y2="{height - 20}" stroke="#e3e6ea"/>')
        parts.append(f'<text x="{x}" y="{height - 6}" text-anchor="middle">{tick}</text>')
    at = LEFT
    for (name, _), colour in zip(series.items(), COLOURS, strict=False):
        parts.append(f'<rect x="{at}" y="4" width="10" height="10" fill="{colour}"/><text x="{at + 15}" y="13">{escape(name)}</text>')
        at += 45 + 8 * len(name)
    for i, name in enumerate(names):
        top = 26 + i * group
        parts.append(f'<text x="{LEFT - 8}" y="{top + (group - GAP) / 2 + 4}" text-anchor="end">{escape(name)}</text>')
        for j, (values, colour) in enumerate(zip(series.values(), COLOURS, strict=False)):
            if (value := values[i]) is not None:
                length = WIDTH * min(max(value, 0.0), 1.0)
                parts.append(f'<rect x="{LEFT}" y="{top + j * LINE}" width="{length:.1f}" height="{LINE - 2}" fill="{colour}"/>')
                parts.append(f'<text x="{LEFT + length + 4:.1f}" y="{top + j * LINE + 10}" font-size="10" fill="#4a535d">{100 * value:.1f}</text>')
    return _svg(LEFT + WIDTH + 50, height, parts)


def histogram(values: Sequence[float], *, low: float = -1.0, high: float = 1.0, bins: int = 20) -> str:
    """How often values fall between two limits; what lies outside is counted in the outermost bars."""
    counts = [0] * bins
    for value in values:
        counts[min(max(int((value - low) / (high - low) * bins), 0), bins - 1)] += 1
    tall, wide, parts = 140, WIDTH / bins, []
    for i, count in enumerate(counts):
        height = tall * count / max(*counts, 1)
        start = low + i * (high - low) / bins
        # Within a quarter an answer counts as right.
        colour = COLOURS[3] if -0.25 <= start + 1e-9 and start + (high - low) / bins <= 0.25 + 1e-9 else COLOURS[0]
        parts.append(f'<rect x="{40 + i * wide:.1f}" y="{10 + tall - height:.1f}" width="{wide - 1:.1f}" height="{height:.1f}" fill="{colour}"/>')
        if count:
            parts.append(f'<text x="{40 + (i + 0.5) * wide:.1f}" y="{8 + tall - height:.1f}" text-anchor="middle" fill="#4a535d">{count}</text>')
    for share in (0, 0.25, 0.5, 0.75, 1):
        said = f"{100 * (low + share * (high - low)):+.0f} %"
        parts.append(f'<text x="{40 + share * WIDTH}" y="{tall + 28}" text-anchor="middle">{said}</text>')
    return _svg(WIDTH + 90, tall + 36, parts)


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 -8 {width:.0f} {height + 8:.0f}" width="{width:.0f}" role="img" xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
