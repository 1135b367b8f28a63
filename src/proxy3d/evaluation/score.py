"""The one path from a file of predictions to scores: read, count what is wrong, score by a named rule, say what dull rules get."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from proxy3d.errors import BadInput
from proxy3d.evaluation.benchmarks import BENCHMARKS
from proxy3d.evaluation.metrics.meteor import Meteor
from proxy3d.evaluation.scoring import Benchmark, Scored
from proxy3d.spacespan.record import make_room
from proxy3d.spacespan.sources.rows import READABLE
from proxy3d.spacespan.sources.sqa3d import ANNOTATIONS, QUESTIONS

ALL = "all"


@dataclass(frozen=True)
class Request:
    """What somebody typed after `proxy3d score`."""

    benchmark: str
    predictions: Path
    annotations: Path | None = None
    variant: str | None = None  # the benchmark's first where it is None
    upload: Path | None = None
    meteor: Path | None = None
    force: bool = False


def score(request: Request) -> dict:
    """The answer of the `score` verb; under `all`, every variant below `variants`. All scores x 100, None where one could not run.

    Raises:
        BadInput: an unknown name, a file that cannot be used, or a place that cannot be written to.
    """
    benchmark = named_benchmark(request.benchmark, request.meteor)
    chosen = named_variants(benchmark, request.variant)
    if request.annotations is None and request.upload is None:
        raise BadInput(f"--annotations is missing; expected the file of {benchmark.name}'s questions, or --upload FILE to only write anew")
    examples = benchmark.examples(request.annotations) if request.annotations is not None else ()
    predictions = benchmark.predictions(request.predictions, examples)
    if request.upload is not None:
        make_room(request.upload, force=request.force)
    result = {"benchmark": benchmark.name, "variant": ALL if request.variant == ALL else chosen[0], "n": len(examples)}
    scored = {name: under(benchmark, examples, predictions.found, name) for name in chosen} if examples else {}
    if request.variant == ALL:
        result["variants"] = scored
    else:
        result |= scored.get(chosen[0], {"metrics": {}, "by_type": {}})
    if request.upload is not None:
        result["upload"] = write_upload(benchmark, benchmark.upload(examples, predictions.found), request.upload)
    return {
        **result,
        "predictions": len(predictions.found),
        "troubles": dict(predictions.troubles),
        "named": list(predictions.named),
        "licence": benchmark.licence,
        "citation": benchmark.citation,
        "inputs": hashes(request.predictions, *([request.annotations] if request.annotations else [])),
        **where_from(),
    }


def named_benchmark(name: str, meteor: Path | None = None) -> Benchmark:
    """The benchmark of a name, with METEOR where somebody has it.

    Raises:
        BadInput: no such benchmark, or one without captions was given METEOR.
    """
    kind = BENCHMARKS.get(name.lower().replace("-", "_"))
    if kind is None:
        raise BadInput(f"no benchmark is called {name!r}; known: {', '.join(BENCHMARKS)}")
    if meteor is None:
        return kind()
    if "meteor" not in {field.name for field in fields(kind)}:
        raise BadInput(f"--meteor: {name} has no captions to score; leave it out")
    return kind(meteor=Meteor(meteor))


def named_variants(benchmark: Benchmark, variant: str | None) -> tuple[str, ...]:
    """The variants asked for.

    Raises:
        BadInput: no such variant.
    """
    if variant == ALL:
        return benchmark.variants
    if variant is not None and variant not in benchmark.variants:
        raise BadInput(f"{benchmark.name} has no variant {variant!r}; known: {', '.join(benchmark.variants)}, or {ALL}")
    return (variant or benchmark.variants[0],)


def under(benchmark: Benchmark, examples: object, found: Mapping[str, object], variant: str) -> dict:
    """One variant: scores, the same by type, what dull rules get, and what the rule does though it is wrong."""
    scored = benchmark.score(examples, found, variant)
    dull = {name: dict(other.metrics) for name, other in benchmark.chance(examples, variant).items()}
    return {**as_json(scored), "chance": dull, "defect": benchmark.defects.get(variant)}


def as_json(scored: Scored) -> dict:
    """Plain numbers."""
    return asdict(scored) | {"metrics": dict(scored.metrics), "by_type": {kind: dict(row) for kind, row in scored.by_type.items()}}


def write_upload(benchmark: Benchmark, text: str | None, out: Path) -> str:
    """The leaderboard's file, written whole or not at all."""
    if text is None:
        raise BadInput(f"--upload {out}: {benchmark.name} has no leaderboard format, or these predictions lack what it asks for (boxes)")
    part = out.with_name(out.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, out)
    return str(out)


def hashes(*paths: Path) -> dict[str, str]:
    """sha256 of every file read, by name; of a folder, of all the files in it that could have been."""
    found: dict[str, str] = {}
    for path in map(Path, paths):
        pair = path.with_name(path.name.replace(QUESTIONS, ANNOTATIONS))
        files = sorted(f for f in path.rglob("*") if f.is_file() and f.suffix in READABLE) if path.is_dir() else [path, pair]
        for file in dict.fromkeys(files):
            if file.is_file():
                name = file.relative_to(path).as_posix() if path.is_dir() else file.name
                found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def where_from() -> dict:
    """Commit and machine."""
    from proxy3d.training.recipes import machine

    return machine()


def table(result: Mapping) -> str:
    """Scores for a terminal: variants side by side, or one variant beside what dull rules get."""
    if "upload" in result and not result["n"]:
        return f"{result['upload']}: {result['predictions']} predictions"
    if "variants" in result:
        columns = {name: row["metrics"] for name, row in result["variants"].items()}
    else:
        columns = {result["variant"]: result["metrics"], **result["chance"]}
    names = list(dict.fromkeys(name for metrics in columns.values() for name in metrics))
    first = max(map(len, ["", *names])) + 2
    widths = {name: max(len(name), 8) + 2 for name in columns}
    lines = [f"{result['benchmark']}, {result['n']} examples, {result['predictions']} predictions; x 100"]
    lines.append(" " * first + "".join(f"{name:>{widths[name]}}" for name in columns))
    for name in names:
        lines.append(f"{name:{first}}" + "".join(f"{_cell(metrics.get(name)):>{widths[column]}}" for column, metrics in columns.items()))
    return "\n".join([*lines, f"upload: {result['upload']}"] if "upload" in result else lines)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
