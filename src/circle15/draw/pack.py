"""Numbers packed small for a page: delta-coded integers, gzip, 85 signs. Same input, same bytes."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    IntArray = NDArray[np.int32]

UNITS_PER_DEGREE = 1_000_000
"""Coordinates on a page are whole millionths of a degree (0.11 m)."""
SIGNS = bytes(c for c in range(33, 127) if c not in b"<>&\"'\\/`-")
"""The 85 signs of a payload: none that means something in HTML. Base64 takes a fifteenth more."""


def microdegrees(values: ArrayLike) -> IntArray:
    """Degrees as whole millionths."""
    return np.rint(np.asarray(values, dtype=np.float64) * UNITS_PER_DEGREE).astype(np.int32)


def pack_bytes(raw: bytes) -> tuple[str, int]:
    """Gzip without a time stamp, then four bytes as five signs; the text, and how many bytes it stands for."""
    packed = gzip.compress(raw, 9, mtime=0)
    words = np.frombuffer(packed + bytes(-len(packed) % 4), dtype=">u4").astype(np.uint32)
    digits = np.empty((len(words), 5), dtype=np.uint8)
    for place in range(4, -1, -1):
        words, digits[:, place] = np.divmod(words, len(SIGNS))
    return np.frombuffer(SIGNS, dtype=np.uint8)[digits].tobytes().decode("ascii"), len(packed)


def json_bytes(value: object) -> bytes:
    """JSON. NaN and infinity must have become None before (`number`)."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")


def array_bytes(arrays: Iterable[IntArray]) -> bytes:
    """Int32 arrays one after another, each led by its length, bytes of equal weight together (they compress better)."""
    parts = []
    for array in arrays:
        planes = np.ascontiguousarray(array, dtype="<i4").view(np.uint8).reshape(-1, 4).T
        parts += [np.array([len(array)], dtype="<i4").tobytes(), np.ascontiguousarray(planes).tobytes()]
    return b"".join(parts)


def pack_blocks(blocks: Mapping[str, bytes]) -> tuple[str, int]:
    """Named blocks as one payload: length of the table of contents, the table (name: start, size), the blocks."""
    contents, at = {}, 0
    for name, body in blocks.items():
        contents[name] = [at, len(body)]
        at += len(body)
    head = json_bytes(contents)
    return pack_bytes(b"".join([np.array([len(head)], dtype="<i4").tobytes(), head, *blocks.values()]))


def delta(values: IntArray) -> IntArray:
    """First value, then differences."""
    return np.diff(values, prepend=np.int32(0)).astype(np.int32)


def polygon_arrays(geometries: ArrayLike, *, whole: bool = False) -> list[IntArray]:
    """Polygons, multipolygons and points as five integer arrays.

    Parameters
    ----------
    geometries
        Length n, EPSG:4326.
    whole
        The coordinates are whole numbers already (columns and rows of a grid).

    Returns
    -------
    list of int32 arrays
        Rings of each geometry (n), vertices of each ring (r, closing vertex left out), deltas between the first
        vertices of following rings as x and y (r), and x and y deltas between the other vertices of each ring.
    """
    values = np.asarray(geometries, dtype=object).ravel()
    parts, owner = shapely.get_parts(values, return_index=True)
    rings, ring_owner = _rings(parts, owner)
    xy, ring_of = shapely.get_coordinates(rings, return_index=True)
    points = shapely.get_type_id(rings) == shapely.GeometryType.POINT
    last = np.flatnonzero(np.append(ring_of[1:] != ring_of[:-1], True)) if len(ring_of) else np.empty(0, np.int64)
    keep = np.ones(len(ring_of), dtype=bool)
    keep[last[~points]] = False  # a ring's closing vertex
    coded = np.rint(xy[keep]).astype(np.int32) if whole else microdegrees(xy[keep])
    x, y, ring_of = coded[:, 0], coded[:, 1], ring_of[keep]
    first = np.append(True, ring_of[1:] != ring_of[:-1]) if len(ring_of) else np.empty(0, bool)
    return [
        np.bincount(ring_owner, minlength=len(values)).astype(np.int32),
        np.bincount(ring_of, minlength=len(rings)).astype(np.int32),
        delta(x[first]),
        delta(y[first]),
        np.diff(x)[~first[1:]].astype(np.int32),
        np.diff(y)[~first[1:]].astype(np.int32),
    ]


def _rings(parts: NDArray[np.object_], owner: NDArray[np.int64]) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Rings of the polygons among the parts, points as they are, in the order of the parts."""
    polygons = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    rings, place = shapely.get_rings(parts[polygons], return_index=True)
    at = np.concatenate([np.flatnonzero(polygons)[place], np.flatnonzero(~polygons)])
    order = np.argsort(at, kind="stable")
    return np.concatenate([rings, parts[~polygons]])[order], owner[at[order]]


def ring_lists(geometry: shapely.Geometry) -> list[list[int]]:
    """Rings of one polygon or multipolygon as flat lists x, y, dx, dy … in microdegrees (closing vertex left out)."""
    parts = shapely.get_parts([geometry])
    rings, _ = _rings(parts, np.zeros(len(parts), dtype=np.int64))
    coded = []
    for ring in rings:
        xy = microdegrees(shapely.get_coordinates(ring)[:-1])
        moved = np.vstack([xy[:1], np.diff(xy, axis=0)]) if len(xy) else xy
        moved = moved[np.append(True, np.any(moved[1:] != 0, axis=1))] if len(moved) else moved
        coded.append(moved.ravel().tolist())
    return coded


_UNSEEN = dict.fromkeys((*range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x061C), "\ufffd")
_UNSEEN |= dict.fromkeys((*range(0x20), 0x7F, *range(0x80, 0xA0), 0x2028, 0x2029), " ")


def shown(value: object) -> str:
    """Foreign text as people may see it: marks that reorder a line become U+FFFD, control characters spaces.

    Missing values (None, NaN) become "". Nothing is escaped here: pages take text as text.
    """
    missing = value is None or value != value  # noqa: PLR0124 - NaN of whatever kind
    return "" if missing else str(value).translate(_UNSEEN).encode("utf-8", "replace").decode("utf-8")


def number(value: object, digits: int = 1) -> float | int | None:
    """A finite number rounded, whole where it is whole; None for anything missing."""
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    if not math.isfinite(found):
        return None
    rounded = round(found, digits)
    return int(rounded) if rounded == int(rounded) else rounded


def numbers(values: Iterable[object], digits: int = 1) -> list[float | int | None]:
    """`number` for each value."""
    return [number(v, digits) for v in values]
