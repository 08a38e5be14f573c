"""Branch sites of one institution: each a point on the map, one institution in every count."""

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point, box

from circle15.judge.areas import count
from circle15.measure.coverage import count_standing

PLACES = gpd.GeoDataFrame(
    {"id": ["K", "A", "B"], "level": ["city", "district", "district"]},
    geometry=[box(0, 0, 2, 1), box(0, 0, 1, 1), box(1, 0, 2, 1)],
    crs=4326,
)
SITES = gpd.GeoDataFrame(
    {
        "id": ["H1", "H1-2", "H1-3", "H2", "P1"],
        "institution": ["H1", "H1", "H1", "", ""],
        "service": ["inpatient", "inpatient", "inpatient", "inpatient", "pharmacy"],
    },
    geometry=[Point(0.2, 0.5), Point(0.4, 0.5), Point(1.5, 0.5), Point(0.6, 0.5), Point(0.7, 0.5)],
    crs=4326,
)


def test_sites_of_one_institution_count_once_a_place():
    counted = count_standing(SITES, PLACES, ["inpatient", "pharmacy"])
    assert counted["inpatient"].tolist() == [2, 2, 1]
    assert counted["pharmacy"].tolist() == [1, 1, 0]
    plain = count_standing(SITES.drop(columns="institution"), PLACES, ["inpatient"])
    assert plain["inpatient"].tolist() == [4, 3, 1]


@pytest.mark.parametrize(("column", "expected"), [("institution", 2.0), ("other", 4.0)])
def test_the_register_that_judges_counts_alike(column, expected):
    register = pd.DataFrame(SITES.drop(columns="geometry")).rename(columns={"institution": column})
    register = register.assign(tags="", level="", district_id=["A", "A", "B", "A", "A"], city_id="K")
    what = (("inpatient",), (), (), ())
    assert count(register, {"level": "city", "place_id": "K"}, of="institutions", what=what)[0] == expected
