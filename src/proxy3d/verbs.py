"""What each verb does: one public function per verb, from paths and words to a JSON-able answer."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from proxy3d import scene_file
from proxy3d.answers.describe import describe as describe_scene
from proxy3d.answers.describe import describe_object
from proxy3d.answers.measure import measure as measure_scene
from proxy3d.answers.objects import find_colours, find_objects
from proxy3d.clips import CaptureOptions
from proxy3d.errors import BadInput
from proxy3d.hub import CARD, CONFIG, TENSORS
from proxy3d.pipeline import Pipeline, load_or_encode
from proxy3d.presets import PRESETS
from proxy3d.values import Answer, Scene

DEMO_ROOM = Path(__file__).parent / "demo_room"
# With the truth: chairs counted in its pictures, centres of door and table from its depth.
DEMO_QUESTIONS = {"Is there a table?": "yes", "How many chairs are there?": "4", "How far is the door from the table?": "2.6 m"}
DEMO_PHRASE, DEMO_FOUND = "the chairs", "4"
UNTAUGHT = "nothing has taught the language model {name}: what it says is noise, for tests; leave --preset out, or add --weights FILE"


def encode(
    capture: str | Path,
    out: str | Path,
    pipeline: Pipeline,
    options: CaptureOptions | None = None,
    *,
    form: str = "float16",
    preview: bool = False,
    force: bool = False,
) -> dict:
    """Capture -> scene file; the answer of the `encode` verb.

    Raises:
        BadInput: the capture cannot be used, or the scene file exists.
    """
    out = Path(out)
    check_suffix(out, scene_file.SUFFIX)
    check_place(out, force=force)
    pipeline.check_parts()
    started = time.perf_counter()
    scene = pipeline.encode(capture, options, preview=preview)
    encoded = time.perf_counter()
    size = scene_file.save(scene, out, form=form, force=force)
    return {
        "scene": str(out),
        "proxies": len(scene.proxies),
        "bytes": size,
        "scale": scene.scale.source,
        "notes": scene.provenance.get("notes", []),
        "milliseconds": {"encode": _ms(started, encoded), "save": _ms(encoded, time.perf_counter())},
    }


def ask(where: str | Path, question: str, pipeline: Pipeline, options: CaptureOptions | None = None) -> dict:
    """The answer of the `ask` verb.

    Raises:
        BadInput: no usable scene or capture, or no usable question.
    """
    pipeline.check_reader()
    scene, load, encoded = load_or_encode(pipeline, where, options)
    check_fit(scene, pipeline)
    session = pipeline.session(scene)
    started = time.perf_counter()
    _ = session.tokens  # loads the language model, which is not part of answering
    ready = time.perf_counter()
    answer = session.ask(question)
    return {
        "answer": answer.text,
        **warned(pipeline, answer.warning),
        "range": answer.range,
        "seen": {word: round(score, 3) for word, score in answer.seen.items()},
        "boxes": boxes_json(answer.boxes, scene),
        "proxies": list(answer.proxies),
        "frames": list(answer.frames),
        "scale": scene.scale.source,
        "model": model_json(pipeline, session.reader.host.name),
        "milliseconds": {"load": round(load + _ms(started, ready), 1), "encode": round(encoded, 1), "answer": _ms(ready, time.perf_counter())},
    }


def ground(where: str | Path, phrase: str, pipeline: Pipeline, options: CaptureOptions | None = None) -> dict:
    """The answer of the `ground` verb.

    Raises:
        BadInput: no usable scene or capture, or no usable phrase.
    """
    pipeline.check_reader()
    scene, load, encoded = load_or_encode(pipeline, where, options)
    check_fit(scene, pipeline)
    session = pipeline.session(scene)
    started = time.perf_counter()
    _ = session.tokens
    ready = time.perf_counter()
    boxes = session.ground(phrase)
    return {
        "boxes": boxes_json(boxes, scene),
        "phrase": phrase,
        **warned(pipeline),
        "scale": scene.scale.source,
        "model": model_json(pipeline, session.reader.host.name),
        "milliseconds": {"load": round(load + _ms(started, ready), 1), "encode": round(encoded, 1), "answer": _ms(ready, time.perf_counter())},
    }


def measure(where: str | Path, what: str, names: Sequence[str], pipeline: Pipeline, options: CaptureOptions | None = None) -> dict:
    """The answer of the `measure` verb; loads no language model.

    Raises:
        BadInput: unknown measurement or word, or no usable scene.
    """
    check_namer(pipeline, "measure")
    scene, load, encoded = load_or_encode(pipeline, where, options)
    check_fit(scene, pipeline)
    started = time.perf_counter()
    namer = pipeline.weights.namer
    found = measure_scene(scene, find_objects(scene, namer), what, names, namer.categories)
    return {
        "measure": what,
        "names": list(names),
        "value": found.value,
        "unit": found.unit,
        "text": found.text,
        "boxes": boxes_json(found.boxes, scene),
        "scale": scene.scale.source,
        "milliseconds": {"load": round(load, 1), "encode": round(encoded, 1), "answer": _ms(started, time.perf_counter())},
    }


def describe(where: str | Path, pipeline: Pipeline, options: CaptureOptions | None = None, *, number: int | None = None) -> dict:
    """The answer of the `describe` verb: a caption of the scene, or of the object of that number; loads no language model.

    Raises:
        BadInput: no such object, or no usable scene.
    """
    check_namer(pipeline, "describe")
    scene, load, encoded = load_or_encode(pipeline, where, options)
    check_fit(scene, pipeline)
    namer = pipeline.weights.namer
    started = time.perf_counter()
    objects = find_objects(scene, namer)
    colours = find_colours(scene, namer, objects)
    text = describe_scene(scene, objects, colours) if number is None else describe_object(scene, objects, colours, number)
    return {
        "text": text,
        "objects": boxes_json(objects, scene),
        **({} if number is None else {"object": number}),
        "scale": scene.scale.source,
        "milliseconds": {"load": round(load, 1), "encode": round(encoded, 1), "answer": _ms(started, time.perf_counter())},
    }


def view(
    where: str | Path,
    out: str | Path | None,
    questions: Sequence[str],
    pipeline: Pipeline,
    options: CaptureOptions | None = None,
    *,
    force: bool = False,
) -> dict:
    """One HTML page that shows a scene, its objects and the answers to some questions.

    Raises:
        BadInput: no usable scene, or the page exists.
    """
    from proxy3d.apps.viewer import write_page

    page = Path(out) if out is not None else Path(Path(where).resolve().name).with_suffix(".html")
    check_suffix(page, ".html")
    check_place(page, force=force)
    if questions:
        pipeline.check_reader()
    scene, _, _ = load_or_encode(pipeline, where, options, preview=True)
    notes = [] if scene.preview else [f"{where} keeps no points and no pictures; `proxy3d encode CAPTURE -o SCENE --preview` makes one that does"]
    answers: list[tuple[str, Answer]] = []
    if questions:
        check_fit(scene, pipeline)
        session = pipeline.session(scene)
        answers += [(question, session.ask(question)) for question in questions]
        notes += [f"{question}: {said['warning']}" for question, answer in answers if (said := warned(pipeline, answer.warning))]
    shown = list(answers)
    if pipeline.weights and pipeline.weights.has_reader and not misfit(scene, pipeline):  # any scene can be looked at, also one that cannot be read
        shown.append(("everything that was recognised", objects_answer(scene, pipeline)))
    written = write_page(scene, page, answers=shown, force=force)
    return {"page": str(written), "answers": {q: a.text for q, a in answers}, "notes": notes}


def export(folder: str | Path, pipeline: Pipeline, *, licence: str | None = None, force: bool = False) -> dict:
    """Learned parts and settings as a folder that the Hugging Face hub can hold; the answer of the `export` verb.

    Raises:
        BadInput: nothing learned, files that exist, or a folder that cannot be written.
    """
    made = pipeline.save_pretrained(folder, licence=licence, force=force)
    files = sorted(file.name for file in made.iterdir() if file.name in (TENSORS[0], CONFIG, CARD))
    return {"folder": str(made), "files": files, "weights": pipeline.weights.name, "sha256": pipeline.weights.hash}


def show_rooms(where: str | Path, out: str | Path, *, rooms: int = 24, force: bool = False) -> dict:
    """A contact sheet of a data set, or the page of one room with its questions, boxes and true answers.

    Raises:
        BadInput: no rooms there, the name fits neither, or the file exists.
    """
    where, out = Path(where), Path(out)
    one = (where / "room.json").is_file()
    suffix = ".html" if one else ".png"
    if out.suffix != suffix:
        what = "of one room's folder a page is made" if one else "of a data set a contact sheet is made"
        raise BadInput(f"-o {out}: {what}; expected a name that ends in {suffix}, for example {(out.stem or 'rooms') + suffix}")
    check_place(out, force=force)
    if not one:
        from proxy3d.spacespan.contact_sheet import write_sheet

        count = write_sheet(where, out, rooms)
        return {"file": str(out), "rooms": count, "shows": f"{count} rooms"}
    from proxy3d.apps.viewer import write_page
    from proxy3d.spacespan.record import read_records
    from proxy3d.spacespan.room import Room
    from proxy3d.spacespan.room_scene import room_scene, shown_answers

    room, asked = Room.load(where), where.resolve().parent.with_suffix(".jsonl")
    records = [record for record in read_records(asked) if record.room_id == room.room_id] if asked.is_file() else []
    write_page(room_scene(where), out, answers=shown_answers(room, records), force=force)
    return {"file": str(out), "rooms": 1, "questions": len(records), "shows": f"{room.room_id}, {len(records)} questions; open it in a browser"}


def demo(out: str | Path) -> dict:
    """Encode the shipped room, ask three questions, ground one phrase and write a page; everything lands in one folder.

    Raises:
        BadInput: the folder cannot be made, or holds a room that is not the demo's.
    """
    from proxy3d.apps.viewer import write_page

    out = Path(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{out}: no folder can be made there ({error.strerror}); name another one with -o") from None
    # Somebody's own room.p3d must not be lost to a demo; its own one may be made again.
    theirs = [p for p in (out / "room.p3d", out / "room.html") if p.exists()]
    if theirs and not ((out / "room.p3d").is_file() and scene_file.load(out / "room.p3d").clip_id == DEMO_ROOM.name):
        raise BadInput(f"{theirs[0]}: exists already and is not the demo's; name another folder with -o")
    pipeline = Pipeline(PRESETS["laptop"])
    scene = pipeline.encode(DEMO_ROOM, preview=True)
    size = scene_file.save(scene, out / "room.p3d", force=True)
    session = pipeline.session(scene)
    answers = [(question, session.ask(question)) for question in DEMO_QUESTIONS]
    boxes = session.ground(DEMO_PHRASE)
    found = Answer(f"{len(boxes)} found", boxes, tuple(p for b in boxes for p in b.proxies), tuple(sorted({t for b in boxes for t in b.frames})))
    answers += [(f"find: {DEMO_PHRASE}", found), ("everything that was recognised", objects_answer(scene, pipeline))]
    page = write_page(scene, out / "room.html", answers=answers, force=True)
    true = {**DEMO_QUESTIONS, f"find: {DEMO_PHRASE}": DEMO_FOUND}
    return {"scene": str(out / "room.p3d"), "bytes": size, "answers": {q: a.text for q, a in answers}, "true": true, "page": str(page.resolve())}


def objects_answer(scene: Scene, pipeline: Pipeline) -> Answer:
    """All named objects, as an answer that a page can show."""
    objects = find_objects(scene, pipeline.weights.namer)
    words = ", ".join(f"{box.label} {box.score:.0%}" for box in objects) or "nothing"
    return Answer(words, objects, tuple(sorted({p for b in objects for p in b.proxies})), tuple(sorted({t for b in objects for t in b.frames})))


def check_suffix(path: Path, suffix: str) -> None:
    """Raises:
    BadInput: the name of a file to be written ends otherwise.
    """
    if path.suffix != suffix:
        raise BadInput(f"-o {path}: expected a name that ends in {suffix}, for example {(path.stem or 'room') + suffix}")


def check_place(path: Path, *, force: bool) -> None:
    """Whether a file may be written there, asked before minutes are spent on its content.

    Raises:
        BadInput: a folder, a file that exists already, a path without a folder, or one in a folder where nothing can be written.
    """
    if path.is_dir():
        raise BadInput(f"{path}: is a folder; expected the name of a file, for example {path / 'room'}{path.suffix}")
    if path.exists() and not force:
        raise BadInput(f"{path}: exists already; add --force to overwrite it, or choose another name with -o")
    if not path.parent.is_dir():
        raise BadInput(f"{path}: the folder {path.parent} does not exist; make it with mkdir -p {path.parent}")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise BadInput(f"{path}: nothing can be written in the folder {path.parent} ({error.strerror}); choose another one with -o") from None


def warned(pipeline: Pipeline, warning: str | None = None) -> dict:
    """What the JSON of an answer says beside it, if anything."""
    warning = UNTAUGHT.format(name=pipeline.preset.language_model) if pipeline.learned is None else warning
    return {"warning": warning} if warning else {}


def check_namer(pipeline: Pipeline, verb: str) -> None:
    """Raises:
    BadInput: nothing here has learned to name objects.
    """
    if pipeline.weights is None:
        raise BadInput(f"{verb} needs trained weights to name objects, and this preset has none; leave --preset out, or add --weights first")


def misfit(scene: Scene, pipeline: Pipeline) -> str | None:
    """Why these weights cannot read this scene, or None. Features of other weights would give answers, only wrong ones."""
    weights, made_with = pipeline.weights, scene.encoders.get("weights")
    if weights is None:
        return None
    if made_with is None:
        return f"was encoded without learned weights ({scene.encoders.get('semantic', 'unknown encoder')})"
    if made_with.rpartition(":")[2] != weights.hash[:16]:
        return f"was encoded with other weights ({made_with})"
    return None


def check_fit(scene: Scene, pipeline: Pipeline) -> None:
    """Raises:
    BadInput: the scene was encoded with other weights than those that are to read it.
    """
    why = misfit(scene, pipeline)
    if why:
        raise BadInput(f"scene {scene.clip_id}: {why}, and {pipeline.weights.name} cannot read it; encode the capture again with the same flags")


def boxes_json(boxes: Sequence[object], scene: Scene) -> list[dict]:
    """Boxes by the contract: keys lose their `_m` when the scale is unknown."""
    return [box.to_json(metric=scene.scale.is_metric) for box in boxes]


def model_json(pipeline: Pipeline, language_model: str) -> dict:
    """Who answered."""
    weights = pipeline.learned
    return {"language_model": language_model, "weights": weights.name if weights else None, "sha256": weights.hash[:16] if weights else None}


def _ms(start: float, end: float) -> float:
    return round((end - start) * 1000, 1)
