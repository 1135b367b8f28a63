"""Small plots as SVG text, so that a page needs no other file and no library."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape

COLOURS = ("#2463a8", "#c98a1b", "#8a949e", "#4b9a6a")
LEFT, WIDTH, LINE, GAP, ABOVE = 170, 520, 14, 9, 14
LETTER = 6.2  # width of one, on average


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
    box, font = f'viewBox="0 -{ABOVE} {width:.0f} {height + ABOVE:.0f}" width="{width:.0f}"', 'font-family="sans-serif" font-size="11"'
    return f'<svg {box} {font} role="img" xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'


def curves(
    counts: Sequence[int], series: Mapping[str, Sequence[float]], *, x_name: str, y_name: str, bold: str = "", dashed: Collection[str] = ()
) -> str:
    """Shares from 0 to 1 over counts that double: a line per series, its name at its end, the bold one thick."""
    tall, left, parts = 300, 46, []
    step = WIDTH / max(len(counts) - 1, 1)
    for tick in range(0, 101, 20):
        y = 10 + tall * (1 - tick / 100)
        parts.append(f'<line x1="{left}" y1="{y:.0f}" x2="{left + WIDTH}" y2="{y:.0f}" stroke="#e3e6ea"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{tick}</text>')
    for i, count in enumerate(counts):
        parts.append(f'<text x="{left + i * step:.0f}" y="{tall + 26}" text-anchor="middle">{count}</text>')
    parts.append(f'<text x="{left + WIDTH / 2}" y="{tall + 44}" text-anchor="middle">{escape(x_name)}</text>')
    parts.append(f'<text x="{left}" y="0">{escape(y_name)}, per cent</text>')
    placed: list[float] = []
    for number, (name, values) in enumerate(sorted(series.items(), key=lambda item: -item[1][-1])):
        colour = COLOURS[0] if name == bold else f"hsl({(number * 67) % 360} 35% 50%)"
        points = " ".join(f"{left + i * step:.1f},{10 + tall * (1 - value):.1f}" for i, value in enumerate(values))
        dash = ' stroke-dasharray="4 3"' if name in dashed else ""
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{3 if name == bold else 1.4}"{dash}/>')
        y = max(10 + tall * (1 - values[-1]), *(other + 13 for other in placed)) if placed else 10 + tall * (1 - values[-1])
        placed.append(y)
        weight = ' font-weight="bold"' if name == bold else ""
        parts.append(f'<text x="{left + WIDTH + 8}" y="{y + 4:.1f}" fill="{colour}"{weight}>{escape(name)}</text>')
    return _svg(left + WIDTH + 16 + LETTER * max(map(len, series), default=0), max(tall + 50, *placed, 0), parts)
