"""A scene file that is not one, or no longer one, is refused with one line that says what it is and what to do."""

import hashlib
import json
import random

import pytest
import torch
from safetensors.torch import load as unpack
from safetensors.torch import save as pack

from proxy3d.errors import BadInput
from proxy3d.scene_file import FORMS, from_bytes, load, save, to_bytes
from proxy3d.scene_pack import squeezed
from proxy3d.values import Preview, Proxies, Scale, Scene


def small_scene():
    proxies = Proxies(
        xyz_world_m=torch.tensor([[0.0, 0, 0], [1, 2, 1]]),
        extent_m=torch.full((2, 3), 0.2),
        feature=torch.tensor([[1.0, -2, 3], [0.5, 0, 0]]),
        weight=torch.tensor([0.25, 0.75]),
        size=torch.tensor([3, 9]),
        seen=torch.tensor([[1.0], [1.0]]),
    )
    preview = Preview(torch.rand(4, 3), torch.zeros(4, 3, dtype=torch.uint8), (b"jpeg",))
    pose = torch.eye(4)[None]
    intrinsics = torch.eye(3)[None]
    eye = torch.eye(4)
    encoders = {"semantic": "tiny sha256:0"}
    return Scene(
        "room", proxies, Scale(1.0, "sensor", 0.01), pose, intrinsics, (8, 6), torch.zeros(1), ("0.png",), eye, eye, encoders, preview=preview
    )


def signed(tensors, header):
    """A file with this content and a checksum that fits, by the rule in the docstring of proxy3d.scene_file."""
    header = {"checksum": "0" * 64} | {key: value for key, value in header.items() if key != "checksum"}
    data = pack(tensors, {"proxy3d": json.dumps(header, separators=(",", ":"))})
    at = data.index(b"0" * 64)
    return data[:at] + hashlib.sha256(data).hexdigest().encode() + data[at + 64 :]


def opened(form="int8"):
    data = to_bytes(small_scene(), form)
    head = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return unpack(data), json.loads(head["__metadata__"]["proxy3d"])


def with_header(**change):
    tensors, header = opened()
    return signed(tensors, header | change)


def without_header(key):
    tensors, header = opened()
    del header[key]
    return signed(tensors, header)


def with_tensor(name, value, form="int8"):
    tensors, header = opened(form)
    return signed(tensors | {name: value}, header)


def without_tensor(name):
    tensors, header = opened()
    del tensors[name]
    return signed(tensors, header)


def packed(**change):
    """A file of the int4 form with another header."""
    tensors, header = opened("int4")
    return signed(tensors, header | change)


def with_length(length):
    return length.to_bytes(8, "little") + to_bytes(small_scene())[8:]


def deep():
    text = b'{"__metadata__":' + b'{"a":' * 200_000
    return len(text).to_bytes(8, "little") + text


BAD = {
    "zero bytes": (b"", r"is empty \(0 bytes\)"),
    "a few bytes": (b"\x10\x00", "not a scene file"),
    "text": (b"Once upon a time there was a room.\n" * 20, "not a scene file"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(200), "not a scene file"),
    "a pickle": (b"\x80\x04\x95" + bytes(300), "not a scene file"),
    "weights of a model": (pack({"weight": torch.ones(3)}), "a safetensors file, but not a scene"),
    "weights with metadata": (pack({"weight": torch.ones(3)}, {"format": "pt"}), "a safetensors file, but not a scene"),
    "no tensors": (b'\x11\0\0\0\0\0\0\0{"__metadata__":2}', "header is damaged"),
    "header without end": (deep(), "header is damaged"),
    "huge header length": (with_length(2**62), "not a scene file"),
    "header longer than the file": (with_length(100_000), "cut short"),
    "header shorter than it is": (with_length(40), "header is damaged"),
    "cut in the header": (to_bytes(small_scene())[:200], "cut short"),
    "cut in the tensors": (to_bytes(small_scene())[:-1], r"cut short at \d+ bytes, expected \d+"),
    "longer than it was": (to_bytes(small_scene()) + b"\0", "damaged"),
    "newer format": (with_header(format=2), r"made by a newer proxy3d \(format 2\): upgrade with pip install -U proxy3d"),
    "newer format, other checksum": (with_header(format=2)[:-1] + b"?", "made by a newer proxy3d"),
    "older format": (with_header(format=0), "unknown format 0, expected 1"),
    "format of another type": (with_header(format="1"), "unknown format '1'"),
    "no format": (without_header("format"), "not a scene"),
    "form nobody knows": (with_header(form="int2"), "'int2' is not one of float32, float16, int8, int4"),
    "another form than its tensors": (with_header(form="float32"), "feature is torch.int8|xyz is torch.uint16"),
    "more proxies than tensors": (with_header(proxies=3), "expected"),
    "absurd number of proxies": (with_header(proxies=10**12), "expected"),
    "another feature width": (with_header(feature_dim=4), "feature is"),
    "more frames than poses": (with_header(frame_name=["a", "b"]), "pose is"),
    "no scale": (without_header("scale"), "no 'scale'"),
    "scale of nobody": (with_header(scale={"source": "guess", "metres_per_unit": 1, "relative_sigma": 0}), "Scale.source"),
    "scale of zero": (with_header(scale={"source": "sensor", "metres_per_unit": 0, "relative_sigma": 0}), "Scale.metres_per_unit"),
    "scale that is a word": (with_header(scale="sensor"), "not a valid scene"),
    "grid out of range": (with_header(grid={"low": [0, 0, 0], "exponent": 10**9}), "out of range"),
    "grid that overflows": (with_header(grid={"low": [10**400, 0, 0], "exponent": 0}), "not a valid scene"),
    "no positions": (without_tensor("xyz"), "no 'xyz'"),
    "no poses": (without_tensor("pose"), "no 'pose'"),
    "no thumbnail": (without_tensor("thumbnail_000"), "no 'thumbnail_000'"),
    "positions of another type": (with_tensor("xyz", torch.zeros(2, 3)), "xyz is torch.float32"),
    "positions of another shape": (with_tensor("xyz", torch.zeros(2, 2, dtype=torch.uint16)), r"xyz is torch.uint16 \(2, 2\)"),
    "poses of another shape": (with_tensor("pose", torch.zeros(1, 4, 4)), "pose is"),
    "poses of NaN": (with_tensor("pose", torch.full((1, 3, 4), torch.nan)), "NaN"),
    "features of NaN": (with_tensor("feature", torch.full((2, 3), torch.nan), "float32"), "NaN"),
    "packed features of another type": (with_tensor("packed_feature", torch.zeros(3), "int4"), "expected bytes"),
    "packed features that are no code": (with_tensor("packed_feature", torch.full((9,), 255, dtype=torch.uint8), "int4"), "cannot be unpacked"),
    "packed features of another number": (packed(feature_dim=2), "hold 5 bytes, expected 4"),
    "packed features without end": (with_tensor("packed_feature", squeezed(bytes(10**6), runs=True), "int4"), "hold 7 bytes, expected 6"),
    "packed rest of fewer proxies": (packed(proxies=10**12), "expected"),
    "packed lengths of NaN": (packed(largest_m={"extent": float("nan")}), "packed proxies hold|not a length"),
    "packed lengths that are no number": (packed(largest_m={"extent": "long", "sigma": 1.0}), "packed proxies hold|not a length"),
    "no packed lengths": (packed(largest_m={}), "packed proxies hold|no 'extent'"),
    "preview of another type": (with_tensor("preview_rgb", torch.zeros(4, 3)), "preview_rgb is"),
    "preview of a proxy too many": (with_tensor("preview_proxy", torch.tensor([0, 1, 2, 0]).byte()), "expected numbers of 2 proxies.* got 0 to 2"),
    "preview with owners of another type": (with_tensor("preview_proxy", torch.zeros(4, dtype=torch.int64)), "preview_proxy is torch.int64"),
    "preview with too few owners": (with_tensor("preview_proxy", torch.zeros(3, dtype=torch.uint8)), r"preview_proxy is torch.uint8 \(3,\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_content_is_refused_in_one_line(case, tmp_path):
    data, message = BAD[case]
    path = tmp_path / "bad.p3d"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=message) as caught:
        load(path)
    line = str(caught.value)
    assert "\n" not in line and len(line) < 300 and line.startswith(str(path))
    assert "proxy3d" in line or "encode" in line or "copy" in line


def test_the_forger_of_these_files_makes_good_ones_too():
    """Without this, every case above could be refused for a reason of its own making."""
    for form in FORMS:
        assert len(from_bytes(signed(*opened(form))).proxies) == 2


def test_a_missing_file_a_folder_and_a_path_through_a_file(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        load(tmp_path / "missing.p3d")
    with pytest.raises(BadInput, match="is a folder"):
        load(tmp_path)
    save(small_scene(), tmp_path / "room.p3d")
    with pytest.raises(BadInput, match="no such file|cannot be read"):
        load(tmp_path / "room.p3d" / "inside.p3d")
    with pytest.raises(BadInput, match="cannot be read|no such file"):
        load("a\0b.p3d")


def test_a_file_too_large_to_be_a_scene_is_not_read(tmp_path):
    path = tmp_path / "large.p3d"
    with open(path, "wb") as file:
        file.truncate(1 << 36)  # a hole: takes no space on disk
    with pytest.raises(BadInput, match="not a scene file"):
        load(path)


def test_places_where_no_scene_can_be_written(tmp_path):
    with pytest.raises(BadInput, match="does not exist; make it with mkdir"):
        save(small_scene(), tmp_path / "nowhere" / "room.p3d")
    with pytest.raises(BadInput, match="is a folder"):
        save(small_scene(), tmp_path)
    with pytest.raises(BadInput, match="no form is called 'int2'; known: float32, float16, int8, int4"):
        save(small_scene(), tmp_path / "room.p3d", form="int2")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", FORMS)
def test_no_flipped_byte_goes_unnoticed(form):
    data = to_bytes(small_scene(), form)
    draw = random.Random(form)
    for at in {*range(0, 180), *draw.sample(range(len(data)), 400)}:
        hurt = bytearray(data)
        hurt[at] ^= 1 << draw.randrange(8)
        with pytest.raises(BadInput):
            from_bytes(bytes(hurt))


def test_no_cut_goes_unnoticed():
    data = to_bytes(small_scene(), "int8")
    for end in [*range(0, 40), *range(40, len(data), 37), len(data) - 1]:
        with pytest.raises(BadInput):
            from_bytes(data[:end])
