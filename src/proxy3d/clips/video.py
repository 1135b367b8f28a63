"""Pick frames from a video by time, decoding all of a short one and jumping through a long one."""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from proxy3d.clips.assemble import Picture, clip_of
from proxy3d.clips.cameras import camera_from_numbers, checked
from proxy3d.clips.capture import Capture, FrameRef, Layout
from proxy3d.clips.choose import choose
from proxy3d.clips.options import CaptureOptions
from proxy3d.errors import BadInput
from proxy3d.values import Clip

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".gif", ".avi")
BEGINNINGS = ((0, b"\x1aE\xdf\xa3"), (0, b"GIF8"), (8, b"AVI "), (4, b"ftyp"))  # of mkv and webm, gif, avi, mp4 and mov: where, and what
STILL = (b"heic", b"heix", b"mif1", b"avif", b"crx ")  # pictures that begin like an mp4, by the brand they name next
SCAN_UP_TO = 400  # frames; measured break-even of decoding everything against seeking lies between 300 and 900


def _recognises(path: Path) -> bool:
    return path.is_file() and (path.suffix.lower() in VIDEO_SUFFIXES or _begins_as_video(path))


def _begins_as_video(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return any(head[at : at + len(mark)] == mark for at, mark in BEGINNINGS) and head[8:12] not in STILL


def _opened(path: Path):
    import av

    try:
        container = av.open(str(path), metadata_errors="replace")  # a title in an old code page is no reason to refuse
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise BadInput(f"{path}: not a video that can be read ({_reason(error)}); play it, or convert it: ffmpeg -i IN out.mp4") from error
    if not container.streams.video:
        container.close()
        raise BadInput(f"{path}: holds no video stream")
    return container


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _open(path: Path, options: CaptureOptions) -> Capture:
    """Lists the timestamps of all packets, which reads the file but decodes nothing."""
    import av

    with _opened(path) as container:
        stream = container.streams.video[0]
        try:
            stamps = sorted({p.pts for p in container.demux(stream) if p.pts is not None and not p.is_discard})
        except av.error.FFmpegError as error:
            raise BadInput(f"{path}: the video is damaged ({_reason(error)}); convert it: ffmpeg -i IN out.mp4") from error
        base = float(stream.time_base)
    if not stamps:
        raise BadInput(f"{path}: the video holds no frames")
    camera = checked(camera_from_numbers(*options.intrinsics), Path("--intrinsics")) if options.intrinsics is not None else None
    frames = tuple(FrameRef(f"{k:06d}", (pts - stamps[0]) * base, path, pts, camera=camera) for k, pts in enumerate(stamps))
    return Capture(path, "video", frames, options, _take, ("no depth found", "no poses found"))


def _take(capture: Capture, count: int) -> Clip:
    chosen = choose(capture.frames, count)
    wanted = [ref.index for ref in chosen]
    decode = scan if len(capture.frames) <= SCAN_UP_TO else seek
    found = decode(capture.path, wanted, capture.options.longest_side_px)
    missing = [ref for ref in chosen if ref.index not in found]
    if missing:
        when = f"{missing[0].time_s:.2f} s"
        raise BadInput(f"{capture.path}: the frame at {when} cannot be decoded; the video is damaged, convert it: ffmpeg -i IN out.mp4")
    pictures = []
    for ref in chosen:
        rgb = found[ref.index]
        pictures.append(Picture(ref, rgb, matrix_px=ref.camera.matrix_px if ref.camera is not None else None))
    return clip_of(pictures, capture)


def scan(path: Path, wanted: list[int], longest_side_px: int) -> dict[int, UInt8[Tensor, "3 H W"]]:
    """Frames by presentation timestamp, decoding from the start; those that cannot be decoded are absent."""
    import av

    found, last = {}, max(wanted)
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        try:
            for frame in container.decode(stream):
                if frame.pts in wanted:
                    found[frame.pts] = _rgb(frame, longest_side_px)
                if len(found) == len(set(wanted)) or (frame.pts is not None and frame.pts > last):
                    break
        except av.error.FFmpegError:
            pass  # what is missing is reported by the caller, with its time
    return found


def seek(path: Path, wanted: list[int], longest_side_px: int) -> dict[int, UInt8[Tensor, "3 H W"]]:
    """The same as `scan`, jumping to the key frame before each; faster when key frames are many and wanted frames are few."""
    import av

    found = {}
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for pts in wanted:
            try:
                container.seek(pts, stream=stream, backward=True)
                for frame in container.decode(stream):
                    if frame.pts is not None and frame.pts >= pts:
                        if frame.pts == pts:
                            found[pts] = _rgb(frame, longest_side_px)
                        break
            except av.error.FFmpegError:
                continue
    # A container whose index lies (some AVI and GIF files) lands behind the frame; then only decoding from the start helps.
    if len(found) < len(set(wanted)):
        found.update(scan(path, [pts for pts in wanted if pts not in found], longest_side_px))
    return found


def _rgb(frame, longest_side_px: int) -> UInt8[Tensor, "3 H W"]:
    """RGB, not larger than needed, turned the way the phone was held (the rotation a player would apply)."""
    shrink = min(1.0, longest_side_px / max(frame.width, frame.height))
    width, height = max(2, round(frame.width * shrink)), max(2, round(frame.height * shrink))
    size = {"width": width, "height": height, "interpolation": "AREA"} if shrink < 1 else {}
    rgb = torch.from_numpy(frame.to_ndarray(format="rgb24", **size)).permute(2, 0, 1)
    return torch.rot90(rgb, round(frame.rotation / 90) % 4, (1, 2)).contiguous()


VIDEO = Layout("a video file (mp4, mov, webm, mkv, gif, avi)", _recognises, _open)
