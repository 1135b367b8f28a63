"""`proxy3d <verb>`: each verb reads its arguments, calls one public function and prints what came back.

Nothing heavy is imported until a verb runs, so that --help answers at once.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from proxy3d import cli_evaluation
from proxy3d.cli_flags import (
    CLEAN,
    DEFAULT_CAPTURE,
    DEFAULT_SCENE,
    CaptureFlags,
    CorruptionFlags,
    Force,
    Json,
    LanguageModel,
    SceneFlags,
    Semantic,
    scene_read_with,
    show,
    tell,
    whole,
)
from proxy3d.errors import BadInput, printed

app = App(
    name="proxy3d",
    help="Answer questions about a 3D place from a few camera frames: encode a capture once, ask it many times.",
    version="0.1.0",
    help_on_error=False,
)
data = App(name="data", help="Make, import, mix and check the rooms and questions that models are trained on.")
app.command(data)
app.command(cli_evaluation.evaluate)
app.command(cli_evaluation.score)


@app.command
def encode(
    capture: str,
    /,
    *,
    out: Annotated[str, Parameter(name=["-o", "--out"])],
    form: Literal["float32", "float16", "int8", "int4"] = "float16",
    preview: Annotated[bool, Parameter(negative="", help="keep a thinned cloud and thumbnails for `view`")] = False,
    force: Force = False,
    json: Json = False,
    scene: SceneFlags = DEFAULT_SCENE,
    reading: CaptureFlags = DEFAULT_CAPTURE,
) -> None:
    """Summarise a capture into a scene file.

    CAPTURE is a posed RGB-D folder in any common layout, a point cloud (.ply, .pcd), a video or a folder of pictures.
    """
    from proxy3d.verbs import encode as run

    result = run(capture, out, scene.pipeline(), reading.options(), form=form, preview=preview, force=force)
    show(result, json, f"{result['scene']}: {result['proxies']} proxies, {result['bytes']} bytes, scale = {result['scale']}")
    tell([] if json else result["notes"])


@app.command
def ask(where: str, question: str, /, *, json: Json = False, scene: SceneFlags = DEFAULT_SCENE, reading: CaptureFlags = DEFAULT_CAPTURE) -> None:
    """Answer a question about a scene file or a capture."""
    from proxy3d.verbs import ask as run

    result = run(where, question, *scene_read_with(where, scene, reading))
    between = "" if result["range"] is None else " (8 times of 10 between {} and {})".format(*result["range"])
    show(result, json, result["answer"] + between)
    tell([] if json else [result["warning"]] if "warning" in result else [], "warning")


@app.command
def ground(where: str, phrase: str, /, *, json: Json = False, scene: SceneFlags = DEFAULT_SCENE, reading: CaptureFlags = DEFAULT_CAPTURE) -> None:
    """Find what a phrase means: 0, 1 or several boxes."""
    from proxy3d.verbs import ground as run

    result = run(where, phrase, *scene_read_with(where, scene, reading))
    show(result, json, "\n".join(box_line(box) for box in result["boxes"]) or "nothing in this scene fits")
    tell([] if json else [result["warning"]] if "warning" in result else [], "warning")


@app.command
def describe(
    where: str,
    /,
    *,
    number: Annotated[int | None, Parameter(name="--object", converter=whole, help="only this one, by its place in --json, from 0")] = None,
    json: Json = False,
    scene: SceneFlags = DEFAULT_SCENE,
    reading: CaptureFlags = DEFAULT_CAPTURE,
) -> None:
    """Say in a few sentences what is in a scene, or what one of its objects is; without a language model."""
    from proxy3d.verbs import describe as run

    result = run(where, *scene_read_with(where, scene, reading), number=number)
    show(result, json, result["text"])


@app.command
def measure(
    where: str,
    what: Literal["count", "size", "nearest", "distance", "direction"],
    /,
    *names: str,
    json: Json = False,
    scene: SceneFlags = DEFAULT_SCENE,
    reading: CaptureFlags = DEFAULT_CAPTURE,
) -> None:
    """Measure named objects, without a language model: `measure room.p3d distance chair table`."""
    from proxy3d.verbs import measure as run

    result = run(where, what, names, *scene_read_with(where, scene, reading))
    show(result, json, result["text"])


@app.command
def view(
    where: str,
    /,
    *,
    out: Annotated[str | None, Parameter(name=["-o", "--out"])] = None,
    question: Annotated[list[str] | None, Parameter(name="--ask", help="a question to answer on the page; may be repeated")] = None,
    force: Force = False,
    json: Json = False,
    scene: SceneFlags = DEFAULT_SCENE,
    reading: CaptureFlags = DEFAULT_CAPTURE,
) -> None:
    """Write one HTML page that shows a scene and works offline."""
    from proxy3d.verbs import view as run

    result = run(where, out, question or [], *scene_read_with(where, scene, reading), force=force)
    show(result, json, f"{result['page']}: open it in a browser")
    tell([] if json else result["notes"])


@app.command
def demo(*, out: Annotated[str, Parameter(name=["-o", "--out"])] = "demo", json: Json = False) -> None:
    """The main job, end to end, on the small room that ships with the package."""
    from proxy3d.verbs import demo as run

    result = run(out)
    beside = {q: f" (true: {t})" for q, t in result["true"].items()}
    show(result, json, "\n".join([*(f"{q}  ->  {a}{beside.get(q, '')}" for q, a in result["answers"].items()), f"page: {result['page']}"]))


@app.command
def train(
    recipe: str = "laptop",
    *,
    rooms: Annotated[str, Parameter(help="folder made by `proxy3d data make`")] = "data/rooms",
    out: Annotated[str, Parameter(name=["-o", "--out"])] = "runs/out/first",
    seed: int = 0,
    accumulate: Annotated[int, Parameter(help="micro-steps that a step is the mean of; several processes share them")] = 1,
    blind: Annotated[bool, Parameter(negative="", help="the baseline: the same questions, no scene; lands in blind/ below --out")] = False,
    semantic: Semantic = None,
    language_model: LanguageModel = None,
    json: Json = False,
) -> None:
    """Train in a few stages; a run that was killed goes on where it was when the same line is typed again.

    The recipes paper and paper_low_rank teach a published --language-model to read proxies of what a --semantic encoder sees; others have their own.
    """
    from proxy3d.training.processes import processes
    from proxy3d.training.recipes import train as run
    from proxy3d.training.recipes import train_blind

    if blind and (semantic or language_model):
        raise BadInput("--blind: what sees nothing takes no --semantic, and its recipes have a language model of their own; leave both out")
    named = {} if blind else {"semantic": semantic, "language_model": language_model}
    everyone = processes()
    with everyone.until_all_are_through():
        result = (train_blind if blind else run)(recipe, Path(rooms), Path(out), seed=seed, accumulate=accumulate, **named)
    if everyone.is_first:
        show(result, json, f"{result['weights']}: trained in {result['train_minutes']:.1f} minutes")


@app.command
def export(
    *,
    out: Annotated[str, Parameter(name=["-o", "--out"])],
    licence: Annotated[str | None, Parameter(help="of these weights, as the hub writes it; without it unknown, or that of shipped ones")] = None,
    force: Force = False,
    json: Json = False,
    scene: SceneFlags = DEFAULT_SCENE,
) -> None:
    """Write learned parts and settings as a folder with a model card, as the Hugging Face hub keeps them; `--weights` reads it back."""
    from proxy3d.verbs import export as run

    result = run(out, scene.pipeline(), licence=licence, force=force)
    show(result, json, f"{result['folder']}: {', '.join(result['files'])}; read back with --weights {result['folder']}")


@app.command
def doctor(
    *, preset: Annotated[str | None, Parameter(help="what this one needs, and where its settings come from")] = None, json: Json = False
) -> None:
    """Versions, weights found, and the command that installs what is missing."""
    if preset is not None:
        from proxy3d.preset_needs import lines_of, needs_of

        needs = needs_of(preset)
        return show(needs, json, "\n".join(lines_of(needs)))
    from proxy3d.doctor import doctor as run

    result = run()
    lines = [f"{'ok     ' if c['found'] else 'missing'} {c['what']:34} {c['detail']}" for c in result["checks"]]
    show(result, json, "\n".join(lines))


@data.command(name="make")
def data_make(
    *,
    out: Annotated[str, Parameter(name=["-o", "--out"])] = "data/rooms",
    train: Annotated[int, Parameter(name=["--train", "--rooms"], help="rooms to train on")] = 1000,
    val: int = 60,
    test: int = 120,
    seed: int = 0,
    bank: Annotated[str | None, Parameter(help="furniture bank; made there when it is missing. Without it, built-in furniture")] = None,
    workers: Annotated[int, Parameter(help="rooms in work at a time; what comes out does not depend on it")] = 2,
    engine: Annotated[str, Parameter(help="processes: of this machine; ray: on the cluster of RAY_ADDRESS, which shares the folder")] = "processes",
    corruption: CorruptionFlags = CLEAN,
    json: Json = False,
) -> None:
    """Render furnished rooms with exact truth and write questions about them. Resumable; the same seed gives the same bytes."""
    from proxy3d.spacespan.make import make_dataset as run
    from proxy3d.spacespan.rooms.photo import Corruption

    counts = {"train": train, "val": val, "test": test}
    wrong = next((f"--{split} {count}" for split, count in counts.items() if count < 0), None)
    if wrong or workers < 1:
        raise BadInput(f"{wrong or f'--workers {workers}'}: expected at least {0 if wrong else 1}")
    worse = Corruption(**corruption.__dict__)
    result = run(Path(out), counts, seed=seed, bank=Path(bank) if bank else None, workers=workers, corruption=worse, engine=engine)
    show(result, json, f"{result['folder']}: {result['rooms']} rooms, {result['questions']} questions, sha256 {result['sha256']}")


@data.command(name="check-rooms")
def data_check_rooms(
    folder: str,
    /,
    *,
    sample: Annotated[int, Parameter(help="rooms of each split whose pictures are measured; the truth and questions of all are read")] = 100,
    json: Json = False,
) -> None:
    """Check rooms made by `data make`: depth agrees between frames, boxes hold their objects, splits share nothing, questions ask what is seen."""
    from proxy3d.spacespan.checks import check_rooms as run

    result = run(Path(folder), sample=sample)
    lines = [f"{key:28} {value}" for key, value in result.items() if key != "trouble"]
    show(result, json, "\n".join([*lines, *result["trouble"]]))
    if result["troubles"]:
        raise BadInput(f"{folder}: {result['troubles']} things are wrong; the list is above, expected none")


@data.command(name="report")
def data_report(
    folder: str,
    /,
    *,
    out: Annotated[str, Parameter(name=["-o", "--out"])] = "results/spacespan.json",
    blind: Annotated[str | None, Parameter(help="weights of a reader that saw no scenes (`train words --blind`)")] = None,
    sample: Annotated[int, Parameter(help="rooms of each split whose pictures are measured")] = 100,
    force: Force = False,
    json: Json = False,
) -> None:
    """Say in figures what a data set is worth: cost, geometry, and what each family of questions gives away."""
    from proxy3d.evaluation.spacespan_report import family_lines
    from proxy3d.evaluation.spacespan_report import report as run

    result = run(Path(folder), Path(out), blind=blind, sample=sample, force=force)
    facts = [f"{key:28} {value}" for key, value in result["summary"].items() if key != "families"]
    show(result, json, "\n".join([*facts, "", *family_lines(result["summary"]["families"])]))


@data.command(name="show")
def data_show(
    where: str,
    /,
    *,
    out: Annotated[str, Parameter(name=["-o", "--out"])],
    rooms: Annotated[int, Parameter(help="how many rooms a contact sheet shows")] = 24,
    force: Force = False,
    json: Json = False,
) -> None:
    """Look at rooms: of a data set a contact sheet (PNG), of one room's folder a page with its questions, boxes and answers (HTML)."""
    from proxy3d.verbs import show_rooms as run

    result = run(where, out, rooms=rooms, force=force)
    show(result, json, f"{result['file']}: {result['shows']}")


@data.command(name="import")
def data_import(
    source: str,
    path: str,
    /,
    *,
    out: Annotated[str, Parameter(name=["-o", "--out"])],
    media: Annotated[str | None, Parameter(help="folder of the clips; a question whose clip is not there is dropped")] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Turn somebody else's question files into records: `data import scanqa FOLDER -o scanqa.jsonl`.

    Rows that cannot be used go to a .dropped.jsonl file beside it, each with its reason. A SOURCE that is not known lists those that are.
    """
    from proxy3d.spacespan.imports import import_questions as run

    result = run(source, Path(path), Path(out), media=Path(media) if media else None, force=force)
    lines = [f"{result['file']}: {result['records']} records of {result['rooms']} rooms, licence {result['licence']}"]
    lines += [f"{split:8} {count}" for split, count in result["splits"].items()]
    lines += [f"{result['dropped_file']}: {result['dropped']} rows dropped"] if result["dropped"] else []
    lines += [f"{count:8} {reason}" for reason, count in result["reasons"].items()]
    show(result, json, "\n".join(lines))


@data.command(name="real")
def data_real(
    path: str,
    /,
    *,
    out: Annotated[str, Parameter(name=["-o", "--out"])],
    per_family: Annotated[int, Parameter(converter=whole, help="at most so many questions of each family about one room, before balancing")] = 4,
    seed: int = 0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Questions about real rooms of which only boxes are known: `data real FOLDER -o vsi_rooms.jsonl`, from VSI-Bench's meta info.

    Rooms go to a .rooms.jsonl file beside it, what was left out to a .dropped.jsonl file, each with its reason. These are the rooms that
    VSI-Bench tests on: do not train on them when its scores are to be reported.
    """
    from proxy3d.spacespan.scans.make import ask_scans as run

    result = run(Path(path), Path(out), seed=seed, per_family=per_family, force=force)
    lines = [f"{result['file']}: {result['records']} records of {result['rooms']} rooms, licence {result['licence']}"]
    lines += [f"{count:8} {family}" for family, count in result["families"].items()]
    lines += [f"{family} against official numbers: {100 * a['equal']:.1f} % of {a['n']} equal" for family, a in result["agreement"].items()]
    lines += [f"{result['rooms_file']}: {result['objects']} objects, {result['leaning_objects']} with a leaning box"]
    lines += [f"{result['dropped_file']}: {result['dropped']} left out"] if result["dropped"] else []
    lines += [f"{count:8} {reason}" for reason, count in result["reasons"].items()]
    show(result, json, "\n".join([*lines, "evaluation rooms of VSI-Bench: not to be trained on where its scores are reported"]))


@data.command(name="check")
def data_check(
    file: str,
    /,
    *more: str,
    against: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="", help="scenes of evaluation sets, not to train on")] = None,
    json: Json = False,
) -> None:
    """Check files of records: valid lines, unique ids, splits that share no place, no place of an evaluation set in training."""
    from proxy3d.spacespan.imports import check_records as run

    result = run([Path(f) for f in (file, *more)], [Path(f) for f in against or ()])
    counts = "\n".join(f"{key:20} {value}" for key, value in result.items() if key != "trouble")
    show(result, json, "\n".join([counts, *result["trouble"]]))
    found = [f"{result[key]} {what}" for key, what in TROUBLE.items() if result[key]]
    if found:
        raise BadInput(f"{', '.join(found)}; the list is above, expected none")


@data.command(name="mix")
def data_mix(
    mixture: str,
    file: str,
    /,
    *more: str,
    out: Annotated[str, Parameter(name=["-o", "--out"])],
    against: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="", help="scenes of evaluation sets, left out here")] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Draw a training mixture from files of records, with a manifest of everything it was made from.

    MIXTURE is a JSON file with shares by source and a seed, or spacespan-318k for the proportions of the paper.
    """
    from proxy3d.spacespan.mixture import SPACESPAN_318K, Mixture
    from proxy3d.spacespan.mixture import mix as run

    recipe = SPACESPAN_318K if mixture == "spacespan-318k" else Mixture.load(Path(mixture))
    result = run(recipe, [Path(f) for f in (file, *more)], Path(out), against=[Path(f) for f in against or ()], force=force)
    show(result, json, f"{result['file']}: {result['records']} records, {result['left_out_for_evaluation']} left out for evaluation")


def box_line(box: dict) -> str:
    """One box in words a person reads."""
    unit = "m" if "centre_m" in box else "units"
    centre, size = box.get("centre_m", box.get("centre")), box.get("size_m", box.get("size"))
    return f"{box['label'] or 'object'}: centre {centre}, size {size} {unit}, score {box['score']:.2f}"


TROUBLE = {"repeated_ids": "repeated ids", "shared_places": "places in two splits", "leaked_records": "training records of an evaluated place"}
TYPED = {  # what a verb looks like when it is typed in full
    "encode": "proxy3d encode CAPTURE -o room.p3d",
    "ask": 'proxy3d ask room.p3d "Is there a table?"',
    "ground": 'proxy3d ground room.p3d "the chair"',
    "describe": "proxy3d describe room.p3d",
    "measure": "proxy3d measure room.p3d distance chair table",
    "view": "proxy3d view room.p3d -o room.html",
    "export": "proxy3d export --weights runs/out/laptop/weights.safetensors -o my_weights",
    "score": "proxy3d score scanqa --annotations FOLDER --predictions answers.json --variant all",
    "data check-rooms": "proxy3d data check-rooms data/rooms",
    "data report": "proxy3d data report data/rooms -o results/spacespan.json",
    "data show": "proxy3d data show data/rooms -o sheet.png",
    "data import": "proxy3d data import scanqa FOLDER -o scanqa.jsonl",
    "data real": "proxy3d data real FOLDER -o vsi_rooms.jsonl",
    "data check": "proxy3d data check scanqa.jsonl --against exclude_list.txt",
    "data mix": "proxy3d data mix mixture.json scanqa.jsonl sqa3d.jsonl -o train.jsonl",
}


def explained(error: Exception) -> str:
    """What is wrong with a command line, with the names that are known or the line to type."""
    from cyclopts import CoercionError, MissingArgumentError, UnknownCommandError, UnknownOptionError, UnusedCliTokensError

    chain, said = " ".join(error.command_chain or ()), " ".join(str(error).split())
    more = f"type {TYPED[chain]}" if chain in TYPED else f"see {' '.join(['proxy3d', chain]).strip()} --help"
    if isinstance(error, UnknownCommandError) and not chain:
        return f"no verb is called {error.unused_tokens[0]!r}; known: {', '.join(sorted(n for n in app if not n.startswith('-')))}"
    if isinstance(error, UnknownOptionError):
        flags = sorted({name for argument in error.argument_collection for name in argument.names if name.startswith("-")})
        return f"{said} Known: {', '.join(flags)}"
    if isinstance(error, MissingArgumentError):
        what = f"{error.keyword} needs a value" if error.keyword else f"{error.argument.name} is missing"
        return f"{chain}: {what}; {more}"
    if isinstance(error, UnusedCliTokensError):
        return f"{chain}: too many words, from {error.unused_tokens[0]!r} on; put words that belong together in quotes: {more}"
    if isinstance(error, CoercionError) and error.target_type in (int, float) and error.token is not None:
        kind = "a whole number" if error.target_type is int else "a number"
        return f"{error.token.keyword or error.argument.name}: expected {kind}, got {error.token.value!r}"
    return said


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 2 the input is wrong (one line on stderr), 1 a defect of ours (a traceback on stderr)."""
    from cyclopts import CycloptsError

    try:
        typed = sys.argv[1:] if arguments is None else arguments
        return printed(lambda: app(typed, exit_on_error=False, print_error=False, result_action="return_value"))
    except (BadInput, CycloptsError) as error:
        line = str(error) if isinstance(error, BadInput) else explained(error)
        print(f"proxy3d: {' '.join(line.split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("proxy3d: stopped", file=sys.stderr)
        return 130
    except Exception:
        traceback.print_exc()
        print("proxy3d: this is a defect of proxy3d, not of what you typed; please report the lines above", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
