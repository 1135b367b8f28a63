"""Tables of what grows with work (`speed/growth.py`), of plain questions about a real capture, and of what doubts are worth."""

from __future__ import annotations

from collections.abc import Mapping

from proxy3d.errors import BadInput

COLUMNS = {
    "frames": "frames",
    "patches": "patches",
    "encode_ms": "encode, ms",
    "prefill_ms": "32 proxies: read the scene, ms",
    "question_ms": "a question, ms",
    "dense_prefill_ms": "every patch: read the scene, ms",
    "dense_question_ms": "a question, ms",
}


def render_growth(result: Mapping) -> str:
    """Markdown of how cost grows with the frames of a clip, and with the questions about a scene.

    Raises:
        BadInput: a figure is missing.
    """
    try:
        rows = []
        for row in result["frames"]:
            encode = sum(row[key] for key in ("frozen_encoders_ms", "proxy_encoder_ms", "cluster_ms"))
            cells = {**row, "encode_ms": encode}
            rows.append("| " + " | ".join("not run" if cells.get(key) is None else f"{cells[key]:.0f}" for key in COLUMNS) + " |")
        asked = [f"| {row['questions']} | {row['ms_per_question']:.0f} |" for row in result["questions"]]
        about = f"Medians of {result['settings']['rounds']} rounds on {result['machine']}, {result['date']}; {result['settings']['capture']}."
    except KeyError as error:
        raise BadInput(f"growth: lacks {error}; expected what `python speed/growth.py` writes") from None
    head = [f"| {' | '.join(COLUMNS.values())} |", "|---" * len(COLUMNS) + "|"]
    return "\n".join([*head, *rows, "", "| questions at once | ms for each |", "|---|---|", *asked, "", about])


def render_plain_questions(result: Mapping) -> str:
    """Markdown of each question with its answer, right or not.

    Raises:
        BadInput: a figure is missing.
    """
    try:
        summary, rows = result["summary"], []
        for row in result["answers"]:
            true = f"{row['metres']} m" if "metres" in row else " or ".join(row["answers"])
            rows.append(f"| {row['question']} | {true} | {row['said']} | {'yes' if row['right'] else 'no'} |")
        said = f"{summary['right']} of {summary['asked']} are right"
        if "blind_right" in summary:
            said += f"; a reader that sees nothing gets {summary['blind_right']}"
        about = f"{said}. The capture: {result['capture']}. Questions and true answers were made {result['questions_made']}."
    except KeyError as error:
        raise BadInput(f"plain questions: lacks {error}; expected what `python -m proxy3d.evaluation.plain_questions` writes") from None
    return "\n".join(["| question | true | said | right |", "|---|---|---|---|", *rows, "", about])


def render_honesty(result: Mapping) -> str:
    """Two sentences on ranges of numbers and on what is said to be not seen (`evaluation/honesty.py`).

    Raises:
        BadInput: a figure is missing.
    """
    try:
        s, asked = result["summary"], result["asked"]
        share = {key: f"{100 * s[key]:.0f} %" for key in ("metres_inside", "square_metres_inside", "refused_of_answerable", "refused_of_absent")}
        wide = {unit: f"{s[f'{unit}_high_over_low']:.1f}" for unit in ("metres", "square_metres")}
        return (
            f"Ranges are meant to hold 8 times of 10: on {result['rooms']} test rooms they hold {share['metres_inside']} of {asked['metres']} "
            f"lengths (the upper end is {wide['metres']} times the lower) and {share['square_metres_inside']} of {asked['square_metres']} areas "
            f"({wide['square_metres']} times). \"Not seen\" is answered to {share['refused_of_absent']} of {asked['absent']} questions about "
            f"something that is not in the room, and to {share['refused_of_answerable']} of {asked['answerable']} about things that are."
        )
    except (KeyError, TypeError) as error:
        raise BadInput(f"honesty: lacks {error}; expected what `python -m proxy3d.evaluation.honesty` writes") from None
