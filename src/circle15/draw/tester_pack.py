"""Exact numbers packed small for the site tester: bytes of equal weight together, then gzip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import shapely

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

BILLIONTH = 1e9
"""Outlines are told in billionths of a degree: 0.1 mm."""
MOST_EXACT = 100_000
"""A source with more values that are neither decimal nor single precision is rounded to thousandths of a person."""

Kind = Literal["f8", "f4", "i4", "d4", "d5"]
_TYPES: Mapping[Kind, str] = {"f8": "<f8", "f4": "<f4", "i4": "<i4", "d4": "<i4", "d5": "<i8"}
_BYTES: Mapping[Kind, int] = {"f8": 8, "f4": 4, "i4": 4, "d4": 4, "d5": 5}


@dataclass
class Packer:
    """Arrays one after another, and the index that names them."""

    index: list[dict[str, Any]] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, name: str, values: ArrayLike, kind: Kind) -> None:
        """Put one array at the end; d4 and d5 keep first differences of whole numbers, in so many bytes."""
        array = np.asarray(values)
        if kind in {"d4", "d5"}:
            array = np.diff(array.astype(np.int64), prepend=0)
        flat = np.ascontiguousarray(array.ravel().astype(_TYPES[kind]))
        planes = flat.view(np.uint8).reshape(-1, flat.itemsize).T[: _BYTES[kind]]
        self.index.append({"name": name, "type": kind, "size": len(flat), "at": self.size})
        self.parts.append(np.ascontiguousarray(planes).tobytes())
        self.size += len(self.parts[-1])

    def add_rings(self, name: str, geometries: Sequence[shapely.Geometry] | NDArray[np.object_]) -> None:
        """Polygons (n,) as rings: where each begins (n + 1), ring sizes, which vertex, and the vertices in billionths.

        A vertex is told once, however many outlines meet in it.
        """
        values = shapely.orient_polygons(np.asarray(geometries, dtype=object))
        parts, owner = shapely.get_parts(values, return_index=True)
        flat = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
        rings, of = shapely.get_rings(parts[flat], return_index=True)
        xy, ring = shapely.get_coordinates(rings, return_index=True)
        closing = np.append(ring[1:] != ring[:-1], np.ones(min(len(ring), 1), dtype=bool))
        xy, ring = xy[~closing], ring[~closing]
        vertices, at = told_once(np.rint(xy * BILLIONTH).astype(np.int64))
        self.add(f"{name}.start", np.searchsorted(owner[flat][of], np.arange(len(values) + 1)), "i4")
        self.add(f"{name}.size", np.bincount(ring, minlength=len(rings)), "i4")
        self.add(f"{name}.at", at, "d4")
        self.add(f"{name}.x", vertices[:, 0], "d5")
        self.add(f"{name}.y", vertices[:, 1], "d5")

    def add_residents(self, values: NDArray[np.float64]) -> dict[str, Any]:
        """Residents as they are where they fit whole hundredths or single precision; says how to read them."""
        for digits in range(4):
            scale = 10**digits
            whole = np.rint(values * scale)
            if np.abs(whole).max(initial=0) >= 2**31:
                break
            for single in (False, True):
                back = (whole / scale).astype(np.float32).astype(float) if single else whole / scale
                if np.array_equal(back, values):
                    self.add("people", whole, "i4")
                    return {"scale": scale, "single": single}
        if np.array_equal(values.astype(np.float32).astype(float), values) and len(values) <= MOST_EXACT:
            self.add("people", values, "f4")
            return {"scale": 0, "single": True}
        if len(values) <= MOST_EXACT:
            self.add("people", values, "f8")
            return {"scale": 0, "single": False}
        self.add("people", np.rint(values * 1000.0), "i4")
        return {"scale": 1000, "single": False, "rounded": True}

    def bytes(self) -> bytes:
        """All arrays."""
        return b"".join(self.parts)


def told_once(vertices: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows (m, …) that differ, in the order in which they come, and which of them each is (n,)."""
    _, first, which = np.unique(vertices, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return vertices[first[order]], rank[which.reshape(-1)]
