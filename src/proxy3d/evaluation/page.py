"""One HTML page about a run: tables with chance beside every score, plots, and failures with the pictures of their rooms.

    python -m proxy3d.evaluation.page results/laptop_model.json -o page.html --rooms data/rooms

The page needs nothing but itself. Answers are read from the .answers.jsonl beside the result, where there is one; without it the page says so.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

from proxy3d.errors import BadInput, command
from proxy3d.evaluation.metrics.answers import MEASURES, right
from proxy3d.evaluation.metrics.boxes import f1_at
from proxy3d.evaluation.plots import bars, histogram

FAILURES = 24
IOU = 0.25
WORDS = {"accuracy": "model", "blind": "blind", "majority": "majority", "chance": "chance", "oracle": "oracle"}
BOXES = {
    "acc_at_025": "model Acc@0.25",
    "random_box_acc_at_025": "random box",
    "random_object_acc_at_025": "random object",
    "f1_at_025": "model F1@0.25",
}
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #e3e6ea}td:first-child,th:first-child{text-align:left}
tr.all td{font-weight:600;border-top:2px solid #9aa3ad}.facts td{text-align:left;font-size:.85rem;color:#4a535d;overflow-wrap:anywhere}
.cards{display:flex;flex-wrap:wrap;gap:1rem}
.card{width:16rem;border:1px solid #e3e6ea;border-radius:6px;overflow:hidden}
.card img{width:100%;display:block;background:#eef0f2}.card p{margin:.4rem .7rem;font-size:.88rem}.card .kind{color:#6b7580;font-size:.78rem}
.wrong{color:#a3261b}.true{color:#1c6b37}figure{margin:1rem 0}figcaption{font-size:.85rem;color:#4a535d}svg{font:12px system-ui,sans-serif}
"""


def page(result: Mapping, answers: Sequence[Mapping] = (), rooms: Path | None = None) -> str:
    """The page of a result of `proxy3d evaluate` or `proxy3d score`, as text.

    Raises:
        BadInput: the result has neither families nor kinds.
    """
    families = result.get("by_family", result.get("by_type"))
    if not isinstance(families, Mapping) or "benchmark" not in result:
        raise BadInput("result: lacks benchmark, by_family or by_type; expected what `proxy3d evaluate -o FILE` or `proxy3d score --json` writes")
    split = f", {result['split']}" if result.get("split") else ""
    title = f"{result['benchmark']}{split} ({result.get('variant', 'no variant')})"
    parts = [f"<h1>{escape(title)}</h1>", facts(result)]
    parts += list(evaluated(result, families)) if "by_family" in result else list(scored(result, families))
    parts += list(failed(answers, rooms)) if "by_family" in result else []
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style></head>'
        f"<body>\n{body}\n</body></html>\n"
    )


def facts(result: Mapping) -> str:
    """Where the numbers come from."""
    run = result.get("run", {})
    names = ("weights", "blind_weights", "prompt", "frames", "proxies", "seed", "decoding", "answers_sha256", "minutes", "machine", "commit")
    known = {"questions": result.get("n"), "licence": result.get("licence"), **{name.replace("_", " "): run.get(name) for name in names}}
    known["data"] = run.get("data", {}).get("sha256") if isinstance(run.get("data"), Mapping) else None
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(_said(value))}</td></tr>" for name, value in known.items() if value is not None)
    return f'<table class="facts">{rows}</table>'


def evaluated(result: Mapping, families: Mapping[str, Mapping]) -> Iterator[str]:
    """Tables and plots of a model's run."""
    summary = result.get("summary", {})
    for heading, columns in (("Answers", WORDS), ("Boxes", BOXES)):
        key = next(iter(columns))
        mine = {name.replace("_", " "): row for name, row in families.items() if row.get(key) is not None}
        if not mine:
            continue
        yield f"<h2>{heading}</h2>"
        rows = [(name, row.get("n"), *(_percent(row.get(c)) for c in columns)) for name, row in mine.items()]
        yield table(("", "n", *columns.values()), rows, summary, columns)
        shown = [c for c in columns if c in ("accuracy", "blind", "majority", "acc_at_025", "random_object_acc_at_025")]
        series = {columns[c]: [r.get(c) for r in mine.values()] for c in shown}
        yield f"<figure>{bars(list(mine), series)}<figcaption>{heading} by family, in per cent.</figcaption></figure>"


def scored(result: Mapping, kinds: Mapping[str, Mapping]) -> Iterator[str]:
    """Tables and plots of a scored file; its metrics are in per cent already."""
    names = list(dict.fromkeys(name for row in (*kinds.values(), result.get("metrics", {})) for name in row if name != "n"))
    rows = [(kind, row.get("n"), *(_number(row.get(name)) for name in names)) for kind, row in kinds.items()]
    total = result.get("metrics", {})
    for name, chance in (result.get("chance") or {}).items():
        values = chance.get("metrics", chance) if isinstance(chance, Mapping) else {}
        rows.append((f"chance: {name}", "", *(_number(values.get(n)) for n in names)))
    yield "<h2>Scores</h2>"
    lines = [*rows, ("all", result.get("n"), *(_number(total.get(name)) for name in names))]
    yield table(("", "n", *names), lines, {}, {})
    first = next((n for n in names if any(row.get(n) is not None for row in kinds.values())), None)
    if first:
        values = {first: [None if row.get(first) is None else row[first] / 100 for row in kinds.values()]}
        yield f"<figure>{bars(list(kinds), values)}<figcaption>{escape(first)} by kind, in per cent.</figcaption></figure>"


def table(head: Sequence[str], rows: Sequence[Sequence], summary: Mapping, columns: Mapping[str, str]) -> str:
    """HTML of rows, with the summary as the last one."""
    lines = [f"<tr>{''.join(f'<th>{escape(h)}</th>' for h in head)}</tr>"]
    lines += [f"<tr>{''.join(f'<td>{escape(_said(cell))}</td>' for cell in row)}</tr>" for row in rows]
    if summary:
        cells = ("all", "", *(_percent(summary.get(c)) for c in columns))
        lines.append(f'<tr class="all">{"".join(f"<td>{escape(str(c))}</td>" for c in cells)}</tr>')
    return f"<table>{''.join(lines)}</table>"


def failed(answers: Sequence[Mapping], rooms: Path | None) -> Iterator[str]:
    """Where answers went wrong: how far lengths were off, and some questions with their rooms."""
    yield "<h2>Failures</h2>"
    if not answers:
        yield "<p>Single answers are not here: no .answers.jsonl lies beside the result.</p>"
        return
    errors = [e for row in answers if (e := relative_error(row)) is not None]
    if errors:
        caption = f"How far lengths and areas are off, of {len(errors)} answers with a number; green: within a quarter."
        yield f"<figure>{histogram(errors)}<figcaption>{caption}</figcaption></figure>"
    wrong = [row for row in answers if not is_right(row)]
    chosen = spread(wrong, FAILURES)
    yield f"<p>{len(wrong)} of {len(answers)} answers are wrong. Here are {len(chosen)} of them, taken in turn from each family.</p>"
    yield '<div class="cards">' + "".join(card(row, rooms) for row in chosen) + "</div>"


def is_right(row: Mapping) -> bool:
    """Whether an answer scores in full."""
    if row["answer_type"] == "boxes":
        return f1_at(row["predicted_boxes"], row.get("true_boxes", ()), IOU) == 1
    return right(row["predicted"], row["answer"], row["answer_type"])


def relative_error(row: Mapping) -> float | None:
    """Of a length or an area, (predicted - true) / true; None where there is no number."""
    if row["answer_type"] not in MEASURES:
        return None
    measure, _ = MEASURES[row["answer_type"]]
    said, true = measure(row["predicted"]), measure(row["answer"])
    return None if said is None or not true else (said - true) / true


def spread(rows: Sequence[Mapping], count: int) -> list[Mapping]:
    """So many rows, in turn from each family, and within a family from rooms as they come."""
    queues: dict[str, list[Mapping]] = defaultdict(list)
    for row in rows:
        queues[row["family"]].append(row)
    turns = [(place, family) for family, queue in queues.items() for place in range(len(queue))]
    return [queues[family][place] for place, family in sorted(turns)[:count]]


def card(row: Mapping, rooms: Path | None) -> str:
    """One failure."""
    picture = picture_of(row, rooms) if rooms else None
    image = f'<img alt="a frame of {escape(row["room_id"])}" src="data:image/jpeg;base64,{picture}">' if picture else ""
    if row["answer_type"] == "boxes":
        said, true = f"{len(row['predicted_boxes'])} boxes", f"{len(row.get('true_boxes', ()))} boxes"
    else:
        said, true = row["predicted"] or "(nothing)", row["answer"]
    blind = f" · blind: {escape(row['blind'])}" if row.get("blind") else ""
    kind = escape(f"{row['family'].replace('_', ' ')} · {row['room_id']}")
    return (
        f'<div class="card">{image}<p class="kind">{kind}</p><p>{escape(row["question"])}</p>'
        f'<p><span class="wrong">{escape(said)}</span> instead of <span class="true">{escape(true)}</span>{blind}</p></div>'
    )


def picture_of(row: Mapping, rooms: Path) -> str | None:
    """The frame that shows most of what the question is about, as base64; None where it is not there."""
    if not all(part not in ("", ".", "..") and "/" not in part and "\\" not in part for part in (row["split"], row["room_id"])):
        return None
    folder = Path(rooms) / row["split"] / row["room_id"]
    try:
        objects = json.loads((folder / "room.json").read_text(encoding="utf-8")).get("objects", [])
        pixels = [o["pixels"] for o in objects if o["id"] in row["targets"] and o["pixels"]]
        seen = [sum(frame) for frame in zip(*pixels, strict=True)]
        frame = seen.index(max(seen)) if seen else 0
        return base64.b64encode((folder / "color" / f"{frame:02d}.jpg").read_bytes()).decode("ascii")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # a room that was not kept takes nothing from what the answers say


def read_answers(result: Path) -> list[dict]:
    """The answers beside a result; none where there is no such file.

    Raises:
        BadInput: the file holds something else.
    """
    file = Path(result).with_suffix(".answers.jsonl")
    if not file.is_file():
        return []
    try:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]
        for row in rows:
            is_right(row), row["question"], row["family"], row["room_id"], row["split"], row["targets"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{file}: {error}; expected the answers that `proxy3d evaluate -o {result}` writes") from None
    return rows


def write_page(result: Path, out: Path, *, rooms: Path | None = None) -> Path:
    """The page of a result file.

    Raises:
        BadInput: no such result, or it is none.
    """
    try:
        content = json.loads(Path(result).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{result}: {error}; expected a result of `proxy3d evaluate -o FILE`") from None
    if not isinstance(content, dict):
        raise BadInput(f"{result}: expected an object, got {type(content).__name__}")
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_text(page(content, read_answers(result), rooms), encoding="utf-8")
    return Path(out)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _said(value: object) -> str:
    return "-" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value)


@command
def main(arguments: list[str]) -> None:
    """Exit status 0 done, 2 the input is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--rooms", type=Path, help="folder made by `proxy3d data make`, for the pictures")
    given = parser.parse_args(arguments)
    print(write_page(given.result, given.out, rooms=given.rooms))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
