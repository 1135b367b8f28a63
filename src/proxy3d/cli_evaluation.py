"""The verbs that say how good something is: `evaluate` asks a model about rooms, `score` reads what any model said."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from proxy3d.cli_flags import DEFAULT_SCENE, Force, Json, SceneFlags, show
from proxy3d.errors import BadInput


def evaluate(
    benchmark: str = "spacespan",
    *,
    rooms: Annotated[str, Parameter(help="folder made by `proxy3d data make`")] = "data/rooms",
    split: str = "test",
    blind: Annotated[str | None, Parameter(help="weights of the same model trained without scenes (`train laptop --blind`)")] = None,
    out: Annotated[str | None, Parameter(name=["-o", "--out"], help="result file; single answers are written beside it")] = None,
    limit: Annotated[int | None, Parameter(help="only so many rooms")] = None,
    page: Annotated[str | None, Parameter(help="with --out: an HTML page with tables, plots and failures")] = None,
    json: Json = False,
    scene: SceneFlags = DEFAULT_SCENE,
) -> None:
    """Score a model on rooms nobody trained on, beside chance, majority, a blind model and exact geometry.

    With --out a run that was killed goes on where it was when the same line is typed again.
    """
    from proxy3d.evaluation.run import evaluate as run

    if page and not out:
        raise BadInput("--page needs the result beside it: add -o result.json")
    result = run(benchmark, scene.pipeline(), Path(rooms), split=split, blind=blind, out=Path(out) if out else None, limit=limit)
    if page:
        from proxy3d.evaluation.page import write_page

        write_page(Path(out), Path(page), rooms=Path(rooms))
    show(result, json, "\n".join(f"{k:28} {v:.3f}" if isinstance(v, float) else f"{k:28} {v}" for k, v in result["summary"].items()))


def score(
    benchmark: str,
    /,
    *,
    predictions: Annotated[str, Parameter(help="what a model said: the benchmark's own format, JSON Lines, or {id: answer}")],
    annotations: Annotated[str | None, Parameter(help="the benchmark's own file, or a folder with it; only --upload does without")] = None,
    variant: Annotated[str | None, Parameter(help="whose rule scores; all for every rule side by side")] = None,
    upload: Annotated[str | None, Parameter(help="write the predictions as the file that the leaderboard takes")] = None,
    meteor: Annotated[str | None, Parameter(help="meteor-1.5.jar, which needs Java; without it METEOR is reported as absent")] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Score a file of predictions for a public benchmark, by the rule of a named code base.

    Scores of different rules cannot be compared: print the variant with every number. A BENCHMARK that is not known lists those that are.
    """
    from proxy3d.evaluation.score import Request, table
    from proxy3d.evaluation.score import score as run

    files = {"annotations": annotations, "upload": upload, "meteor": meteor}
    request = Request(benchmark, Path(predictions), variant=variant, force=force, **{k: Path(v) if v else None for k, v in files.items()})
    result = run(request)
    show(result, json, table(result))
    for line in [] if json else [f"{count} x {what}" for what, count in result["troubles"].items()] + result["named"]:
        print(f"note: {line}", file=sys.stderr)
