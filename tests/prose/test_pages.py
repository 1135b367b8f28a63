"""The pages tell the truth: paths exist, commands parse, tables come from results."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import subprocess
from pathlib import Path

import pytest

from proxy3d.answers.parse import LONGEST_QUESTION
from proxy3d.cli import app
from proxy3d.errors import BadInput
from proxy3d.evaluation.growth_tables import render_growth, render_honesty, render_plain_questions
from proxy3d.evaluation.report import (
    BLOCKS,
    PAGES,
    block,
    filled,
    main,
    render_fresh_clone,
    render_readme_table,
    render_spacespan,
    render_speed,
)

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# A result may not have been measured yet; then the README says so, which another test checks.
MEASURED = {name for blocks in PAGES.values() for file, _ in blocks.values() for name in (file, Path(file).name)}
# What users have, what commands write, and what people put beside us: no files of this repository.
THEIRS = re.compile(
    r"^(my_|data/|runs/out|frame-|transforms\.json|config\.json|K\.txt|rgb\.txt|depth\.txt|groundtruth\.txt|poses?\.txt|intrinsics\.txt|\.)"
)
FOLDERS_THEY_HAVE = {"color/", "depth/", "pose/", "poses/", "images/", "intrinsic/"}


def tracked(*patterns: str) -> list[Path]:
    """Files that git knows, so that scratch files of a checkout do not count."""
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


TEXTS = [ROOT / name for name in ("README.md", "CONVENTIONS.md", "CONTRIBUTING.md", "CHANGELOG.md")] + [
    page for folder in ("docs", "results") for page in sorted((ROOT / folder).glob("*.md"))
]


def named_paths(text: str) -> set[str]:
    """Link targets, and words in backticks that look like paths of this repository."""
    links = {target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target}
    quoted = {word for word in re.findall(r"`([^`\s]+)`", text) if "/" in word or re.search(r"\.(py|md|toml|json|txt)$", word)}
    return {word for word in links | quoted if word} - FOLDERS_THEY_HAVE


def exists(page: Path, name: str) -> bool:
    """From the root, beside the page, in the package or among the tests; `*` stands for any name."""
    bases = (ROOT, page.parent, ROOT / "src" / "proxy3d", ROOT / "tests")
    return any(list(base.glob(name.rstrip("/"))) for base in bases)


@pytest.mark.parametrize("page", TEXTS, ids=lambda p: p.name)
def test_every_path_named_in_a_page_exists(page):
    names = {n for n in named_paths(page.read_text(encoding="utf-8")) if not THEIRS.match(n) or (ROOT / n).exists()}
    missing = sorted(n for n in names if not exists(page, n) and n not in MEASURED)
    assert not missing, f"{page.name} names {missing}"


def console_lines() -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL)
    return [line.partition("  #")[0].strip() for text in blocks for line in text.splitlines() if line.strip()]


PROXY3D_LINES = [line for line in console_lines() if line.startswith("proxy3d ")] + [
    line for line in re.findall(r"`(proxy3d [^`]+)`", README) if not line.endswith("--help")
]


@pytest.mark.parametrize("line", PROXY3D_LINES)
def test_every_command_in_the_readme_is_one_we_understand(line):
    command, bound, *_ = app.parse_args(shlex.split(line)[1:], exit_on_error=False, print_error=False)
    assert command.__module__ in ("proxy3d.cli", "proxy3d.cli_evaluation") and bound is not None


def test_the_readme_shows_the_verbs_that_matter():
    assert {line.split()[1] for line in PROXY3D_LINES} >= {"encode", "ask", "view", "ground", "describe", "measure", "doctor", "data", "train"}


def test_the_longest_question_is_stated():
    assert f"A question has at most {LONGEST_QUESTION} characters" in README


def test_make_knows_every_target_that_is_named():
    makefile = (ROOT / "Makefile").read_text()
    named = {line.split()[1] for line in console_lines() if line.startswith("make ")}
    assert {"demo", "test"} <= named
    for target in named:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), f"the Makefile has no target {target}"


def test_make_viewer_is_the_command_that_the_viewer_states():
    stated = (ROOT / "src/proxy3d/apps/viewer/three_entry.js").read_text().partition("export")[0]
    words = re.findall(r"\w+@[\d.]+|--[\w-]+(?:=\w+)?", stated)
    makefile = (ROOT / "Makefile").read_text()
    assert len(words) >= 8 and not [word for word in words if word not in makefile]


def test_ci_runs_the_test_command_of_the_readme():
    script = ROOT / ".ci" / "run"
    assert "\nmake test\n" in script.read_text() and "make test" in {line for line in console_lines()}
    assert script.stat().st_mode & 0o111, ".ci/run must be executable"


def test_the_python_in_the_readme_runs_and_ends_with_an_answer(monkeypatch, capsys):
    """On the tiny preset and the shipped room, which take the same path without weights."""
    import proxy3d
    from proxy3d.verbs import DEMO_ROOM

    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 5
    assert '"my_room"' in code and 'PRESETS["laptop"]' in code
    exec(compile(code.replace('"my_room"', repr(str(DEMO_ROOM))).replace('["laptop"]', '["tiny"]'), "README.md", "exec"), {})
    assert capsys.readouterr().out.endswith("\n") and proxy3d.PRESETS


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.name)
def test_every_example_runs_with_the_tiny_preset(example, capsys):
    runpy.run_path(str(example))["main"](["--preset", "tiny"])
    assert len(capsys.readouterr().out.splitlines()) >= 4


# --- tables --------------------------------------------------------------------------------------------------------

SUMMARY = {
    "accuracy": 0.5, "majority": 0.25, "majority_given_subject": 0.26, "chance": 0.2, "blind": 0.3, "oracle": 1.0, "acc_at_025": 0.125,
    "random_object_acc_at_025": 0.09, "random_box_acc_at_025": 0.01, "f1_at_025": 0.2, "none_right": 0.3, "train_minutes": 61.2,
}  # fmt: skip
FAMILIES = {
    "left_right": {"accuracy": 0.75, "majority": 0.5, "majority_given_subject": 0.6, "chance": 0.5, "blind": 0.5, "oracle": 1.0},
    "ground_colour": {"acc_at_025": 0.125, "random_object_acc_at_025": 0.08, "random_box_acc_at_025": 0.01, "f1_at_025": 0.1},
}


@pytest.mark.parametrize("page", PAGES)
def test_tables_in_pages_are_what_the_results_say(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert filled(text, ROOT, page) == text, "type: python -m proxy3d.evaluation.report"
    for name, (file, _) in PAGES[page].items():
        assert (ROOT / file).is_file() or f"*Not measured yet: {file} does not exist.*" in text, name


def test_a_table_shows_every_score_beside_its_baselines():
    text = render_readme_table({"summary": SUMMARY, "by_family": FAMILIES})
    assert "| left right | 75.0 | 50.0 | 60.0 | 50.0 | 50.0 | 100.0 |" in text
    assert "| **all** | 50.0 | 30.0 | 26.0 | 25.0 | 20.0 | 100.0 |" in text
    assert "| ground colour | 12.5 | 8.0 | 1.0 | 10.0 | - |" in text and "| **all** | 12.5 | 9.0 | 1.0 | 20.0 | 30.0 |" in text
    assert "61 minutes" in text
    assert "| ground colour | -" not in text and text.count("**all**") == 2 and "No blind reader" not in text


def test_a_blind_reader_that_was_not_trained_is_said_to_be_missing():
    text = render_readme_table({"summary": {**SUMMARY, "blind": None}, "by_family": FAMILIES})
    assert "| **all** | 50.0 | - | 26.0 |" in text and "No blind reader has been trained" in text


@pytest.mark.parametrize("broken", [{}, {"summary": {**SUMMARY, "majority": None}}, {"summary": {**SUMMARY, "accuracy": 50.0}}])
def test_a_result_without_a_baseline_or_in_per_cent_is_refused(broken):
    with pytest.raises(BadInput, match="expected"):
        render_readme_table(broken)


def test_what_a_fresh_machine_costs_is_rendered_in_words_people_use():
    facts = {"machine": "2 cores", "date": "2026-11-23", "commands": {"make demo": {"download_mb": 512.3, "first_s": 190.0, "again_s": 31.2}}}
    assert "| `make demo` | 512 MB | 3 min | 31 s |" in render_fresh_clone(facts)
    with pytest.raises(BadInput, match="date"):
        render_fresh_clone({"machine": "2 cores", "commands": {}})


def test_speed_is_rendered_side_by_side_with_its_ratio():
    ours = dict.fromkeys(("encode_ms", "prefill_ms", "clip_to_first_answer_ms", "next_question_ms", "peak_mb"), 500.0)
    dense = {key: 3 * value for key, value in ours.items()}
    facts = {"settings": {"rounds": 12}, "machine": "2 cores", "date": "2026-11-24"}
    text = render_speed({"summary": {"proxies": ours, "dense": dense, "dense_over_proxies": dict.fromkeys(ours, 3.0)}, **facts})
    assert "| next question | 0.50 s | 1.50 s | 3.0 |" in text and "12 rounds" in text
    assert "| memory beside the loaded models | 500 MB | 1500 MB | 3.0 |" in text
    with pytest.raises(BadInput, match="dense"):
        render_speed({"summary": {"proxies": ours}, **facts})


def test_a_data_set_is_rendered_with_every_baseline_and_a_dash_where_there_is_none():
    row = {"name": "scene_caption", "n": 3, "n_all": 70, "chance": None, "majority": 0.25, "prior": 0.5, "blind": None, "oracle": 1.0}
    figures = {"rooms_per_minute_per_core": 61.4, "bytes_per_room": 314159.0, "depth_consistency_m_median": 0.0008, "points_in_box_min": 0.987}
    facts = {"checks": {"rooms": 2180, "measured_rooms": 300, "measured_boxes": 2900}, "run": {"machine": "2 cores"}}
    text = render_spacespan({"summary": {**figures, "families": [row]}, **facts})
    assert "| scene caption | 70 | 3 | - | 25.0 | 50.0 | - | 100.0 |" in text
    assert "2180 rooms, 314 kB each, 61 made in a minute of one core" in text and "0.8 mm" in text and "98.7 %" in text
    with pytest.raises(BadInput, match="lacks 'run'"):
        render_spacespan({"summary": {**figures, "families": [row]}, "checks": facts["checks"]})


def test_the_command_that_fills_the_readme_puts_tables_between_markers(tmp_path, capsys):
    (tmp_path / "results").mkdir()
    marked = [f"<!-- {name} -->\nold\n<!-- end of {name} -->\n" for name in BLOCKS]
    (tmp_path / "README.md").write_text("a\n" + "b\n".join(marked))
    (tmp_path / "results" / "laptop_model.json").write_text(json.dumps({"summary": SUMMARY, "by_family": FAMILIES}))
    assert main([str(tmp_path)]) == 0
    text = (tmp_path / "README.md").read_text()
    assert "old" not in text and "| left right |" in text and text.startswith("a\n<!-- laptop model -->\n| questions")
    assert block("fresh clone", tmp_path) in text
    assert main([str(tmp_path)]) == 0 and (tmp_path / "README.md").read_text() == text
    (tmp_path / "README.md").write_text("no markers\n")
    assert main([str(tmp_path)]) == 2 and "expected one line <!-- laptop model -->" in capsys.readouterr().err


# --- house -----------------------------------------------------------------------------------------------------------


def test_no_tracked_file_speaks_of_the_machine_it_was_written_on():
    needles = [f"/{name}/" for name in ("work", "root", "home")]  # spelled so that this file does not find itself
    found = []
    for file in tracked():
        if file.suffix in {".png", ".jpg", ".safetensors", ".mp4"} or file.name == "three.min.js":
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        found += [f"{file.relative_to(ROOT)}: {n}" for n in needles if re.search(rf"(?<![\w.~-]){re.escape(n)}", text)]
    assert not found, found


def test_the_licence_is_the_one_that_the_package_states():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text and "END OF TERMS AND CONDITIONS" in text
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text()


def test_growth_and_plain_questions_are_told_with_what_was_not_run_and_what_was_wrong():
    row = {"frames": 4, "patches": 784, "frozen_encoders_ms": 10.0, "proxy_encoder_ms": 5.0, "cluster_ms": 1.0, "prefill_ms": 9.0, "question_ms": 7.0}
    growth = {"frames": [row], "questions": [{"questions": 1, "ms_per_question": 3.0}], "settings": {"rounds": 2, "capture": "c"}}
    growth |= {"machine": "m", "date": "d"}
    assert "| 4 | 784 | 16 | 9 | 7 | not run | not run |" in render_growth(growth)
    with pytest.raises(BadInput, match="lacks 'questions'"):
        render_growth({k: v for k, v in growth.items() if k != "questions"})
    said = {"question": "Is there a bed?", "answers": ["no"], "said": "yes", "right": False}
    plain = {"summary": {"right": 0, "asked": 1, "blind_right": 1}, "answers": [said], "capture": "c", "questions_made": "by hand"}
    text = render_plain_questions(plain)
    assert "| Is there a bed? | no | yes | no |" in text and "0 of 1 are right; a reader that sees nothing gets 1" in text
    shares = {"metres_inside": 0.8, "square_metres_inside": 0.75, "refused_of_answerable": 0.05, "refused_of_absent": 0.6}
    honest = {"summary": {**shares, "metres_high_over_low": 1.5, "square_metres_high_over_low": 1.3}}
    honest |= {"rooms": 3, "asked": {"metres": 10, "square_metres": 4, "answerable": 20, "absent": 19}}
    assert "60 % of 19 questions about something that is not in the room" in render_honesty(honest)
    with pytest.raises(BadInput, match="lacks 'asked'"):
        render_honesty({"rooms": 3, "summary": honest["summary"]})
    with pytest.raises(BadInput, match="lacks 'capture'"):
        render_plain_questions({k: v for k, v in plain.items() if k != "capture"})
