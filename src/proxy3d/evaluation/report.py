"""Tables from results, chance beside every score.

Tables in pages are rendered from `results/*.json` and never typed: `python -m proxy3d.evaluation.report` writes them again,
and a test compares.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from proxy3d.errors import BadInput, command
from proxy3d.evaluation.answers_by_form import render_answers_by_form
from proxy3d.evaluation.growth_tables import render_growth, render_honesty, render_plain_questions
from proxy3d.evaluation.headline_tables import plot_headline, render_headline, render_unmeasured
from proxy3d.evaluation.proxy_tables import plot_proxies, render_clusterer_speed, render_proxies
from proxy3d.evaluation.video_tables import render_video_alone, render_video_sfm

ANSWERS = {
    "accuracy": "with proxies", "blind": "blind", "majority_given_subject": "majority of its subject", "majority": "majority", "chance": "chance",
    "oracle": "oracle",
}  # fmt: skip
BOXES = {
    "acc_at_025": "Acc@0.25, one thing meant", "random_object_acc_at_025": "a true object at random", "random_box_acc_at_025": "random box",
    "f1_at_025": "F1@0.25, all phrases", "none_right": "no box where nothing is meant",
}  # fmt: skip
MAY_LACK = ("blind", "none_right")  # a reader that has to be trained for it, and phrases that not every split has
ABSENT = "*Not measured yet: {file} does not exist.*"


def render_readme_table(result: Mapping) -> str:
    """Markdown of a training result: answers by family beside their baselines, then grounding beside boxes at random.

    Args:
        result: `{"summary": {every key of ANSWERS and BOXES, train_minutes}, "by_family": {family: some of the same}}`, all shares as 0..1;
            `by_family` may also lie inside `summary`, and `blind` be null where no such reader was trained.

    Raises:
        BadInput: the summary lacks a score, or a share is not within 0..1.
    """
    summary = result.get("summary", {})
    wanted = [key for key in (*ANSWERS, *BOXES, "train_minutes") if key not in MAY_LACK or summary.get(key) is not None]
    if missing := [key for key in wanted if not isinstance(summary.get(key), (int, float))]:
        raise BadInput(f"result: summary lacks {missing[0]}; expected {', '.join(wanted)}")
    families = result.get("by_family", summary.get("by_family", {}))
    answered = {name: row for name, row in families.items() if row.get("accuracy") is not None}
    grounded = {name: row for name, row in families.items() if row.get("acc_at_025") is not None}
    tables = [
        _table("questions", ANSWERS, {**answered, "**all**": summary}),
        _table("phrases", BOXES, {**grounded, "**all**": summary}),
        f"All in per cent. Trained in {summary['train_minutes']:.0f} minutes"
        + (f" on {result['machine']}." if "machine" in result else ".")
        + ("" if summary.get("blind") is not None else " No blind reader has been trained on these questions yet."),
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


FAMILY = {"chance": "chance", "majority": "majority", "prior": "majority of its subject", "blind": "blind", "oracle": "oracle"}


def render_spacespan(result: Mapping) -> str:
    """Markdown of what `proxy3d data report` writes: a row per family with its baselines, then cost and geometry in words.

    Raises:
        BadInput: a figure is missing, or a share is not within 0..1.
    """
    try:
        summary, checks, machine = result["summary"], result["checks"], result["run"]["machine"]
        rows = [
            f"| {row['name'].replace('_', ' ')} | {row['n_all']} | {row['n']} | {' | '.join(_share(row['name'], row[key]) for key in FAMILY)} |"
            for row in summary["families"]
        ]
        pace = summary["rooms_per_minute_per_core"]
        words = [
            f"In per cent. {checks['rooms']} rooms, {summary['bytes_per_room'] / 1000:.0f} kB each",
            "" if pace is None else f", {pace:.0f} made in a minute of one core",
            f". Of {checks['measured_rooms']} of them the pictures were measured: depth of two frames agrees within "
            f"{summary['depth_consistency_m_median'] * 1000:.1f} mm (median), and the worst of {checks['measured_boxes']} boxes holds "
            f"{summary['points_in_box_min'] * 100:.1f} % of what is seen of its object. Measured on {machine}.",
        ]
    except (KeyError, TypeError) as error:
        raise BadInput(f"spacespan: lacks {error}; expected what `proxy3d data report` writes") from None
    head = ["family", "questions", "in test", *FAMILY.values()]
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *rows, "", "".join(words)])


SCORES = ("EM@1", "EM-R", "BLEU-4", "ROUGE-L", "CIDEr")


def render_variants(result: Mapping) -> str:
    """Markdown of `proxy3d.evaluation.scorers_report`: the same predictions under every variant, one table per benchmark.

    Raises:
        BadInput: a figure is missing.
    """
    try:
        tables = []
        for name, part in result["benchmarks"].items():
            variants = part["order_of_variants"]
            lines = [f"`{name}`, {part['n']} questions:", "", f"| what is predicted | metric | {' | '.join(variants)} | apart |"]
            lines.append("|---" * (len(variants) + 3) + "|")
            for rule, row in ((rule, part["rules"][rule]) for rule in part["order_of_rules"]):
                for metric in (m for m in SCORES if m in row["spread"]):
                    cells = [_score(row["variants"][variant].get(metric)) for variant in variants]
                    lines.append(f"| {rule} | {metric} | {' | '.join(cells)} | {row['spread'][metric]:.1f} |")
            tables.append("\n".join(lines))
        hours = ", ".join(f"{name} {part['seconds_for_one_file_under_all_variants']:.1f} s" for name, part in result["benchmarks"].items())
        about = f"All x 100. One file under all variants took {hours}, on {result['machine']}."
    except (KeyError, TypeError) as error:
        raise BadInput(f"scorers: lacks {error}; expected what `python -m proxy3d.evaluation.scorers_report` writes") from None
    return "\n\n".join([*tables, about])


SPEEDUPS = {
    "cider_speedup_with_java_start": "text to BLEU, ROUGE-L and CIDEr, against two Java processes and pycocoevalcap",
    "cider_speedup_without": "tokens to BLEU, ROUGE-L and CIDEr, no tokeniser on either side",
    "speedup_BLEU_alone": "tokens to BLEU-1 to BLEU-4 alone",
    "speedup_ROUGE-L_alone": "tokens to ROUGE-L alone",
    "speedup_CIDEr_alone": "tokens to CIDEr alone",
    "oriented_iou_per_second": "oriented boxes compared in a second",
}


def render_scorer_speed(result: Mapping) -> str:
    """Markdown of what our scorers cost; a dash where a figure was not measured.

    Raises:
        BadInput: a figure is missing.
    """
    try:
        rows = [f"| {label} | {_times(key, result['summary'][key])} |" for key, label in SPEEDUPS.items()]
        timed = [part for part in result["speed"] if "rounds" in part]
        measured = [f"{part['what']}: medians of {part['rounds']} pairs in turn on {part['machine']}" for part in timed]
        told = [part["tokeniser"] for part in result["speed"] if "tokeniser" in part]
        loads = [part["load_average"] for part in timed if isinstance(part.get("load_average"), Mapping)]
        measured += [f"Garbage collector on for both; load average {row['before']:.1f} before, {row['after']:.1f} after" for row in loads]
        measured += [f"The tokeniser gives what the Java program gives on {t['same']:,} of {t['sentences']:,} sentences of ScanQA" for t in told]
    except (KeyError, TypeError) as error:
        raise BadInput(f"scorers: lacks {error}; expected what `python -m proxy3d.evaluation.scorers_report` writes") from None
    return "\n".join(["| what | ours |", "|---|---|", *rows, "", *(f"{line}." for line in measured)]).rstrip()


def _times(key: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if key.endswith("per_second") else f"{value:.1f} times as fast"


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


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


# What stands between `<!-- NAME -->` and `<!-- end of NAME -->` in a page, and where it comes from.
Blocks = Mapping[str, tuple[str, Callable[[Mapping], str]]]
BLOCKS: Blocks = {
    "laptop model": ("results/laptop_model.json", render_readme_table),
    "honesty": ("results/honesty.json", render_honesty),
    "speed": ("results/speed.json", render_speed),
    "fresh clone": ("results/fresh_clone.json", render_fresh_clone),
}
DATA_BLOCKS: Blocks = {"spacespan": ("results/spacespan.json", render_spacespan)}
SCORERS = "results/scorers.json"
EVALUATION_BLOCKS: Blocks = {"variants": (SCORERS, render_variants), "scorer speed": (SCORERS, render_scorer_speed)}
PROXIES_BLOCKS: Blocks = {
    "proxies": ("results/proxies.json", render_proxies),
    "clusterer speed": ("results/clusterer_speed.json", render_clusterer_speed),
    "answers by form": ("results/answers_by_form.json", render_answers_by_form),
}
HEADLINE_BLOCKS: Blocks = {
    "headline": ("results/headline.json", render_headline),
    "not measured": ("results/headline.json", render_unmeasured),
    "growth": ("results/growth.json", render_growth),
}
ENCODERS_BLOCKS: Blocks = {
    "video alone": ("results/video_alone.json", render_video_alone),
    "video sfm": ("results/video_sfm.json", render_video_sfm),
}
FINDINGS_BLOCKS: Blocks = {"plain questions": ("results/plain_questions.json", render_plain_questions)}
PAGES: dict[str, Blocks] = {
    "README.md": BLOCKS,
    "docs/data.md": DATA_BLOCKS,
    "docs/encoders.md": ENCODERS_BLOCKS,
    "docs/proxies.md": PROXIES_BLOCKS,
    "docs/headline.md": HEADLINE_BLOCKS,
    "docs/evaluation.md": EVALUATION_BLOCKS,
    "docs/findings.md": FINDINGS_BLOCKS,
}
PLOTS = {"docs/proxies.svg": ("results/proxies.json", plot_proxies), "docs/headline.svg": ("results/headline.json", plot_headline)}


def block(name: str, root: Path, blocks: Blocks = BLOCKS) -> str:
    """What a block must hold: its table, or one line that says that nothing was measured yet.

    Raises:
        BadInput: the result file is damaged.
    """
    file, render = blocks[name]
    if not (root / file).is_file():
        return ABSENT.format(file=file)
    try:
        return render(json.loads((root / file).read_text(encoding="utf-8")))
    except ValueError as error:
        raise BadInput(f"{file}: {error}") from None


def filled(text: str, root: Path, page: str = "README.md") -> str:
    """A page with every block rendered anew.

    Raises:
        BadInput: a block's two marker lines are not in the text exactly once.
    """
    for name in PAGES[page]:
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        if text.count(start) != 1 or text.count(end) != 1 or text.index(start) > text.index(end):
            raise BadInput(f"{page}: expected one line <!-- {name} --> and below it one line <!-- end of {name} -->")
        before, rest = text.split(start)
        text = f"{before}{start}{block(name, root, PAGES[page])}\n{end}{rest.split(end)[1]}"
    return text


@command
def main(arguments: list[str]) -> None:
    """`[ROOT]`: write the pages of a checkout again; exit status 0 done, 2 the input is wrong."""
    root = Path(arguments[0] if arguments else ".")
    if not (root / "README.md").is_file():
        raise BadInput(f"{root / 'README.md'}: no such file; type this in the root of a checkout")
    for page in (name for name in PAGES if (root / name).is_file()):
        (root / page).write_text(filled((root / page).read_text(encoding="utf-8"), root, page), encoding="utf-8")
    for picture, (file, draw) in PLOTS.items():
        if (root / file).is_file():
            (root / picture).write_text(draw(json.loads((root / file).read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
