"""Tables from results, chance beside every score.

The README's tables are rendered from `results/*.json` and never typed: `python -m proxy3d.evaluation.report` writes them again,
and a test compares.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from proxy3d.errors import BadInput

ANSWERS = {"accuracy": "with proxies", "blind": "blind", "majority": "majority", "oracle": "oracle"}
BOXES = {"acc_at_025": "Acc@0.25", "random_box_acc_at_025": "random box"}
ABSENT = "*Not measured yet: {file} does not exist.*"


def render_readme_table(result: Mapping) -> str:
    """Markdown of a training result: answers by family beside their three baselines, then grounding beside a random box.

    Args:
        result: `{"summary": {accuracy, majority, blind, oracle, acc_at_025, random_box_acc_at_025, train_minutes},
            "by_family": {family: some of the same}}`, all shares as 0..1; `by_family` may also lie inside `summary`.

    Raises:
        BadInput: the summary lacks a score, or a share is not within 0..1.
    """
    summary = result.get("summary", {})
    if missing := [key for key in (*ANSWERS, *BOXES, "train_minutes") if not isinstance(summary.get(key), (int, float))]:
        raise BadInput(f"result: summary lacks {missing[0]}; expected {', '.join((*ANSWERS, *BOXES, 'train_minutes'))}")
    families = result.get("by_family", summary.get("by_family", {}))
    answered = {name: row for name, row in families.items() if row.get("accuracy") is not None}
    grounded = {name: row for name, row in families.items() if row.get("acc_at_025") is not None}
    tables = [
        _table("questions", ANSWERS, {**answered, "**all**": summary}),
        _table("phrases", BOXES, {**grounded, "**all**": summary}),
        f"All in per cent. Trained in {summary['train_minutes']:.0f} minutes" + (f" on {result['machine']}." if "machine" in result else "."),
    ]
    return "\n\n".join(tables)


def render_fresh_clone(result: Mapping) -> str:
    """Markdown of what the two commands cost on a machine that had nothing: `{"machine", "date", "commands": {name: {...}}}`.

    Each command has download_mb, first_s (environment and run) and again_s (environment there already).

    Raises:
        BadInput: a field is missing.
    """
    try:
        cells = {name: (f"{c['download_mb']:.0f} MB", _duration(c["first_s"]), _duration(c["again_s"])) for name, c in result["commands"].items()}
        rows = [f"| `{name}` | {' | '.join(row)} |" for name, row in cells.items()]
        about = f"Measured on {result['machine']}, {result['date']}."
    except KeyError as error:
        raise BadInput(f"fresh clone: lacks {error}; expected machine, date and for each command download_mb, first_s, again_s") from None
    return "\n".join(["| | download | first time | again |", "|---|---|---|---|", *rows, "", about])


SPEED = {
    "encode_ms": "encode a clip (8 frames)",
    "prefill_ms": "language model reads the scene",
    "clip_to_first_answer_ms": "clip to first answer",
    "next_question_ms": "next question",
    "peak_mb": "memory beside the loaded models",
}


def render_speed(result: Mapping) -> str:
    """Markdown of `speed/stages.py`: proxies beside every patch as a token, and the ratio of the two.

    Raises:
        BadInput: a field is missing.
    """
    try:
        ours, dense, ratio = (result["summary"][key] for key in ("proxies", "dense", "dense_over_proxies"))
        rows = [f"| {label} | {_amount(key, ours[key])} | {_amount(key, dense[key])} | {ratio[key]:.1f} |" for key, label in SPEED.items()]
        about = f"Medians of {result['settings']['rounds']} rounds in turn on {result['machine']}, {result['date']}."
    except KeyError as error:
        raise BadInput(f"speed: lacks {error}; expected what `python speed/stages.py` writes") from None
    return "\n".join(["| | 32 proxies | every patch a token | ratio |", "|---|---|---|---|", *rows, "", about])


def _amount(key: str, value: float) -> str:
    return f"{value:.0f} MB" if key.endswith("_mb") else f"{value / 1000:.2f} s"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _table(first: str, columns: Mapping[str, str], rows: Mapping[str, Mapping]) -> str:
    lines = [f"| {first} | {' | '.join(columns.values())} |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name.replace('_', ' ')} | {' | '.join(_share(name, row.get(key)) for key in columns)} |" for name, row in rows.items()]
    return "\n".join(lines)


def _share(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if not 0 <= value <= 1:
        raise BadInput(f"result: {name} holds {value}; expected shares from 0 to 1")
    return f"{value * 100:.1f}"


# What stands between `<!-- NAME -->` and `<!-- end of NAME -->` in the README, and where it comes from.
BLOCKS: dict[str, tuple[str, Callable[[Mapping], str]]] = {
    "first model": ("results/first_model.json", render_readme_table),
    "speed": ("results/speed.json", render_speed),
    "fresh clone": ("results/fresh_clone.json", render_fresh_clone),
}


def block(name: str, root: Path) -> str:
    """What a block must hold: its table, or one line that says that nothing was measured yet.

    Raises:
        BadInput: the result file is damaged.
    """
    file, render = BLOCKS[name]
    if not (root / file).is_file():
        return ABSENT.format(file=file)
    try:
        return render(json.loads((root / file).read_text(encoding="utf-8")))
    except ValueError as error:
        raise BadInput(f"{file}: {error}") from None


def filled(text: str, root: Path) -> str:
    """The README with every block rendered anew.

    Raises:
        BadInput: a block's two marker lines are not in the text exactly once.
    """
    for name in BLOCKS:
        start, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
        if text.count(start) != 1 or text.count(end) != 1:
            raise BadInput(f"README.md: expected one line <!-- {name} --> and one line <!-- end of {name} -->")
        text = re.sub(f"({re.escape(start)}).*?({re.escape(end)})", lambda m, name=name: m[1] + block(name, root) + m[2], text, flags=re.DOTALL)
    return text


def main(arguments: list[str]) -> int:
    """`[ROOT]`: write the README of a checkout again; exit status 0 done, 2 the input is wrong."""
    root = Path(arguments[0] if arguments else ".")
    readme = root / "README.md"
    try:
        if not readme.is_file():
            raise BadInput(f"{readme}: no such file; type this in the root of a checkout")
        readme.write_text(filled(readme.read_text(encoding="utf-8"), root), encoding="utf-8")
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
