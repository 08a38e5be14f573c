"""Institutions, places and rasters of a nation that are not what they should be: refused in words, or warned of."""

import geopandas as gpd
import pytest
import shapely

from circle15.errors import InputError
from circle15.read.geoparquet import read_points
from circle15.words import LANGS, word_problem


@pytest.fixture
def register():
    """Five pharmacies between 105° and 105.1° east, 29.9° and 30° north."""
    points = [shapely.Point(105.01 + 0.02 * n, 29.95) for n in range(5)]
    return gpd.GeoDataFrame({"id": [f"H{n}" for n in range(5)], "service": "pharmacy"}, geometry=points, crs=4326)


def faults_of(read, *given, **more):
    """Problems of a refused file, each of them in words."""
    with pytest.raises(InputError) as caught:
        read(*given, **more)
    for problem in caught.value.problems:
        assert all(word_problem(problem, lang) for lang in LANGS)
    return [
        (p.id.removeprefix("scale."), p.column, p.row, p.value, p.params.get("count")) for p in caught.value.problems
    ]


def test_blank_services_and_codes_are_told_by_row(register, tmp_path):
    register.loc[[2, 3], "service"] = None
    register.loc[4, "id"] = None
    register.to_parquet(tmp_path / "i.parquet")
    blank = [("blank", "id", 5, None, 1), ("blank", "service", 3, None, 2)]
    assert faults_of(read_points, tmp_path / "i.parquet") == blank
