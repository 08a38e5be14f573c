"""Sections of a city file 城市配置各节, closed to unknown keys; what each means stands in read/city.py."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from circle15.read.city_streets import StreetsPart
from circle15.read.population import MARGIN_M
from circle15.read.values import seen
from circle15.schema import POSITION_ACCURACY_M, Datum, Level, PlaceLevel, Service


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class CityPart(_Part):
    """Section [city]: what is assessed, under which plan, on which day."""

    name: str = Field(min_length=1)
    simulated: bool = False
    plan: str = ""
    as_of: dt.date | None = None


class InstitutionsPart(_Part):
    """Section [institutions]: the register; see read_institutions."""

    file: str
    datum: Datum
    crs: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    sheet: str | None = None
    encoding: str | None = None
    layer: str | None = None
    service: Service | None = None
    services: dict[str, Service] = Field(default_factory=dict)
    levels: dict[str, Level] = Field(default_factory=dict)
    more: tuple[str, ...] = ()
    drop_services: tuple[str, ...] = ()
    default_accuracy_m: float = Field(default=POSITION_ACCURACY_M, ge=0)
    packed_dms: bool = False


class PlacesPart(_Part):
    """One [[places]] section: outlines; see read_places."""

    file: str
    level: PlaceLevel | None = None
    datum: Datum | None = None
    crs: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    encoding: str | None = None
    layer: str | None = None
    repair: bool = False


class PopulationPart(_Part):
    """Section [population]: residents; see read_population and scale_population."""

    file: str
    datum: Datum | None = None
    crs: str | None = None
    residents_column: str | None = None
    nodata: float | None = None
    encoding: str | None = None
    layer: str | None = None
    margin_m: float = Field(default=MARGIN_M, ge=0)
    scale_to: PlaceLevel | None = None


class DatabasePart(_Part):
    """Section [database]: where `table:…` and `sql:…` are read."""

    url: str


class DenominatorsPart(_Part):
    """Section [denominators]: numbers of people by place; see read_denominators."""

    file: str
    encoding: str | None = None


class CityFiles(_Part):
    """A city file as read: `folder` is where its paths start."""

    city: CityPart
    institutions: InstitutionsPart
    places: tuple[PlacesPart, ...] = Field(min_length=1)
    population: PopulationPart
    database: DatabasePart | None = None
    streets: StreetsPart | None = None
    denominators: DenominatorsPart | None = None
    folder: Path = Path()
    file: str = "city.toml"
    assume_wgs84: bool = False
    as_of_from: Literal["city_file", "option"] = "city_file"

    @property
    def name(self) -> str:
        """Name of the city."""
        return self.city.name

    @property
    def shown_name(self) -> str:
        """Name without marks that cannot be seen; the city file's where nothing is left."""
        return seen(self.city.name) or self.file

    @property
    def plan(self) -> str:
        """Id or file of the plan: a file is taken from the city file's folder where it stands there."""
        beside = self.folder / self.city.plan
        return str(beside) if self.city.plan.endswith(".toml") and beside.is_file() else self.city.plan

    def paths(self) -> list[Path]:
        """Every file that is read, as far as it is named here; what is no file (`table:…`, a plan's id) by its name."""
        parts = (self.institutions, *self.places, self.population, self.denominators, self.streets)
        names = [part.file for part in parts if part is not None]
        return [Path(self.plan), *(self.folder / name for name in (*names, *self.institutions.more))]
