"""The question files that people publish are read whole, with the counts that were taken from them by other means."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from proxy3d.errors import BadInput
from proxy3d.spacespan.mixture import evaluation_places, leaks
from proxy3d.spacespan.record import Dropped, Record
from proxy3d.spacespan.sources import SOURCES

pytestmark = pytest.mark.data
SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
EXPECTED = {  # folder, records, rooms (None: not counted elsewhere), splits
    "scanqa": ("scanqa", 4_675, 71, {"val"}),
    "sqa3d": ("sqa3d", 3_519, 67, {"test"}),
    "nr3d": ("sqa3d", 41_503, 641, {"all"}),
    "open_eqa": ("openeqa", 1_636, None, {"test"}),
}


def real(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"no real question files beside this checkout: {path}")
    return path


@pytest.mark.parametrize("source", EXPECTED)
def test_a_published_file_is_read_whole(source):
    folder, count, rooms, splits = EXPECTED[source]
    rows = list(SOURCES[source](real(folder)))
    assert not [row for row in rows if isinstance(row, Dropped)]
    assert len(rows) == count == len({row.question_id for row in rows})
    assert {row.split for row in rows} == splits and (rooms is None or len({row.room_id for row in rows}) == rooms)
    assert all(Record.from_json(row.to_json()) == row for row in rows)


def test_scanqa_has_two_answers_to_almost_every_question():
    rows = list(SOURCES["scanqa"](real("scanqa") / "ScanQA_v1.0_val.json"))
    assert min(len(row.answers) for row in rows) >= 1 and max(len(row.answers) for row in rows) <= 8
    assert all(row.targets and row.subject for row in rows)


@pytest.mark.parametrize("name, count", [("chatscene_scanqa_test_w_obj_preds.json", 4_976), ("chatscene_scanqa_test_wo_obj_preds.json", 6_149)])
def test_prediction_files_are_no_source(name, count):
    rows = list(SOURCES["scanqa"](real("scanqa") / name))
    assert Counter(row.reason for row in rows) == {"a prediction, not a question": count}


def test_sqa3d_types_are_the_published_ones_and_every_question_has_a_level_pose():
    rows = list(SOURCES["sqa3d"](real("sqa3d")))
    counts = Counter(row.family.removeprefix("sqa3d_") for row in rows)
    assert counts == {"what": 1_147, "is": 652, "how": 465, "can": 338, "which": 351, "others": 566}
    assert len({row.answer for row in rows}) == 403
    assert all(row.situation for row in rows) and all(row.world_from_agent[2][2] == pytest.approx(1, abs=1e-4) for row in rows)


def test_openeqa_walks_through_scans_and_flats():
    rows = list(SOURCES["open_eqa"](real("openeqa")))
    assert Counter(row.media[0].partition("-")[0] for row in rows) == {"scannet": 1_079, "hm3d": 557}
    assert len({row.family for row in rows}) == 7
    assert all(row.room_id.startswith("scene") == row.media[0].startswith("scannet") for row in rows)


def test_vsi_bench_has_288_scenes_and_most_of_them_are_asked_about_elsewhere_too():
    folder = real("vsibench_meta_info") / "data" / "meta_info"
    by_file = {file.name.partition("_")[0]: len(evaluation_places([file])) for file in sorted(folder.glob("*.json"))}
    assert by_file == {"arkitscenes": 150, "scannet": 88, "scannetpp": 50}
    places = evaluation_places(sorted(folder.glob("*.json")))
    assert len(places) == 288
    scanqa = list(SOURCES["scanqa"](real("scanqa")))
    assert not leaks(scanqa, places)  # validation is not trained on
    assert leaks(scanqa, places, ("val",))
    assert leaks(list(SOURCES["nr3d"](real("sqa3d"))), places)  # claims no split, so it counts as trained on


@pytest.mark.parametrize("source", sorted(set(SOURCES) - {"llava", "chatscene", "spar", "sr_91k"}))
def test_a_source_does_not_take_what_belongs_to_another(source):
    for folder in {folder for folder, *_ in EXPECTED.values()} | {"vsibench_meta_info", "embodiedscan_meta"}:
        if EXPECTED.get(source, ("",))[0] != folder:
            with pytest.raises(BadInput, match="no question file in this folder"):
                list(SOURCES[source](real(folder)))
