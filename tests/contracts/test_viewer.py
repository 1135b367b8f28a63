"""The page of a scene: complete, offline, safe with any text, never half written, and silent about metres nobody measured."""

import base64
import dataclasses
import hashlib
import html.parser
import json
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
import torch

from proxy3d.apps.viewer import page_html, write_page
from proxy3d.apps.viewer.colours import feature_colours, number_colours, ramp_colours
from proxy3d.errors import BadInput
from proxy3d.geometry import box_corners, look_at
from proxy3d.values import Answer, Box, Preview, Proxies, Scale, Scene

EVIL = '</script><script>document.title="owned"</script><!--<img src=x onerror="document.title=1">{{data}}\u2028'
JPEG = b"\xff\xd8\xff\xe0 not really a picture \xff\xd9"
ANSWER = Answer("Yes.", (Box((1, 2, 0.4), (1, 2, 0.8), 0.3, 0.9, "table", (2,), (1,)),), (2, 3), (0, 1))
SOURCES = Path(__file__).resolve().parents[2] / "src" / "proxy3d" / "apps" / "viewer"


def a_scene(k=6, t=3, source="sensor", preview=True) -> Scene:
    draw = torch.Generator().manual_seed(0)
    xyz, seen = torch.rand(k, 3, generator=draw) * 3, torch.rand(k, t, generator=draw)
    proxies = Proxies(
        xyz_world_m=xyz,
        extent_m=torch.rand(k, 3, generator=draw),
        feature=torch.randn(k, 16, generator=draw),
        weight=torch.full((k,), 1 / k),
        size=torch.arange(k) + 10,
        seen=seen / seen.sum(1, keepdim=True),
    )
    rgb = torch.randint(0, 256, (500, 3), generator=draw, dtype=torch.uint8)
    cloud = Preview(torch.rand(500, 3, generator=draw) * 3, rgb, (JPEG,) * t, torch.arange(500) % k)
    return Scene(
        clip_id="a room",
        proxies=proxies,
        scale=Scale(1.0, source, 0.02),
        world_from_camera=torch.stack([look_at(torch.tensor([0.0, i, 1.5]), torch.tensor([2.0, 1.0, 0.5])) for i in range(t + 1)])[:t],
        intrinsics_px=torch.tensor([[500.0, 0, 319.5], [0, 500, 239.5], [0, 0, 1]]).expand(t, 3, 3),
        image_size_px=(640, 480),
        time_s=torch.arange(t) * 0.5,
        frame_name=tuple(f"{i:03d}.png" for i in range(t)),
        world_from_capture=torch.eye(4),
        room_from_world=torch.eye(4),
        encoders={"semantic": "tiny sha256:0"},
        preview=cloud if preview else None,
    )


class Parts(html.parser.HTMLParser):
    """Every start tag with its attributes, and the text inside script, style and title elements."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.text, self.open = [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.open = tag
        self.text.append("")

    def handle_endtag(self, tag):
        self.open = None

    def handle_data(self, data):
        if self.open:
            self.text[-1] += data

    def of(self, tag):
        return [(attributes, text) for (name, attributes), text in zip(self.tags, self.text, strict=True) if name == tag]


def data_of(page: str) -> dict:
    return json.loads(next(text for attributes, text in Parts(page).of("script") if attributes.get("id") == "data"))


def test_page_is_written_whole_and_reads_back(tmp_path):
    path = write_page(a_scene(), tmp_path / "page.html", answers=[("Is it on the table?", ANSWER)])
    data = data_of(path.read_text("utf-8"))
    assert path == tmp_path / "page.html" and [p.name for p in tmp_path.iterdir()] == ["page.html"]
    assert (len(data["proxies"]), len(data["frames"]), data["cloud"]["count"]) == (6, 3, 500)
    assert data["answers"][0]["question"] == "Is it on the table?" and data["answers"][0]["text"] == "Yes."
    assert base64.b64decode(data["frames"][0]["jpeg"]) == JPEG


def test_page_without_preview_is_below_one_megabyte():
    assert len(page_html(a_scene(k=64, t=16, preview=False)).encode()) < 1_000_000


def test_same_scene_gives_the_same_page():
    assert page_html(a_scene(), answers=[("?", ANSWER)]) == page_html(a_scene(), answers=[("?", ANSWER)])


def test_nothing_is_overwritten_without_force(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("mine")
    with pytest.raises(BadInput, match="--force"):
        write_page(a_scene(), path)
    assert path.read_text() == "mine"
    write_page(a_scene(), path, force=True)
    assert path.read_text("utf-8").startswith("<!doctype html>")


def test_a_page_that_cannot_be_made_leaves_the_old_one_and_no_litter(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("mine")
    with pytest.raises(BadInput):
        write_page(a_scene(), path, answers=[("?", Answer("", proxies=(99,)))], force=True)
    assert path.read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("target, hint", [("no/such/page.html", "mkdir -p"), (".", "is a folder")])
def test_bad_places_are_named(tmp_path, target, hint):
    with pytest.raises(BadInput, match=hint):
        write_page(a_scene(), tmp_path / target, force=True)


@pytest.mark.parametrize(
    "answer, hint",
    [
        (Answer("", proxies=(6,)), "names proxy 6, but the scene has 6"),
        (Answer("", frames=(-1,)), "names frame -1, but the scene has 3"),
        (Answer("", (Box((0, 0, 0), (1, 1, 1), proxies=(7,)),)), "names proxy 7"),
        (Answer("", (Box((0, float("nan"), 0), (1, 1, 1)),)), "not finite"),
    ],
)
def test_an_answer_to_another_scene_is_refused(answer, hint):
    with pytest.raises(BadInput, match=hint):
        page_html(a_scene(), answers=[("which?", answer)])


def test_hostile_text_stays_text():
    scene = dataclasses.replace(a_scene(), clip_id=EVIL, frame_name=(EVIL, "b", "\udcff"), encoders={EVIL: EVIL})
    page = page_html(scene, answers=[(EVIL, Answer(EVIL, (Box((0, 0, 0), (1, 1, 1), label=EVIL),)))])
    calm = page_html(a_scene(), answers=[("q", Answer("a", (Box((0, 0, 0), (1, 1, 1), label="b"),)))])
    assert [tag for tag, _ in Parts(page).tags] == [tag for tag, _ in Parts(calm).tags]  # not one element more
    data = data_of(page)
    assert data["title"] == data["answers"][0]["question"] == data["answers"][0]["boxes"][0]["label"] == data["frames"][0]["name"] == EVIL
    assert Parts(page).of("title")[0][1] == f"{EVIL} - proxy3d"


def test_our_scripts_never_turn_text_into_html():
    for name in ("stage.js", "viewer.js"):
        ways = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|fetch\(|XMLHttpRequest"
        found = re.findall(ways, (SOURCES / name).read_text("utf-8"))
        assert not found, f"{name} uses {found}"


def test_page_asks_nobody_for_anything():
    parts = Parts(page_html(a_scene(), answers=[("?", ANSWER)]))
    for tag, attributes in parts.tags:
        assert not {"src", "href", "srcset", "action", "style"} & set(attributes), f"<{tag}> has {attributes}"
        assert not any(name.startswith("on") for name in attributes), f"<{tag}> has {attributes}"
    addresses = {url for _, text in parts.of("script") + parts.of("style") for url in re.findall(r"https?:[^\s\"'`)]+", text)}
    assert addresses <= {"http://www.w3.org/1999/xhtml"}  # the name of a namespace, not an address that is fetched


def test_policy_allows_exactly_the_scripts_of_the_page():
    parts = Parts(page_html(a_scene()))
    policy = next(a["content"] for a, _ in parts.of("meta") if a.get("http-equiv") == "Content-Security-Policy")
    code = [text for attributes, text in parts.of("script") if attributes.get("type") != "application/json"] + [text for _, text in parts.of("style")]
    hashes = [f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}" for text in code]
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    assert re.findall(r"'(sha256-[^']+)'", policy) == hashes


def test_no_metres_when_the_scale_is_unknown():
    data = data_of(page_html(a_scene(source="unknown"), answers=[("?", ANSWER)]))
    assert data["unit"] is None and "not metres" in data["scale"]
    assert not re.search(r'"\w+_m"', json.dumps(data))
    assert data_of(page_html(a_scene(source="sensor")))["unit"] == "m"


def test_box_corners_are_those_of_geometry():
    data = data_of(page_html(a_scene(), answers=[("?", ANSWER)]))
    torch.testing.assert_close(torch.tensor(data["answers"][0]["boxes"][0]["corners"]), box_corners(ANSWER.boxes[0]), atol=1e-4, rtol=0)


def test_drawn_cameras_look_where_the_cameras_looked():
    for frame in data_of(page_html(a_scene()))["frames"]:
        centre, corner = torch.tensor(frame["centre"]), torch.tensor(frame["corners"])
        ahead = torch.nn.functional.normalize(corner.mean(0) - centre, dim=0)
        wanted = torch.nn.functional.normalize(torch.tensor([2.0, 1.0, 0.5]) - centre, dim=0)
        assert float(ahead @ wanted) > 0.9999
        assert corner[:2, 2].min() > corner[2:, 2].max()  # the picture's upper corners come first and are higher: z is up


def test_the_cloud_survives_its_16_bits():
    scene = a_scene()
    cloud = data_of(page_html(scene))["cloud"]
    steps = np.frombuffer(base64.b64decode(cloud["xyz_u16"]), "<u2").reshape(-1, 3)
    xyz = torch.from_numpy(steps * np.array(cloud["step"]) + np.array(cloud["low"])).float()
    assert float((xyz - scene.preview.xyz_world_m).abs().max()) < 1e-4
    assert base64.b64decode(cloud["rgb_u8"]) == scene.preview.rgb.numpy().tobytes()


def test_points_that_are_not_finite_are_left_out():
    scene = a_scene()
    xyz = scene.preview.xyz_world_m.clone()
    xyz[3, 1] = float("nan")
    data = data_of(page_html(dataclasses.replace(scene, preview=dataclasses.replace(scene.preview, xyz_world_m=xyz))))
    assert data["cloud"]["count"] == 499
    assert data["cloud"]["proxy"] == [i % 6 for i in range(500) if i != 3]  # the others keep their proxies


def test_points_say_which_proxy_they_belong_to_where_it_is_known():
    scene = a_scene()
    assert data_of(page_html(scene))["cloud"]["proxy"] == [i % 6 for i in range(500)]
    old = dataclasses.replace(scene, preview=dataclasses.replace(scene.preview, proxy=None))
    assert data_of(page_html(old))["cloud"]["proxy"] is None


def test_every_colour_that_can_be_chosen_is_one_that_proxies_have():
    names = re.search(r"const NAMES = \{(.*?)\}", (SOURCES / "viewer.js").read_text("utf-8"))[1]
    for proxy in data_of(page_html(a_scene()))["proxies"]:
        assert all(re.fullmatch("#[0-9a-f]{6}", proxy[name]) for name in re.findall(r"(\w+):", names))


def test_grid_lies_on_the_floor_of_the_room():
    room_from_world = torch.eye(4)
    room_from_world[2, 3] = 0.7  # the floor is 0.7 m below the world's zero
    assert data_of(page_html(dataclasses.replace(a_scene(), room_from_world=room_from_world)))["floor"] == pytest.approx(-0.7)


@pytest.mark.parametrize("k, t", [(1, 1), (2, 0), (3, 1)])
def test_the_smallest_scenes_have_a_page_too(k, t):
    data = data_of(page_html(a_scene(k, t, preview=False)))
    assert (len(data["proxies"]), len(data["frames"]), data["cloud"]) == (k, t, None)


def test_alike_features_get_alike_colours_and_unlike_ones_do_not():
    near, far = torch.zeros(3, 8), torch.zeros(3, 8)
    near[:, 0], far[:, 1] = 1, 1
    colour = feature_colours(torch.cat([near, far, -near - far]))
    assert colour[0] == colour[1] == colour[2] and colour[3] == colour[4] and len(set(colour)) == 3
    assert feature_colours(torch.ones(4, 8)) == ["#9e9e9e"] * 4  # OKLab L = 0.7, no chroma
    assert feature_colours(torch.randn(1, 8)) == ["#9e9e9e"]


def test_each_number_has_a_colour_of_its_own_in_every_scene():
    colours = number_colours(32)
    rgb = torch.tensor([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours]).float()
    assert float(torch.pdist(rgb).min()) > 20, "two of 32 proxies look alike"
    assert float(torch.pdist(rgb[:8]).min()) > 60
    assert number_colours(5) == colours[:5] and number_colours(0) == []


def test_ramp_grows_lighter_with_the_value():
    light = [sum(c * int(h[i : i + 2], 16) for c, i in ((0.21, 1), (0.72, 3), (0.07, 5))) for h in ramp_colours(torch.tensor([0.0, 0.3, 0.6, 1.0]))]
    assert light == sorted(light) and light[-1] > 1.5 * light[0]


def test_every_file_of_the_page_is_packaged():
    patterns = tomllib.loads((SOURCES.parents[3] / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["proxy3d"]
    for path in SOURCES.iterdir():
        if path.is_file() and path.suffix != ".py":
            assert any(fnmatch(f"apps/viewer/{path.name}", pattern) for pattern in patterns), f"{path.name} would be missing from the wheel"


@pytest.mark.slow
def test_a_real_browser_shows_the_answers_and_runs_no_foreign_script(tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None or sys.platform != "linux":
        pytest.skip("needs Chromium on Linux: apt-get install chromium")
    write_page(dataclasses.replace(a_scene(), clip_id=EVIL), tmp_path / "page.html", answers=[(EVIL, ANSWER), ("Second?", Answer("No."))])
    flags = "--headless --no-sandbox --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader --ignore-gpu-blocklist --no-first-run".split()
    for extra in ([], ["--disable-3d-apis"]):
        command = [browser, *flags, *extra, f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=3000", "--dump-dom"]
        shown = subprocess.run([*command, (tmp_path / "page.html").as_uri() + "#colour=proxy"], capture_output=True, text=True, timeout=120).stdout
        assert shown.count('class="answer"') == 2 and "Second?" in shown and "owned\"&lt;/script&gt;" in shown
        assert "each proxy has one of its own" in re.sub(r"<script.*?</script>", "", shown, flags=re.S)
        assert "<title>owned" not in shown and "<title>1" not in shown
        assert ("<canvas" in shown) == (not extra)
        assert ("WebGL is missing" in re.sub(r"<script.*?</script>", "", shown, flags=re.S)) == bool(extra)
