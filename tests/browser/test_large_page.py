"""Pages of many cells in a browser: what they tell of a place, and panning without a complaint."""

from __future__ import annotations

from dataclasses import replace

import drawn_city
import numpy as np
import pytest
import shapely

from circle15.draw import ground
from circle15.draw.map import draw_city
from circle15.draw.tester import build_tester
from circle15.policy.plan import load_plan
from circle15.project.metric import areas_m2
from circle15.read.raster_cells import RasterPopulation
from circle15.schema import GridCells

pytestmark = pytest.mark.browser

AT = """(all) => all.map((p) => {
  const at = C15.populationAt(...p), [c, r] = C15.cells.lattice.grid_of(...p);
  return [at.density, at.exact, C15.cells.klass[Math.round(r) * C15.cells.lattice.cols + Math.round(c)] - 1];
})"""
PAN = """async () => {
  for (let n = 0; n < 20; n += 1) {
    C15.map.panBy([60, 20], { animate: false });
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  }
}"""


@pytest.fixture(scope="module")
def city():
    """A drawn city with a grid of numbers for its population."""
    assessment = drawn_city.make_assessment()
    west, south, east, north = assessment.city.places.total_bounds
    rng = np.random.default_rng(4)
    values = np.where(rng.random((150, 260)) < 0.7, rng.gamma(1.0, 30.0, (150, 260)), 0.0).astype(np.float32)
    grid = GridCells(values, ((east - west) / 260, 0.0, west, 0.0, (south - north) / 150, north))
    return replace(assessment, city=replace(assessment.city, population=RasterPopulation(grid)))


def told(page, city):
    """Density, exact or not, and class of some cells: as the page has them, and as they are."""
    cells = city.city.population.cells.iloc[::97]
    middle = shapely.get_coordinates(shapely.centroid(cells.geometry.to_numpy())).tolist()
    density = cells["residents"].to_numpy() / areas_m2(cells.geometry.to_numpy()) * 1e6
    return page.evaluate(AT, middle), density


def test_a_page_without_a_tester_tells_density_to_a_step(watched, city, monkeypatch):
    monkeypatch.setattr(ground, "EXACT_CELLS", 100)
    page = watched.open(draw_city(city))
    found, density = told(page, city)
    assert len(found) > 200
    assert not any(exact for _, exact, _ in found)
    ratio = np.array([f[0] for f in found]) / density
    counted = density > 5  # below a hundredth of the first class all is one step
    assert ratio[counted].min() > 1 / ground.STEP
    assert ratio[counted].max() < ground.STEP
    assert [f[2] for f in found] == np.digitize(density, [500, 1500, 3000, 6000, 12000]).tolist()
    assert watched.complaints == []


def test_a_page_with_a_tester_tells_density_exactly(watched, city):
    page = watched.open(draw_city(city, parts=(build_tester(city, load_plan("zhongwei")),)))
    found, density = told(page, city)
    assert [f[0] for f in found] == pytest.approx(density.tolist(), rel=1e-6)
    assert [f[2] for f in found] == np.digitize(density, [500, 1500, 3000, 6000, 12000]).tolist()
    assert all(exact for _, exact, _ in found)
    page.evaluate(PAN)
    assert watched.complaints == []
