"""Pages made from a grid of numbers hold what pages made from its cells as polygons hold."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from circle15.draw import grid_cells, ground, payload, tester_people
from circle15.draw.grid_cells import lattice_of, stripes, window_about
from circle15.draw.ground import pack_ground
from circle15.draw.tester_pack import Packer
from circle15.draw.tester_people import held_exactly, pack_people
from circle15.read.raster_cells import RasterPopulation
from circle15.schema import GridCells, Population, PopulationBlocks

BENT = (100.0, 0.0, 438_000.0, 0.0, -100.0, 4_166_000.0), "EPSG:4544"
DEGREES = (0.001, 0.0, 104.9, 0.0, -0.001, 37.6), ""
SOUTH_UP = (0.001, 0.0, 104.9, 0.0, 0.001, 37.4), ""
SLANTED = (95.0, 30.0, 438_000.0, -25.0, -98.0, 4_172_000.0), "EPSG:4544"
GRIDS = {"bent": BENT, "degrees": DEGREES, "south_up": SOUTH_UP, "slanted": SLANTED}


def make_grid(kind, *, rows=210, cols=260):
    """Cells of which some are empty and a corner has no data; residents are whole or have decimals."""
    rng = np.random.default_rng(3)
    values = np.where(rng.random((rows, cols)) < 0.6, np.round(rng.gamma(1.0, 20.0, (rows, cols)), 2), 0.0)
    values[:40, :70] = np.nan
    return RasterPopulation(GridCells(values, *GRIDS[kind]))


def as_table(population):
    """The same population as polygons and nothing else."""
    return Population(population.cells, population.land, "grid", population.cell_m)


def ground_within(population):
    """An outline with a hole, part of it beyond the grid."""
    west, south, east, north = population.cells.total_bounds
    x, y = (lambda t: west + t * (east - west)), (lambda t: south + t * (north - south))
    ring = [(x(0.1), y(0.2)), (x(0.6), y(-0.1)), (x(1.1), y(0.5)), (x(0.5), y(0.95)), (x(0.15), y(0.7))]
    return shapely.Polygon(ring, [[(x(0.4), y(0.4)), (x(0.6), y(0.45)), (x(0.5), y(0.6))]])


@pytest.fixture(params=GRIDS)
def population(request, monkeypatch):
    monkeypatch.setattr(grid_cells, "STRIPE_CELLS", 20_000)  # several stripes
    return make_grid(request.param)


def test_stripes_hold_the_cells_that_touch_the_ground(population):
    outline = ground_within(population)
    window = window_about(population.grid, outline)
    parts = list(stripes(population.grid, outline, window))
    assert len(parts) > 1
    row, col = (np.concatenate([getattr(p, k) for p in parts]) for k in ("row", "col"))
    cells = population.cells
    touching = cells[shapely.intersects(outline, cells.geometry.to_numpy())]
    made = lattice_of(population.grid).quads(row, col)
    assert shapely.equals(made, touching.geometry.to_numpy()).all()
    assert np.concatenate([p.residents for p in parts]).tolist() == touching["residents"].tolist()
    assert np.concatenate([p.area for p in parts]) == pytest.approx(
        shapely.area(touching.geometry.to_numpy()), rel=1e-8
    )
    known = np.concatenate([p.known for p in parts])
    inside = slice(max(window.left, 0), window.left + window.cols)
    beyond = max(-window.left, 0)
    values = population.grid.values[parts[0].top :][: len(known), inside]
    assert (known[:, beyond : beyond + values.shape[1]] == ~np.isnan(values)).all()
    assert known.sum() == (~np.isnan(values)).sum()


def area_of(outline):
    return payload.Area("1", "", "district", ("1",), outline, payload.widened(outline, 1600.0))


class Told:
    """What `pack_ground` reads of an assessment."""

    def __init__(self, population):
        self.city = self
        self.population = population


def test_a_page_draws_the_same_ground(population):
    area = area_of(ground_within(population))
    ours, theirs = (pack_ground(Told(p), area, [500.0, 3000.0]) for p in (population, as_table(population)))
    assert ours.told["classes"] == theirs.told["classes"]
    assert ours.told["cells"] == theirs.told["cells"] > 5000
    assert ours.lattice is not None
    assert ours.blocks == theirs.blocks
    streamed = PopulationBlocks([], cell_m=100.0, grid=population.grid)  # no block is asked for
    again = pack_ground(Told(streamed), area, [500.0, 3000.0])
    assert (again.told, again.blocks) == (ours.told, ours.blocks)


def test_few_cells_are_drawn_as_polygons():
    population = make_grid("bent", rows=45, cols=74)  # but twenty have data
    area = area_of(shapely.box(*population.cells.total_bounds).buffer(0.01))
    ours, theirs = (pack_ground(Told(p), area, [500.0, 3000.0]) for p in (population, as_table(population)))
    assert 0 < ours.told["cells"] < 3000
    assert ours.blocks == theirs.blocks


def test_a_large_page_holds_steps_of_density_within_their_class(population, monkeypatch):
    area, breaks = area_of(ground_within(population)), [500.0, 3000.0]
    exact = pack_ground(Told(population), area, breaks)
    monkeypatch.setattr(ground, "EXACT_CELLS", 100)
    coarse = pack_ground(Told(population), area, breaks)
    classes = np.frombuffer(exact.blocks["cell.class"], np.uint8)
    populated = np.unpackbits(np.frombuffer(coarse.blocks["cell.populated"], np.uint8))[: len(classes)] == 1
    assert (populated == (classes > 0)).all()
    step = np.frombuffer(coarse.blocks["cell.step"], np.uint8)
    assert (np.repeat(np.arange(3), coarse.told["step_counts"])[step] == classes[populated] - 1).all()
    lower = np.array(coarse.told["steps"])
    assert (lower[1:] / lower[:-1]).max() < ground.STEP + 1e-4
    planes = np.frombuffer(exact.blocks["cell.residents"], np.uint8).reshape(4, -1)
    residents = np.ascontiguousarray(planes.T).view("<i4").ravel() / 10.0
    fine = np.array([residents[step == k].max() for k in np.unique(step)])
    assert (np.diff(fine) >= 0).all()  # cells are of one size to a thousandth, residents told to a tenth


def unpacked(packer):
    """Arrays by name: a slow twin of the page's reader."""
    whole, found = packer.bytes(), {}
    for one in packer.index:
        width = {"f8": 8, "f4": 4, "i4": 4, "d4": 4, "d5": 5}[one["type"]]
        raw = np.frombuffer(whole, np.uint8, width * one["size"], one["at"]).reshape(width, -1).T
        plain = np.ascontiguousarray(raw).view({"f8": "<f8", "f4": "<f4"}.get(one["type"], "<i4")).ravel()
        found[one["name"]] = np.cumsum(plain) if one["type"] == "d4" else plain
    return found


def held_by(population, outline):
    """Middles of populated cells with residents, and middles of the land inside an outline, as the tester holds them."""
    packer = Packer()
    told, grid = pack_people(packer, population, outline)
    arrays = unpacked(packer)
    assert told["lattice"]
    row, col = np.divmod(arrays["grid.cell"], told["cols"])
    people = np.column_stack([grid.corners(col + 0.5, row + 0.5), arrays["people"] / told["scale"]])
    keys = np.concatenate([np.arange(a, b) for a, b in arrays["land.run"].reshape(-1, 2)])
    row, col = np.divmod(keys, told["cols"])
    land = grid.corners(col + 0.5, row + 0.5)
    land = land[shapely.contains_xy(outline.buffer(-0.000123), land)]
    assert (arrays["grid.lon"] == grid.lon).all()
    return [np.array(sorted(np.round(v, 8).tolist())) for v in (people, land)]


def test_the_tester_holds_the_same_people_and_land(population):
    outline = ground_within(population)
    ours, theirs = held_by(population, outline), held_by(as_table(population), outline)
    for mine, other in zip(ours, theirs, strict=True):
        assert len(mine) == len(other) > 5000
        assert np.abs(mine - other).max() < 2e-8


def test_the_tester_knows_that_a_ground_without_data_has_no_land():
    population = make_grid("degrees")
    west, _, _, north = population.cells.total_bounds
    packer = Packer()
    told, _ = pack_people(packer, population, shapely.box(west - 0.3, north - 0.01, west - 0.2, north))
    assert told["lattice"]
    assert unpacked(packer)["land.run"].size == 0


def test_a_page_holds_a_tester_up_to_so_many_cells(monkeypatch):
    population = make_grid("degrees")
    cells = len(population.cells)
    streamed = PopulationBlocks([], cell_m=100.0, grid=population.grid)
    monkeypatch.setattr(tester_people, "STRIPE_CELLS", 20_000)
    for most, fits in ((cells, True), (cells - 1, False)):
        monkeypatch.setattr(tester_people, "MOST_CELLS", most)
        assert [held_exactly(p) for p in (population, as_table(population), streamed)] == [fits] * 3
