"""Maps of the network below a page 在线底图: off by default; the page may then ask the chosen host, and no other.

The key of a service is written into the file only where it was given. Amap draws in GCJ-02: the page shifts the map,
never the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from circle15.errors import Problem, UsageError

BasemapName = Literal["tianditu", "amap", "osm"]
BASEMAPS: tuple[BasemapName, ...] = ("tianditu", "amap", "osm")
_TIANDITU = "https://t{s}.tianditu.gov.cn/DataServer?T=%s_w&x={x}&y={y}&l={z}&tk={key}"
_AMAP = "https://webrd0{s}.is.autonavi.com/appmaptile?lang=zh_cn&size=1&scale=1&style=8&x={x}&y={y}&z={z}"
_OSM = "https://tile.openstreetmap.org/{z}/{x}/{y}.png"


@dataclass(frozen=True)
class Basemap:
    """A basemap by name, with the key of its service where one is needed."""

    name: BasemapName
    key: str = ""

    def __post_init__(self) -> None:
        if self.name == "tianditu" and not self.key:
            raise UsageError(Problem("use.basemap_key", params={"name": self.name}))

    def hosts(self) -> tuple[str, ...]:
        """What the content security policy lets images be loaded from."""
        return {
            "tianditu": tuple(f"https://t{n}.tianditu.gov.cn" for n in range(8)),
            "amap": tuple(f"https://webrd0{n}.is.autonavi.com" for n in range(1, 5)),
            "osm": ("https://tile.openstreetmap.org",),
        }[self.name]

    def as_values(self) -> dict[str, Any]:
        """Address templates, subdomains, datum and credit for the page."""
        return {
            "tianditu": {"layers": [_TIANDITU % "vec", _TIANDITU % "cva"], "subdomains": "01234567", "gcj": False},
            "amap": {"layers": [_AMAP], "subdomains": "1234", "gcj": True},
            "osm": {"layers": [_OSM], "subdomains": "", "gcj": False},
        }[self.name] | {"name": self.name, "key": self.key}
