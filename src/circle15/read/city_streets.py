"""The streets of a city file 城市配置中的路网."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import geopandas as gpd
import shapely
from pydantic import BaseModel, ConfigDict, Field

from circle15.read.files import Reading
from circle15.read.streets import LIVE, MARGIN_M, fetch_streets, read_streets
from circle15.schema import MAX_SNAP_M, WALKING_M_PER_S, Datum, Pace, Streets


class StreetsPart(BaseModel):
    """Section [streets]: walk network; see read_streets and schema.Pace."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    file: str
    crs: str | None = None
    datum: Datum = "wgs84"
    margin_m: float = Field(default=MARGIN_M, ge=0)
    speed_m_per_s: float = Field(default=WALKING_M_PER_S, gt=0, le=10)
    slope: Literal["flat", "tobler"] = "flat"
    max_snap_m: float = Field(default=MAX_SNAP_M, gt=0, le=5000)

    @property
    def pace(self) -> Pace:
        """How the streets are walked."""
        return Pace(self.speed_m_per_s, self.slope, self.max_snap_m)


def read_city_streets(
    part: StreetsPart | None, folder: Path, places: Reading[gpd.GeoDataFrame] | None
) -> Reading[Streets] | None:
    """The streets about the city's outlines; None where the city has none or no outline could be read."""
    if part is None or places is None:
        return None
    west, south, east, north = places.table.total_bounds.tolist()
    if part.file == LIVE:
        return fetch_streets(shapely.box(west, south, east, north), margin_m=part.margin_m)
    return read_streets(
        folder / part.file, within=(west, south, east, north), margin_m=part.margin_m, crs=part.crs, datum=part.datum
    )


def other_streets(part: StreetsPart | None, file: str | os.PathLike[str] | None) -> StreetsPart | None:
    """The section with other streets; how they are walked stays as it says."""
    if file is None:
        return part
    name = LIVE if str(file) == LIVE else str(Path(file).absolute())
    changed = {"file": name, "crs": None, "datum": "wgs84"}
    return part.model_copy(update=changed) if part is not None else StreetsPart(file=name)
