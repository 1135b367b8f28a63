"""Write a Clip in every layout that can be read, so that tests can read it back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from proxy3d.geometry import invert, transform, unproject, world_from_opencv
from proxy3d.values import Clip

OPENGL_IS_ITS_OWN_INVERSE = world_from_opencv  # the same diagonal matrix takes OpenCV cameras to OpenGL ones


def world_points(clip: Clip):
    """Every pixel of every frame, in the world: (T, H * W, 3)."""
    return transform(clip.world_from_camera, unproject(clip.depth_m, clip.intrinsics_px).flatten(1, 2))


def write_color(clip: Clip, k: int, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((clip.frame[k] * 255).round().byte().permute(1, 2, 0).numpy()).save(file)


def write_depth(clip: Clip, k: int, file: Path, per_metre: float = 1000) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    raw = (clip.depth_m[k] * per_metre).round().numpy().astype(np.uint16)
    if file.suffix == ".pgm":
        file.write_bytes(b"P5\n# made by a test\n%d %d\n%d\n" % (raw.shape[1], raw.shape[0], 20000) + raw.astype(">u2").tobytes())
    elif file.suffix == ".npy":
        np.save(file, clip.depth_m[k].numpy())
    else:
        Image.fromarray(raw).save(file)


def write_matrix(matrix, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(file, np.asarray(matrix, dtype=np.float64), fmt="%.9g")


def quaternion(rotation) -> list[float]:
    """x y z w by scipy, which shares no code with the reader."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(np.asarray(rotation, dtype=np.float64)).as_quat().tolist()


def seven_numbers(pose) -> list[float]:
    return [*np.asarray(pose, dtype=np.float64)[:3, 3].tolist(), *quaternion(pose[:3, :3])]


def folders(clip: Clip, root: Path, *, color="color", depth="depth", suffix=".png", first=0) -> list[str]:
    """color/ and depth/ with numbered files; returns the stems."""
    stems = [f"{k + first}" for k in range(len(clip.frame))]
    for k, stem in enumerate(stems):
        write_color(clip, k, root / color / f"{stem}.png")
        if depth:
            write_depth(clip, k, root / depth / f"{stem}{suffix}")
    return stems


def seven_scenes(clip: Clip, root: Path) -> tuple[Path, dict]:
    for k in range(len(clip.frame)):
        write_color(clip, k, root / f"frame-{k:06d}.color.png")
        write_depth(clip, k, root / f"frame-{k:06d}.depth.png")
        write_matrix(clip.world_from_camera[k], root / f"frame-{k:06d}.pose.txt")
    write_matrix(clip.intrinsics_px[0], root / "camera-intrinsics.txt")
    return root, {}


def tum(clip: Clip, root: Path) -> tuple[Path, dict]:
    lists = {"rgb": ["# color images"], "depth": ["# depth maps"], "groundtruth": ["# timestamp tx ty tz qx qy qz qw"]}
    for k in range(len(clip.frame)):
        t = 1305031102.0 + float(clip.time_s[k])
        write_color(clip, k, root / f"rgb/{t:.6f}.png")
        write_depth(clip, k, root / f"depth/{t + 0.007:.6f}.png", 5000)
        lists["rgb"].append(f"{t:.6f} rgb/{t:.6f}.png")
        lists["depth"].append(f"{t + 0.007:.6f} depth/{t + 0.007:.6f}.png")
        lists["groundtruth"].append(" ".join(f"{v:.9f}" for v in (t - 0.004, *seven_numbers(clip.world_from_camera[k]))))
    for name, lines in lists.items():
        (root / f"{name}.txt").write_text("\n".join(lines) + "\n")
    fx, fy, cx, cy = (float(clip.intrinsics_px[0][i]) for i in ((0, 0), (1, 1), (0, 2), (1, 2)))
    return root, {"intrinsics": (fx, fy, cx, cy)}


def pose_per_frame(clip: Clip, root: Path) -> tuple[Path, dict]:
    """As ScanNet is exported; one more pose than frames, and it is infinite, as there."""
    for k, stem in enumerate(folders(clip, root)):
        write_matrix(clip.world_from_camera[k], root / f"pose/{stem}.txt")
    write_matrix(np.full((4, 4), -np.inf), root / f"pose/{len(clip.frame)}.txt")
    for name in ("color", "depth"):
        wide = torch.eye(4)
        wide[:3, :3] = clip.intrinsics_px[0]
        write_matrix(wide, root / f"intrinsic/intrinsic_{name}.txt")
    return root, {}


def poses_with_names(clip: Clip, root: Path) -> tuple[Path, dict]:
    """More poses than pictures, as when only every tenth frame is handed on."""
    stems = folders(clip, root, color="images", first=3)
    names = ["1.png", "2.png", *(f"{s}.png" for s in stems), "99.png"]
    (root / "all_names.txt").write_text("\n".join(names) + "\n")
    eye = torch.eye(4)[None]
    write_matrix(torch.cat([eye, eye, clip.world_from_camera, eye]).flatten(1), root / "poses.txt")
    write_matrix(clip.intrinsics_px[0], root / "K.txt")
    return root, {}


def poses_in_order(clip: Clip, root: Path) -> tuple[Path, dict]:
    folders(clip, root, suffix=".pgm", first=5)  # 5 .. 10: natural order is not text order
    write_matrix([seven_numbers(p) for p in clip.world_from_camera], root / "pose.txt")
    write_matrix(clip.intrinsics_px[0], root / "intrinsics.txt")
    return root, {}


def redwood(clip: Clip, root: Path) -> tuple[Path, dict]:
    folders(clip, root, color="image")
    lines = []
    for k, pose in enumerate(clip.world_from_camera):
        lines += [f"{k} {k} {k + 1}", *(" ".join(f"{v:.9f}" for v in row) for row in pose.tolist())]
    (root / "scene").mkdir()
    (root / "scene/trajectory.log").write_text("\n".join(lines) + "\n")
    matrix = clip.intrinsics_px[0].double()
    data = {"width": clip.frame.shape[3], "height": clip.frame.shape[2], "intrinsic_matrix": matrix.T.flatten().tolist()}
    (root / "camera_intrinsic.json").write_text(json.dumps(data))
    return root, {}


def transforms(clip: Clip, root: Path, **more) -> tuple[Path, dict]:
    folders(clip, root, color="images")
    matrix = clip.intrinsics_px[0]
    frames = [
        {
            "file_path": f"images/{k}.png",
            "depth_file_path": f"depth/{k}.png",
            "transform_matrix": OPENGL_IS_ITS_OWN_INVERSE(pose).tolist(),
        }
        for k, pose in enumerate(clip.world_from_camera)
    ]
    frames.append({**frames[0], "file_path": "images/never_saved.png"})
    data = {
        "w": clip.frame.shape[3],
        "h": clip.frame.shape[2],
        "fl_x": float(matrix[0, 0]),
        "fl_y": float(matrix[1, 1]),
        "cx": float(matrix[0, 2]) + 0.5,  # there the first pixel's centre is at 0.5
        "cy": float(matrix[1, 2]) + 0.5,
        "frames": frames,
        **more,
    }
    (root / "transforms.json").write_text(json.dumps(data))
    return root, {}


def rgbd(clip: Clip, root: Path) -> tuple[Path, dict]:
    write_color(clip, 0, root / "desk_color.png")
    write_depth(clip, 0, root / "desk_depth.png")
    write_matrix(clip.intrinsics_px[0], root / "K.txt")
    return root, {}


def images(clip: Clip, root: Path) -> tuple[Path, dict]:
    for k in range(len(clip.frame)):
        write_color(clip, k, root / f"shot{k + 8}.png")
    return root, {}


def video(clip: Clip, root: Path, name: str = "walk.mp4", fps: int = 10) -> tuple[Path, dict]:
    import av

    with av.open(str(root / name), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"g": "4", "qp": "0"})
        stream.width, stream.height, stream.pix_fmt = clip.frame.shape[3], clip.frame.shape[2], "yuv420p"
        for frame in clip.frame:
            picture = (frame * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return root / name, {}


def ply(xyz, rgb, file: Path, form: str = "binary_little_endian") -> Path:
    """A PLY cloud of float coordinates and, unless rgb is None, byte colours."""
    order = ">" if "big" in form else "<"
    fields = [(n, order + "f4") for n in "xyz"] + ([(n, "u1") for n in ("red", "green", "blue")] if rgb is not None else [])
    rows = np.zeros(len(xyz), fields)
    for k, n in enumerate("xyz"):
        rows[n] = xyz[:, k]
    for k, n in enumerate(("red", "green", "blue") if rgb is not None else ()):
        rows[n] = (rgb[:, k] * 255).round()
    kinds = "".join(f"property {'float' if 'f4' in kind else 'uchar'} {n}\n" for n, kind in fields)
    header = f"ply\nformat {form} 1.0\ncomment made by a test\nelement vertex {len(xyz)}\n{kinds}end_header\n"
    body = "".join(" ".join(f"{v:.7g}" for v in row) + "\n" for row in rows.tolist()).encode() if form == "ascii" else rows.tobytes()
    file.write_bytes(header.encode() + body)
    return file


def cloud(clip: Clip, root: Path) -> tuple[Path, dict]:
    rgb = clip.frame.permute(0, 2, 3, 1).reshape(-1, 3).numpy()
    return ply(world_points(clip).reshape(-1, 3).numpy(), rgb, root / "room.ply"), {}


# One writer per name in proxy3d.clips.LAYOUTS: (clip, empty folder) -> (path to open, settings to open it with).
WRITERS = {
    "video": video,
    "cloud": cloud,
    "transforms": transforms,
    "tum": tum,
    "seven_scenes": seven_scenes,
    "pose_per_frame": pose_per_frame,
    "poses_with_names": poses_with_names,
    "poses_in_order": poses_in_order,
    "redwood": redwood,
    "rgbd": rgbd,
    "images": images,
}
POSED = ("transforms", "tum", "seven_scenes", "pose_per_frame", "poses_with_names", "poses_in_order", "redwood")


def flipped_poses(clip: Clip):
    """camera_from_world of every frame."""
    return invert(clip.world_from_camera)
