"""Gaps of a grid's numbers against the same cells as polygons: same patches, same sites, same outlines."""

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from landscapes import GRIDS, Numbers, assert_same, landscape

from circle15.measure import grid_ground
from circle15.measure.gap_grid import outline_of_cells
from circle15.measure.gaps import find_gaps, lay_out_gaps
from circle15.schema import CRS, GridCells, Population

FEET_OF_ROUNDING = {"rtol": 1e-7, "atol": 1e-6}


class OnDisk:
    """Numbers that are read where they are asked for."""

    def __init__(self, values):
        self.held, self.shape = values, values.shape

    def __getitem__(self, part):
        return self.held[part].copy()


def with_townships(places):
    """The districts as townships too, both named in the other order."""
    towns = places[places["level"] == "district"].assign(level="township")
    return pd.concat([places, towns.assign(id=["T2", "T1"])], ignore_index=True)


def same_gaps(fast, slow):
    assert_same(fast.drop(columns="geometry"), slow.drop(columns="geometry"), **FEET_OF_ROUNDING)
    drawn, twin = (shapely.set_precision(gaps.geometry.to_numpy(), 1e-9) for gaps in (fast, slow))
    assert shapely.is_valid(fast.geometry.to_numpy()).all()
    assert shapely.equals(drawn, twin).all()


@pytest.mark.parametrize("name", GRIDS)
def test_gaps_of_polygons_say_the_same(name):
    people, register, places = landscape(GRIDS[name], seed=11, discs=9, gone=0.3)
    places, options = with_townships(places), {"radius_m": 800.0, "service": "pharmacy", "min_residents": 20.0}
    slow = find_gaps(replace(people, grid=None), register, places, **options)
    numbers = Numbers(people.grid)
    assert len(slow) > 1
    assert {"W", "E"} <= set(slow["district_id"])
    assert {"T1", "T2"} <= set(slow["township_id"])
    same_gaps(find_gaps(numbers, register, places, **options), slow)
    ground = lay_out_gaps(numbers, places, radius_m=800.0)
    same_gaps(find_gaps(numbers, register, places, ground=ground, **options), slow)


@settings(max_examples=12)
@given(
    seed=st.integers(0, 10_000), name=st.sampled_from(sorted(GRIDS)), radius_m=st.floats(120, 1500),
    level=st.sampled_from(["district", "city", "township"]), alike=st.booleans(),
)  # fmt: skip
def test_gaps_of_any_town(seed, name, radius_m, level, alike):
    people, register, places = landscape(GRIDS[name], seed=seed, discs=seed % 30, gone=0.3)
    # all but a corner of the landscape is empty: the twin is slow
    values, top, left = people.grid.values, seed % 31, seed % 41  # noqa: PD011 - no table
    town = np.zeros(values.shape, dtype=bool)
    town[top : top + 19, left : left + 19] = True
    cells = people.cells[town[values > 0]]
    if alike:
        values, cells = np.where(values > 0, 7.0, values), cells.assign(residents=7.0)
    options = {"radius_m": radius_m, "service": "pharmacy", "min_residents": 1.0}
    places = places.assign(level=level)
    expected = find_gaps(replace(people, cells=cells, grid=None), register, places, **options)
    grid = replace(people.grid, values=np.where(town, values, 0.0))
    same_gaps(find_gaps(Numbers(grid), register, places, **options), expected)


@pytest.mark.parametrize("name", ["degrees", "slanted"])
def test_patches_run_on_across_blocks_of_a_grid_on_disk(name, monkeypatch):
    monkeypatch.setattr(grid_ground, "SIDE", 13)
    people, register, places = landscape(GRIDS[name], seed=12, discs=9, gone=0.2)
    options = {"radius_m": 800.0, "service": "outpatient", "min_residents": 20.0}
    whole = find_gaps(people, register, places, **options)
    parts = Numbers(replace(people.grid, values=OnDisk(people.grid.values)))
    same_gaps(find_gaps(parts, register, places, **options), whole)


def test_very_wide_cells_are_laid_out_in_parts():
    values = np.full((1, 2), 900.0)
    lattice = GRIDS["degrees"]
    grid = GridCells(values, (0.1, 0, 105, 0, -0.1, 36))
    cells = gpd.GeoDataFrame({"residents": [900.0, 900.0]}, geometry=lattice.quads(*np.zeros((2, 2), int)), crs=CRS)
    cells = cells.set_geometry([shapely.box(105, 35.9, 105.1, 36), shapely.box(105.1, 35.9, 105.2, 36)])
    people = Population(cells, None, "grid", 10_000.0, grid)
    _, register, places = landscape(lattice, seed=1)
    options = {"radius_m": 800.0, "service": "pharmacy"}
    nowhere = places.iloc[:0]
    found = find_gaps(people, register, nowhere, **options)
    same_gaps(found, find_gaps(replace(people, grid=None), register, nowhere, **options))
    assert found["candidate_new_residents"].iloc[0] < 900 / 20


@settings(max_examples=60)
@given(rows=st.lists(st.integers(0, 2**7 - 1), min_size=1, max_size=7))
def test_the_outline_holds_just_its_cells(rows):
    held = np.array([[bool(bits >> c & 1) for c in range(7)] for bits in rows])
    held[0, 0] |= not held.any()
    row, column = np.nonzero(held)
    outline = outline_of_cells(row, column)
    assert outline.is_valid
    assert outline.equals(shapely.union_all(shapely.box(column, row, column + 1, row + 1)))
