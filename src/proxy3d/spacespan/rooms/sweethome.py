"""The furniture catalogues of Sweet Home 3D, as Debian packages them: entries with sizes and licences, and their meshes in metres.

The packages are `sweethome3d-furniture` (five .sh3f libraries) and `sweethome3d` (a .jar with the default models). Both are zip files with a Java
properties file, OBJ models and textures. Licences are read from the files themselves: an entry whose licence is not one of LICENCES is not offered.
"""

from __future__ import annotations

import io
import posixpath
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from proxy3d.errors import BadInput
from proxy3d.spacespan.rooms.wavefront import PANE_OPACITY, Material, RawMesh, named_material, parse_mtl, parse_obj

PACKAGES = ("sweethome3d-furniture", "sweethome3d")
PROPERTIES = ("PluginFurnitureCatalog.properties", "com/eteks/sweethome3d/io/DefaultFurnitureCatalog.properties")

LICENCES = {
    "CC0-1.0": "http://creativecommons.org/publicdomain/zero/1.0/",
    "CC-BY-3.0": "http://creativecommons.org/licenses/by/3.0/",
    "CC-BY-3.0-US": "http://creativecommons.org/licenses/by/3.0/us/",
}


@dataclass(frozen=True)
class Entry:
    """One catalogue entry. Sizes in metres: width (x), depth (y), height (z)."""

    archive: Path
    library: str  # "Scopia"
    identifier: str  # "couch2"
    name: str
    section: str  # "Living room"
    model: str  # path in the archive
    size_m: tuple[float, float, float]
    rotation: tuple[float, ...] | None  # 3 x 3, row by row, in the file's y-up axes
    elevation_m: float  # 0 = none given
    support_height_m: float | None  # None = none given or nothing can stand on it
    creator: str
    licence: str  # a key of LICENCES


def archives(folder: Path, debs: Path | None) -> list[Path]:
    """The catalogue archives, unpacked into `folder`.

    Args:
        folder: an empty folder to download and unpack into.
        debs: a folder of .deb files (or of .sh3f and .jar files), None to fetch the packages with apt.

    Raises:
        BadInput: no apt or dpkg here, the download failed, or `debs` holds no catalogue.
    """
    if debs is None:
        packages = _download(folder)
    else:
        if not Path(debs).is_dir():
            raise BadInput(f"{debs}: not a folder; expected a folder with {' and '.join(PACKAGES)} .deb files")
        packages = sorted(p for p in Path(debs).glob("*.deb") if p.name.split("_")[0] in PACKAGES)
    if packages and shutil.which("dpkg") is None:
        raise BadInput("dpkg is not installed, so .deb files cannot be unpacked: unpack them elsewhere and give the folder of .sh3f and .jar files")
    for package in packages:
        done = subprocess.run(["dpkg", "-x", str(package), str(folder / "root")], capture_output=True, text=True)
        if done.returncode:
            raise BadInput(f"{package.name}: dpkg could not unpack it ({done.stderr.strip()[:200]}): download it again")
    found = sorted((folder / "root").rglob("*.sh3f")) + sorted((folder / "root").rglob("sweethome3d.jar"))
    if debs is not None:
        found += sorted(Path(debs).glob("*.sh3f")) + sorted(Path(debs).glob("*.jar"))
    if not found:
        raise BadInput(f"{debs or 'the downloaded packages'}: no furniture catalogue (.sh3f) found; expected {' and '.join(PACKAGES)} .deb files")
    return found


def _download(folder: Path) -> list[Path]:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        wanted = " and ".join(PACKAGES)
        raise BadInput(f"apt-get is not available here: download {wanted} from packages.debian.org and name their folder with --debs FOLDER")
    print(f"downloading {' and '.join(PACKAGES)} (about 137 MB) ...", file=sys.stderr)
    done = subprocess.run(["apt-get", "download", *PACKAGES], cwd=folder, capture_output=True, text=True)
    packages = sorted(folder.glob("*.deb"))
    if done.returncode or len(packages) < len(PACKAGES):
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BadInput(f"apt-get download {' '.join(PACKAGES)} failed ({reason[:200]}): run `apt-get update` first, or give --debs FOLDER")
    return packages


def read_catalogue(archive: Path) -> list[Entry]:
    """All entries of one archive whose model is present and whose licence is free; in the catalogue's order.

    Raises:
        BadInput: not a zip file, or no catalogue in it.
    """
    try:
        with zipfile.ZipFile(archive) as zipped:
            present = set(zipped.namelist())
            properties = next((p for p in PROPERTIES if p in present), None)
            if properties is None:
                raise BadInput(f"{archive}: no furniture catalogue inside; expected {PROPERTIES[0]}")
            records = parse_properties(zipped.read(properties).decode("latin-1"))
            library_licence = _library_licence(zipped, present)
            found = (_entry(Path(archive), record, zipped, present, library_licence) for record in records)
            return [entry for entry in found if entry is not None]
    except zipfile.BadZipFile:
        raise BadInput(f"{archive}: not a zip file; expected a .sh3f or .jar of Sweet Home 3D") from None


def parse_properties(text: str) -> list[dict[str, str]]:
    """The numbered records (`key#1=value`) of a Java properties file, in order of their number."""
    records: dict[int, dict[str, str]] = {}
    for line in text.splitlines():
        match = re.match(r"\s*(\w+)#(\d+)\s*[=:]\s*(.*)", line)
        if match:
            value = re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), match[3].strip())
            records.setdefault(int(match[2]), {})[match[1]] = value
    return [records[number] for number in sorted(records)]


def _entry(archive: Path, record: dict[str, str], zipped: zipfile.ZipFile, present: set[str], library_licence: str) -> Entry | None:
    model = record.get("model", "").lstrip("/")
    try:
        size = tuple(float(record[k]) / 100 for k in ("width", "depth", "height"))
    except (KeyError, ValueError):
        return None
    if model not in present or min(size) <= 0:
        return None
    licence = _model_licence(zipped, present, model, library_licence)
    if licence not in LICENCES:
        return None
    rotation = record.get("modelRotation", "").split()
    drop = float(record.get("dropOnTopElevation", -1))
    library = "eTeks" if archive.suffix == ".jar" else archive.stem
    return Entry(
        archive, library, record["id"].split("#")[-1], record["name"], record.get("category", ""), model, size,
        tuple(float(v) for v in rotation) if len(rotation) == 9 else None,
        max(float(record.get("elevation", 0)), 0.0) / 100, drop / 100 if drop > 0 else None,
        record.get("creator", "") or library, licence,
    )  # fmt: skip


def _library_licence(zipped: zipfile.ZipFile, present: set[str]) -> str:
    text = zipped.read("LICENSE.TXT").decode("latin-1") if "LICENSE.TXT" in present else ""
    return licence_in(text)


def _model_licence(zipped: zipfile.ZipFile, present: set[str], model: str, library_licence: str) -> str:
    """What the model's own folder or the header of the OBJ says, else the library's: two models of the CC0 library are CC-BY."""
    folder = posixpath.dirname(model) + "/"
    own = [n for n in present if n.startswith(folder) and "licen" in n.lower() and not n.endswith("/")]
    if posixpath.basename(folder.rstrip("/")) != posixpath.splitext(posixpath.basename(model))[0]:
        own = []  # a shared folder: its licence files belong to other models
    for name in sorted(own):
        licence = licence_in(zipped.read(name).decode("latin-1"))
        if licence:
            return licence
    with zipped.open(model) as stream:
        return licence_in(stream.read(2000).decode("latin-1")) or library_licence


def licence_in(text: str) -> str:
    """The licence a text grants, as a key of LICENCES; "restricted" when it forbids some use, "" when it names none of them."""
    flat = text.lower()
    if re.search(r"licenses/by-(nc|nd|sa)|noncommercial|non-commercial|no derivative|sharealike|all rights reserved", flat):
        return "restricted"
    if "licenses/by/3.0/us" in flat:
        return "CC-BY-3.0-US"
    if "licenses/by/3.0" in flat or "creative commons attribution 3.0" in flat:
        return "CC-BY-3.0"
    if "creative commons zero" in flat or "publicdomain/zero" in flat:
        return "CC0-1.0"
    return ""


@dataclass(frozen=True)
class Mesh:
    """An entry's triangles: z up, front towards -y, bottom centre at the origin, metres; and what each group of them looks like."""

    raw: RawMesh
    xyz_m: Float[np.ndarray, "V 3"]
    material: tuple[Material, ...]  # one per group of `raw`
    image: dict[str, bytes]  # texture files by the name that `material` gives them


def read_mesh(entry: Entry) -> Mesh:
    """The model of an entry, turned and scaled as its catalogue says.

    Raises:
        ValueError: the OBJ file cannot be read or has no triangle.
    """
    with zipfile.ZipFile(entry.archive) as zipped:
        present = {name.lower(): name for name in zipped.namelist()}
        folder = posixpath.dirname(entry.model)
        raw = parse_obj(zipped.read(entry.model).decode("latin-1"))
        defined: dict[str, Material] = {}
        for library in raw.libraries:
            name = present.get(posixpath.join(folder, library).lower())
            if name:
                defined.update(parse_mtl(zipped.read(name).decode("latin-1")))
        image: dict[str, bytes] = {}
        material = []
        for name, pane in zip(raw.material, raw.pane, strict=True):
            look = defined.get(name) or named_material(name)
            texture = look.texture and _texture_in(present, folder, look.texture)
            if texture:
                image[texture] = zipped.read(texture)
            opacity = min(look.opacity, PANE_OPACITY) if pane else look.opacity
            material.append(Material(look.rgb, opacity, texture or None))
    if not len(raw.corner):
        raise ValueError("no triangles")
    return Mesh(raw, normalised(raw, entry), tuple(material), image)


def _texture_in(present: dict[str, str], folder: str, written: str) -> str | None:
    """The archive's name for a texture; exporters leave absolute paths of their own machines, so the bare file name is tried too."""
    written = written.replace("\\", "/")
    for candidate in (written, posixpath.basename(written), written.split()[-1]):
        name = present.get(posixpath.normpath(posixpath.join(folder, candidate)).lower())
        if name:
            return name
    return None


def normalised(raw: RawMesh, entry: Entry) -> Float[np.ndarray, "V 3"]:
    """Vertices in metres, z up, front towards -y, standing on z = 0 centred over the origin, scaled to the catalogue's size on each axis."""
    xyz = raw.xyz if entry.rotation is None else raw.xyz @ np.array(entry.rotation).reshape(3, 3).T
    xyz = np.stack([xyz[:, 0], -xyz[:, 2], xyz[:, 1]], 1)  # the files are y-up and face +z
    used = xyz[np.unique(raw.corner)]
    low, high = used.min(0), used.max(0)
    extent = np.where(high - low > 1e-9, high - low, 1.0)
    centred = xyz - [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]
    return centred * (np.array(entry.size_m) / extent)


def decode_image(data: bytes, side: int) -> np.ndarray:
    """An RGBA picture of side x side pixels, uint8; transparent pixels keep their colour."""
    from PIL import Image

    picture = Image.open(io.BytesIO(data))
    return np.asarray(picture.convert("RGBA").resize((side, side), Image.Resampling.BOX if min(picture.size) > side else Image.Resampling.BICUBIC))
