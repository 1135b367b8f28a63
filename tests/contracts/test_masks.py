"""Every mask source keeps the same promises: a label per patch, repeatable, the same object in every frame, and one line when weights are missing."""

import dataclasses
import sys

import pytest
import torch
from capture_writers import seven_scenes
from cli_world import typed
from tiny_sam2 import save_tiny_sam2

from proxy3d import scene_file
from proxy3d.clips.synthetic_room import synthetic_clip
from proxy3d.errors import BadInput
from proxy3d.features.grid import Grid
from proxy3d.features.masks import MASKS
from proxy3d.features.masks.sam2 import distinct, patch_labels, stability
from proxy3d.pipeline import Pipeline, mask_source
from proxy3d.presets import preset
from proxy3d.values import Clip, Masks

GRID = Grid(6, 8)


@pytest.fixture(scope="module")
def clip():
    return synthetic_clip(seed=0, frames=3, size_px=(64, 48))[0]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """One of each; those that take weights get some of the video model, as most published ones are."""
    folder = save_tiny_sam2(tmp_path_factory.mktemp("sam2"), video=True)
    ready = {name: kind(str(folder)) if kind.takes_weights else kind() for name, kind in MASKS.items()}
    return {**ready, "sam2": dataclasses.replace(ready["sam2"], least_stability=0.05, least_quality=0.5, points_per_side=4)}


def same_up_to_names(one, other):
    one, other = one.flatten(), other.flatten()
    return torch.equal(one[:, None] == one[None], other[:, None] == other[None]) and torch.equal(one == -1, other == -1)


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_source_gives_a_label_per_patch_or_nothing(name, clip, source):
    for grid in (GRID, GRID.finer):
        masks = source[name](clip, grid)
        if name == "none":
            assert masks is None
            continue
        assert masks.label.shape == (3, grid.h, grid.w) and masks.label.dtype == torch.int64 and int(masks.label.min()) >= -1
        assert len(masks.label.unique()) > 1, "labels that are the same everywhere say nothing"
        assert torch.equal(masks.label, source[name](clip, grid).label)
    assert source[name].licence and source[name].hash


@pytest.mark.parametrize("name", [name for name in MASKS if name != "none"])
def test_the_order_of_frames_only_renames_objects(name, clip, source):
    order = [2, 0, 1]
    fields = ("frame", "time_s", "intrinsics_px", "world_from_camera", "depth_m")
    moved = Clip(name=tuple(clip.name[i] for i in order), **{f: getattr(clip, f)[order] for f in fields})
    assert same_up_to_names(source[name](moved, GRID).label, source[name](clip, GRID).label[order])


def test_a_clip_without_depth_is_refused_before_its_masks_are_made(clip, source):
    with pytest.raises(BadInput, match="no depth"):
        source["sam2"](dataclasses.replace(clip, depth_m=None), GRID)


def test_masks_check_their_shape():
    with pytest.raises(ValueError, match=r"Masks.label: expected \(\*, \*, \*\), got \(4, 2\)"):
        Masks(torch.zeros(4, 2, dtype=torch.long))


# --- from masks to patches ------------------------------------------------------------------------------------------------


def test_a_patch_takes_the_mask_that_fills_most_of_it():
    """Two patches side by side, four pixels each; the better mask wins a tie, and none is a candidate too."""
    mask = torch.zeros(2, 2, 4, dtype=torch.bool)
    mask[0, :, 0] = True
    mask[1, 0, 1:3] = True
    assert patch_labels(mask, Grid(1, 2)).tolist() == [[0, -1]]
    mask[1, :, 2:] = True
    assert patch_labels(mask, Grid(1, 2)).tolist() == [[0, 1]]
    assert patch_labels(mask[:0], Grid(1, 2)).tolist() == [[-1, -1]]


def test_of_masks_that_are_nearly_the_same_the_first_is_kept():
    mask = torch.zeros(4, 1, 10, dtype=torch.bool)
    mask[0, :, :8], mask[1, :, 1:8], mask[2, :, :4], mask[3, :, 8:] = True, True, True, True
    assert torch.equal(distinct(mask, 0.7), mask[[0, 2, 3]])


def test_a_mask_is_stable_when_its_threshold_hardly_matters():
    logit = torch.tensor([[[5.0, 5.0, -5.0, -5.0]], [[5.0, 0.5, -0.5, -5.0]], [[-9.0, -9.0, -9.0, -9.0]]])
    assert stability(logit).tolist() == pytest.approx([1.0, 1 / 3, 0.0])


# --- in the pipeline ------------------------------------------------------------------------------------------------------


def test_labels_reach_the_clusterer_that_reads_them(clip):
    plain, masked = (Pipeline(preset("tiny", masks=name)) for name in (None, "tiny"))
    assert plain.clusterer_name == "soft_kmeans" and masked.clusterer_name == "grouped_kmeans"
    seen = []
    masked.__dict__["clusterer"] = lambda points, budget, frames: seen.append(points.label) or plain.clusterer(points, budget, frames)
    scene = masked.encode_clip(clip)
    (label,) = seen
    assert len(label) == scene.provenance["points"] and len(label.unique()) > 1
    assert scene.encoders["masks"].startswith("tiny sha256:") and "masks" not in plain.encode_clip(clip).encoders


def test_encode_with_a_folder_of_weights(capsys, tmp_path, clip):
    (tmp_path / "room").mkdir()
    seven_scenes(clip, tmp_path / "room")
    save_tiny_sam2(tmp_path / "weights")
    back = typed(capsys, f"encode {tmp_path}/room -o {tmp_path}/a.p3d --preset tiny --masks sam2:{tmp_path}/weights --json")
    assert (back.status, back.err) == (0, "") and '"proxies": 16' in back.out
    scene = scene_file.load(tmp_path / "a.p3d")
    assert scene.encoders["clusterer"] == "grouped_kmeans" and scene.encoders["masks"].startswith("sam2 sha256:")
    assert str(tmp_path) not in str(scene.provenance), "where the weights lie is not the scene's business"


@pytest.mark.parametrize(
    "changes, said",
    [
        ({"masks": "sam3"}, "no mask source is called 'sam3'; known: none, sam2, tiny"),
        ({"masks": "sam2"}, "--masks sam2: say which weights"),
        ({"masks": "tiny:weights"}, "tiny takes no weights; type --masks tiny"),
        ({"masks": "tiny", "clusterer": "voxel"}, "the clusterer voxel does not read masks"),
    ],
)
def test_masks_that_cannot_be_meant_are_one_line(changes, said):
    with pytest.raises(BadInput, match=said):
        Pipeline(preset("tiny", **changes))


def test_weights_that_are_missing_or_something_else_are_one_line(tmp_path, monkeypatch):
    import transformers

    with pytest.raises(BadInput, match="expected a folder with config.json and model.safetensors"):
        _ = mask_source(f"sam2:{tmp_path}").model
    (tmp_path / "config.json").write_text('{"model_type": "sam2"}')
    with pytest.raises(BadInput, match="no SAM 2 weights there") as error:
        _ = mask_source(f"sam2:{tmp_path}").model
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)
    broken = save_tiny_sam2(tmp_path / "broken")
    (broken / "model.safetensors").write_bytes(b"not tensors" * 9)
    with pytest.raises(BadInput, match="no SAM 2 weights there .Error while deserializing"):
        _ = mask_source(f"sam2:{broken}").model
    (broken / "model.safetensors").rename(broken / "pytorch_model.bin")
    with pytest.raises(BadInput, match="no file named model.safetensors"):
        _ = mask_source(f"sam2:{broken}").model
    asked = []

    def nowhere(name, *, local_files_only=False, **settings):
        asked.append((local_files_only, settings["use_safetensors"]))
        raise OSError("no connection. More words.")

    monkeypatch.setattr(transformers.Sam2Model, "from_pretrained", nowhere)
    with pytest.raises(BadInput, match=r"sam2:somebody/sam2: no SAM 2 weights there \(no connection\)"):
        _ = mask_source("sam2:somebody/sam2").model
    assert asked == [(True, True), (False, True)], "this machine first, then the hub, and never a pickle"
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(BadInput, match="the mask source sam2 needs the package transformers, which is not installed: pip install"):
        _ = mask_source("sam2:somebody/sam2").model
