"""Whatever is wrong with a command line, a question, a scene or a capture: exit status 2, one line that helps, nothing on disk changed."""

import pytest
from cli_world import TINY, contents, furnish, typed

SENSOR = "--geometric sensor_depth"  # left out, a network would guess from pictures alone

MINE = f"{TINY} --weights mine.safetensors"

# What is typed, and what the one line has to say.
FLAGS = {
    "unknown verb": ("asc room.p3d hello", "'asc'; known: ask, data, demo, describe, doctor, encode, evaluate, export, ground, measure"),
    "unknown verb of data": ("data bake", "make"),
    "unknown flag": (f"ask plain.p3d hello --prest tiny {TINY}", "Did you mean --preset?"),
    "unknown flag far from all": (f"ask plain.p3d hello --zzz {TINY}", "Known: --axes, --clusterer"),
    "unknown preset": ("encode room -o x.p3d --preset huge", "known: brief_16, laptop, modern, paper_450, paper_700, tiny"),
    "unknown semantic encoder": (f"encode room -o x.p3d {TINY} --semantic vgg", "known: clip, dinov2"),
    "unknown geometric encoder": (f"encode room -o x.p3d {TINY} --geometric moge", "known: depth_anything, depth_anything_3"),
    "encoder without its weights": (f"encode room -o x.p3d {TINY} --semantic clip", "say which weights"),
    "encoder with weights that are not there": (f"encode room -o x.p3d {TINY} --geometric depth_pro:/nowhere", "depth_pro:/nowhere: exp"),
    "unknown clusterer": (f"encode room -o x.p3d {TINY} --clusterer kmeans", "known: agglomerative, density, farthest, grouped_kmeans, kmeans"),
    "unknown encoder for a scene that needs none": (f"ask plain.p3d hello {TINY} --semantic vgg", "known: clip, dinov2"),
    "unknown weights": (f"ask plain.p3d hello {TINY} --weights second", "no weights are called 'second'; known: "),
    "weights file that is not there": (f"ask plain.p3d hello {TINY} --weights gone.safetensors", "gone.safetensors"),
    "weights file of text": (f"ask plain.p3d hello {TINY} --weights text.safetensors", "text.safetensors"),
    "weights without a reader": (f"ask blind.p3d hello {TINY} --weights encoder_only.safetensors", "encode a capture, not answer"),
    "unknown recipe": ("train secnod", "known: laptop, proxies, proxies_set, words, tiny"),
    "no rooms to train on": ("train tiny --rooms nothing", "proxy3d data make"),
    "no scene named": ("ask", 'ask: WHERE is missing; type proxy3d ask room.p3d "Is there a table?"'),
    "no question": ("ask plain.p3d", "QUESTION is missing"),
    "no phrase": ("ground plain.p3d", "PHRASE is missing"),
    "no capture": ("encode", "CAPTURE is missing"),
    "no place for the scene": ("encode room", "-o is missing; type proxy3d encode CAPTURE -o room.p3d"),
    "flag without its value": ("encode room -o x.p3d --proxies", "--proxies needs a value"),
    "flag given twice": (f"encode room -o x.p3d {TINY} --proxies 3 --proxies 4", "--proxies"),
    "switch with a value": (f"ask plain.p3d hello {TINY} --json=maybe", "--json"),
    "question without quotes": (
        f"ask plain.p3d Is there a table? {TINY}",
        "too many words, from 'there' on; put words that belong together in quotes",
    ),
    "no proxies": (f"encode room -o x.p3d {TINY} --proxies 0", "--proxies 0: expected a number from 1 to 1024"),
    "fewer than no proxies": (f"encode room -o x.p3d {TINY} --proxies=-3", "expected a number from 1 to 1024"),
    "too many proxies": (f"encode room -o x.p3d {TINY} --proxies 1025", "expected a number from 1 to 1024"),
    "proxies in words": (f"encode room -o x.p3d {TINY} --proxies many", "--proxies: expected a whole number, auto, or auto:CEILING, got 'many'"),
    "automatic without a ceiling": (f"encode room -o x.p3d {TINY} --proxies auto:", "expected a whole number, auto, or auto:CEILING"),
    "automatic, at most none": (f"encode room -o x.p3d {TINY} --proxies auto:0", "--proxies 0: expected a number from 1 to 1024"),
    "half a proxy": (f"encode room -o x.p3d {TINY} --proxies 2.5", "expected a whole number, auto, or auto:CEILING, got '2.5'"),
    "no frames": (f"encode room -o x.p3d {TINY} --frames 0", "--frames 0: expected a number from 1 to 64"),
    "too many frames": (f"encode room -o x.p3d {TINY} --frames 65", "from 1 to 64"),
    "form nobody knows": (f"encode room -o x.p3d {TINY} --form int2", '"float32", "float16", "int8"'),
    "three intrinsics": (f"encode room -o x.p3d {TINY} --intrinsics 525,525,320", "four numbers"),
    "intrinsics in words": (f"encode room -o x.p3d {TINY} --intrinsics a,b,c,d", "fx,fy,cx,cy"),
    "intrinsics of NaN": (f"encode room -o x.p3d {TINY} --intrinsics nan,1,1,1", "--intrinsics"),
    "unknown unit of depth": (f"encode room -o x.p3d {TINY} --depth-unit furlongs", "metres, millimetres, tum, sun, kinect_raw"),
    "unit of depth that is nothing": (f"encode room -o x.p3d {TINY} --depth-unit 0", "--depth-unit"),
    "wrong unit of depth": (f"encode room -o x.p3d {TINY} --depth-unit metres", "the unit is another one"),
    "no metres per unit": (f"encode room -o x.p3d {TINY} --metres-per-unit 0", "--metres-per-unit: expected a positive number"),
    "metres per unit in words": (f"encode room -o x.p3d {TINY} --metres-per-unit foot", "expected a number, got 'foot'"),
    "a known thing without a height": (f"encode room -o x.p3d {TINY} --known door", "--known door: expected a thing and how tall it is"),
    "a known height of nothing": (f"encode room -o x.p3d {TINY} --known door=0m", "for example door=2.0m, or camera=1.5m"),
    "a known height in furlongs": (f"encode room -o x.p3d {TINY} --known door=2furlongs", "units: m, cm, mm, ft, in"),
    "a known height beside a sensor": (f"encode room -o x.p3d {TINY} --known camera=1.5m", "room: --known: the depth of this capture is in metres"),
    "a known thing that nobody can find": (f"encode room.ply -o x.p3d {TINY} --known door=2m", "needs trained weights; say how high the camera"),
    "poses sideways": (f"encode room -o x.p3d {TINY} --poses sideways", "camera_from_world"),
    "axes of nobody": (f"encode room -o x.p3d {TINY} --axes directx", "opengl"),
    "colour without depth": (f"encode room -o x.p3d {TINY} --color a.png", "--color FILE --depth FILE"),
    "depth file that is not there": (
        f"encode room -o x.p3d {TINY} --color frame-000000.color.png --depth gone.png --intrinsics 50,50,31,23",
        "no such file: room/gone.png",
    ),
    "fewer rooms than none": ("data make -o x --train -1 --val 0 --test 0", "--train -1: expected at least 0"),
}
PLACES = {
    "scene of another suffix": (f"encode room -o x.ply {TINY}", "ends in .p3d, for example x.p3d"),
    "scene without a name": (["encode", "room", "-o", "", *TINY.split()], ".p3d"),
    "scene in no folder": (f"encode room -o gone/x.p3d {TINY}", "mkdir -p gone"),
    "scene that is a folder": (f"encode room -o folder.p3d {TINY}", "is a folder"),
    "scene that exists": (f"encode room -o plain.p3d {TINY}", "--force"),
    "page that exists": (f"view plain.p3d -o old.html {TINY}", "--force"),
    "page of another suffix": (f"view plain.p3d -o x.txt {TINY}", "ends in .html, for example x.html"),
    "page in no folder": (f"view plain.p3d -o gone/x.html {TINY}", "mkdir -p gone"),
    "page that is a folder": (f"view plain.p3d -o folder.html {TINY} --force", "is a folder"),
    "demo in a file": ("demo -o room.ply", "no folder can be made there"),
}
CAPTURES = {
    "capture that is not there": (f"encode gone -o x.p3d {TINY}", "gone: no such file or folder"),
    "capture without a name": (["encode", "", "-o", "x.p3d", *TINY.split()], "."),
    "empty capture": (f"encode nothing -o x.p3d {TINY}", "the folder is empty"),
    "folder of captures": (f"encode . -o x.p3d {TINY}", "name one"),
    "video without depth": (f"encode walk.mp4 -o x.p3d {TINY} {SENSOR}", "walk.mp4: this capture has no depth and no camera poses and no intrinsics"),
    "pictures without depth": (f"encode photos -o x.p3d {TINY} {SENSOR}", "photos: this capture has no depth"),
    "question to a video": (f'ask walk.mp4 "Is there a table?" {MINE} {SENSOR}', "no depth"),
    "view of pictures": (f"view photos -o x.html {TINY} {SENSOR}", "no depth"),
    "scene as a capture": (f"encode plain.p3d -o x.p3d {TINY}", "proxy3d ask"),
    "weights that expect other features": (
        "encode room -o x.p3d --preset laptop --weights mine.safetensors --semantic tiny --proxies 8 --clusterer kmean",
        "kmeans_position",
    ),
}
SCENES = {
    "scene that is not there": (f"ask gone.p3d hello {MINE}", "no such file"),
    "scene that is a folder of that name": (f"ask folder.p3d hello {MINE}", "is a folder"),
    "scene of no bytes": (f"ask empty.p3d hello {MINE}", "is empty"),
    "scene of text": (f"ground text.p3d hello {MINE}", "not a scene file"),
    "scene cut short": (f"ask cut.p3d hello {MINE}", "cut short"),
    "scene with a flipped bit": (f"view hurt.p3d -o x.html {TINY}", "damaged"),
    "scene of a newer version": (f"ask newer.p3d hello {MINE}", "pip install -U proxy3d"),
    "weights called a scene": (f"measure weights.p3d count table {MINE}", "not a scene"),
    "scene made without weights, measured": (f"measure plain.p3d count table {MINE}", "without learned weights"),
    "scene made without weights, asked": (f"ask plain.p3d hello {MINE}", "encode the capture again"),
    "scene made with other weights, asked": (f"ask read.p3d hello {TINY} --weights other.safetensors", "other weights"),
    "scene made with other weights, measured": (f"measure read.p3d count table {TINY} --weights other.safetensors", "other weights"),
    "scene made with other weights, questions on a page": (
        f"view read.p3d -o x.html --ask hello {TINY} --weights other.safetensors",
        "other weights",
    ),
}
USELESS = {  # flags that only a capture could heed; what the one line names is the flag itself
    flag.split()[0]: (f"{verb} {flag} {MINE}", f"proxy3d: {flag.split()[0]}: read.p3d is a scene file, encoded already")
    for verb, flag in (
        ("ask read.p3d hello", "--metres-per-unit 0.01"),
        ("ask read.p3d hello", "--known camera=1.5m"),
        ("ask read.p3d hello", "--proxies 4"),
        ("ask read.p3d hello", "--clusterer uniform"),
        ("ask read.p3d hello", "--frames 2"),
        ("ask read.p3d hello", "--patches 48"),
        ("ground read.p3d hello", "--semantic tiny"),
        ("ground read.p3d hello", "--masks tiny"),
        ("describe read.p3d", "--geometric tiny"),
        ("measure read.p3d count table", "--depth-unit tum"),
        ("view read.p3d -o x.html", "--intrinsics 42,42,31.5,23.5"),
        ("view read.p3d -o x.html", "--poses camera_from_world"),
    )
}
QUESTIONS = {
    "empty question": (["ask", "read.p3d", "", *MINE.split()], "the question is empty"),
    "question of spaces": (["ask", "read.p3d", " \t\n ", *MINE.split()], "the question is empty"),
    "question of control characters": (["ask", "read.p3d", "\x00\x1b\x07", *MINE.split()], "the question is empty"),
    "question of signs": (["ask", "read.p3d", "?!?", *MINE.split()], "has no words"),
    "question of numbers": (["ask", "read.p3d", "12345", *MINE.split()], "has no words"),
    "question of a book": (["ask", "read.p3d", "where is the table " * 200, *MINE.split()], "characters; expected at most"),
    "empty phrase": (["ground", "read.p3d", "", *MINE.split()], 'the phrase is empty; type it in quotes, for example "the chair"'),
    "phrase of a book": (["ground", "read.p3d", "a" * 5000, *MINE.split()], "expected at most"),
    "empty question on a page": (["view", "read.p3d", "-o", "x.html", "--ask", "", *MINE.split()], "the question is empty"),
    "empty question to a capture": (["ask", "room", "", *MINE.split()], "the question is empty"),
    "describe without weights": (f"describe plain.p3d {TINY}", "describe needs trained weights"),
    "half an object": (f"describe read.p3d --object 1.5 {MINE}", "expected a whole number, got '1.5'"),
    "measure nothing": (f"measure read.p3d {MINE}", "WHAT is missing"),
    "measure what nobody can": (f"measure read.p3d beauty chair {MINE}", '"count", "size", "nearest", "distance", "direction"'),
    "measure without weights": (f"measure plain.p3d count table {TINY}", "needs trained weights"),
    "count without a name": (f"measure read.p3d count {MINE}", "takes 1 object name, got 0"),
    "distance of one": (f"measure read.p3d distance chair {MINE}", "takes 2 object names, got 1: chair"),
    "count of two": (f"measure read.p3d count chair table {MINE}", "takes 1 object name, got 2"),
    "count of a word nobody taught": (f"measure read.p3d count spaceship {MINE}", "not a word that measure knows"),
    "count of a slip of the pen": (f"measure read.p3d count tabel {MINE}", "near ones: table"),
    "count of nothing": (["measure", "read.p3d", "count", "", *MINE.split()], "not a word that measure knows"),
}
CASES = FLAGS | PLACES | CAPTURES | SCENES | USELESS | QUESTIONS


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return furnish(tmp_path_factory.mktemp("world"))


@pytest.mark.parametrize("case", CASES)
def test_bad_input_gives_status_2_and_one_line_and_changes_nothing(case, world, capsys, monkeypatch):
    line, word = CASES[case]
    monkeypatch.chdir(world)
    before = contents(world)
    back = typed(capsys, line)
    assert (back.status, back.out) == (2, ""), back.err
    assert back.err.startswith("proxy3d: ") and back.err.count("\n") == 1 and len(back.err) < 1300
    assert word in back.err
    assert contents(world) == before


def test_the_same_lines_without_the_fault_are_fine(world, capsys, monkeypatch, tmp_path):
    """Without this, every case above could be refused for a reason that has nothing to do with its name."""
    monkeypatch.chdir(world)
    for line in (
        f"encode room -o {tmp_path}/x.p3d {TINY} --proxies 3 --frames 2 --depth-unit millimetres --intrinsics 42,42,31.5,23.5",
        f"ask read.p3d hello {MINE}",
        f'ask read.p3d "Is there a table?" {MINE} --json',
        f"ask read.p3d hello {MINE}",
        f"ground read.p3d hello {MINE}",
        f"measure read.p3d count table {MINE}",
        f"measure read.p3d distance chair table {MINE}",
        f"view read.p3d -o {tmp_path}/x.html --ask hello {MINE}",
        f"view read.p3d -o {tmp_path}/y.html {TINY} --weights other.safetensors",  # any scene can be looked at
        f"view plain.p3d -o {tmp_path}/z.html {MINE}",
    ):
        back = typed(capsys, line)
        assert back.status == 0, f"{line}: {back.err}"


def test_a_scene_a_video_or_a_cloud_is_known_by_what_lies_there_not_by_its_name(world, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(world)
    (tmp_path / "scene.bin").write_bytes((world / "read.p3d").read_bytes())
    (tmp_path / "walk.bin").write_bytes((world / "walk.mp4").read_bytes())
    assert typed(capsys, f"ask {tmp_path}/scene.bin hello {MINE}").out == typed(capsys, f"ask read.p3d hello {MINE}").out != ""
    assert "scene file, encoded already" in typed(capsys, f"ask {tmp_path}/scene.bin hello {MINE} --proxies 4").err
    named, unnamed = (typed(capsys, f"encode {walk} -o x.p3d {TINY} {SENSOR}").err for walk in ("walk.mp4", f"{tmp_path}/walk.bin"))
    assert "this capture has no depth" in named and named.replace("walk.mp4", f"{tmp_path}/walk.bin") == unnamed
    (tmp_path / "room.bin").write_bytes((world / "room.ply").read_bytes())
    assert typed(capsys, f"encode {tmp_path}/room.bin -o {tmp_path}/room.p3d {TINY}").out.endswith("scale = unknown\n")
    (tmp_path / "text.bin").write_text("Once upon a time there was a room.\n" * 9)
    (tmp_path / "still.bin").write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))  # a picture that begins like an mp4
    for other in ("text.bin", "still.bin"):
        assert "not a capture" in typed(capsys, f"ask {tmp_path}/{other} hello {MINE}").err


def test_json_changes_nothing_about_a_refusal(world, capsys, monkeypatch):
    monkeypatch.chdir(world)
    for line in (f"ask empty.p3d hello {MINE}", f"encode gone -o x.p3d {MINE}", "ask"):
        plain, asked_for_json = typed(capsys, line), typed(capsys, f"{line} --json")
        assert asked_for_json == plain and plain.status == 2
