"""What is said of proxies on a page is what the result holds, and a result without its figures is refused."""

from __future__ import annotations

import copy
import itertools
import xml.etree.ElementTree

import pytest

from proxy3d.errors import BadInput
from proxy3d.evaluation.proxy_report import form_summary, quotes, summary
from proxy3d.evaluation.proxy_tables import AUTO, TRUE_MASKS, plot_proxies, render_clusterer_speed, render_proxies


def figure(mean):
    return {"mean": mean, "low": mean - 0.01, "high": mean + 0.01}


def row(clusterer, features, n, noise, missing):
    recall = {"soft_kmeans": 0.9, "voxel": 0.5, "set_encoder": 0.8, AUTO: 0.91, TRUE_MASKS: 1.0}[clusterer] - (0.2 if n == 16 else 0.0) - noise
    figures = {"recall": recall, "small_recall": recall - 0.1, "purity": 0.95, "box_iou": 0.3, "proxies": 24.0 if clusterer == AUTO else n}
    seeds = 1 if clusterer == "set_encoder" else 3
    about = {"clusterer": clusterer, "features": features, "n": n, "seeds": seeds, "noise": noise, "missing": missing}
    return {**about, **{k: figure(v) for k, v in figures.items()}}


FORMS = [("float32", 17000.0, 0.9), ("int8", 4500.0, 0.9), ("int4", 1990.0, 0.87)]


@pytest.fixture
def result():
    ways = [("soft_kmeans", "learned"), ("voxel", "frozen"), ("set_encoder", "learned"), (AUTO, "learned"), (TRUE_MASKS, "learned")]
    rows = [row(*way, n, noise, 0.0) for way, n, noise in itertools.product(ways, (16, 32), (0.0, 0.05))]
    forms = {name: {"file_bytes": 9000.0, "tensor_bytes": size, "recall": recall, "cosine": 0.99} for name, size, recall in FORMS}
    said = {"rows": rows, "summary": summary(rows) | form_summary(forms), "forms": forms}
    return {**said, "rooms": 7, "seeds": [0, 1, 2], "run": {"machine": "a machine"}}


def test_the_summary_is_ours_beside_the_best_rival_and_neither_true_masks_nor_what_we_trained_are_rivals(result):
    assert result["summary"]["object_recall_at_32"] == 0.9 and result["summary"]["best_rival_recall_at_32"] == 0.5
    assert result["summary"]["best_rival_at_32"] == "voxel, frozen" and result["summary"]["object_recall_at_32_with_5_per_cent_noise"] == 0.85


def test_the_page_shows_every_clusterer_and_every_sensor_with_intervals(result):
    text = render_proxies(result)
    assert "| **soft_kmeans, learned features** | 90.0 (89.0 to 91.0) | 80.0 (79.0 to 81.0) |" in text
    assert "| 5% noise | 65.0 (64.0 to 66.0) | 85.0 (84.0 to 86.0) |" in text
    assert "over 7 rooms and 3 seeds of the encoder (set_encoder: 1); a machine" in text


def test_auto_and_saved_forms_are_said_in_the_summary_and_on_the_page(result):
    assert result["summary"]["auto_saving"] == 0.25 and result["summary"]["auto_recall"] == 0.91
    assert result["summary"]["bytes_32_int4"] == 1990 and result["summary"]["recall_lost_int4"] == pytest.approx(0.03)
    text = render_proxies(result)
    assert "| 32 | 24.0 | 91.0 (90.0 to 92.0) |" in text and "| int4 | 9,000 | 1,990 | 87.0 | 0.9900 |" in text


def test_figures_of_other_results_are_quoted(tmp_path):
    speed, other = tmp_path / "speed.json", tmp_path / "other.json"
    speed.write_text('{"summary": {"speed_vs_sklearn": 4.5, "speed_vs_faiss": 1.1, "clips": 3}}')
    assert quotes([speed]) == {"speed_vs_sklearn": 4.5, "speed_vs_faiss": 1.1}
    for text in ('{"summary": {"clips": 3}}', '{"rows": 1}', "no json"):
        other.write_text(text)
        with pytest.raises(BadInput, match="summary"):
            quotes([speed, other])


def test_the_plot_is_one_picture_with_a_line_for_each(result):
    picture = xml.etree.ElementTree.fromstring(plot_proxies(result))
    lines = [e for e in picture.iter() if e.tag.endswith("polyline")]
    assert len(lines) == 5 and sum(e.attrib["stroke-width"] == "3" for e in lines) == 1


@pytest.mark.parametrize("lacking", ["rows", "rooms", "seeds", "run", "forms"])
def test_a_result_without_its_figures_is_refused(result, lacking):
    broken = copy.deepcopy(result)
    del broken[lacking]
    with pytest.raises(BadInput, match="lacks"):
        render_proxies(broken)


def test_the_speed_table_names_every_package_that_took_part():
    times = {name: {"median_ms": ms, "cpu_ms": ms, "error": 1.0} for name, ms in (("ours", 2.0), ("faiss", 3.04))}
    sizes = {"1568": {"same_start": times, "own_start": times}}
    summary_of_speed = {"matmul_fraction": 0.2, "clips": {"points_to_proxies": {"clips_per_s": 250.0}}}
    settings = {"clusters": 32, "width": 35, "rounds": 10, "threads": 1}
    found = {"sizes": sizes, "summary": summary_of_speed, "settings": settings, "machine": "a machine", "date": "today"}
    text = render_clusterer_speed(found)
    assert "| 1,568 | own | 2.0 ms | 3.0 ms |" in text and "scikit" not in text and "reaches 20% of" in text
    with pytest.raises(BadInput, match="lacks"):
        render_clusterer_speed({**found, "sizes": {}})
