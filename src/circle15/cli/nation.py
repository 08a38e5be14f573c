"""The command `nation`: a province or the nation in one pass over its population raster."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import click

from circle15.cli.tell import tell_compiling, tell_written
from circle15.cli.words import StepBar
from circle15.draw.marks import page_marks
from circle15.errors import Problem
from circle15.policy.plan import load_plan
from circle15.scale.cluster import Cluster
from circle15.scale.inputs import read_inputs
from circle15.scale.memory import give_back, peak_mib
from circle15.scale.merge import add_together
from circle15.scale.rasters import write_rasters
from circle15.scale.results import write_results
from circle15.scale.run import forget, run_blocks
from circle15.scale.standing import needs_townships
from circle15.schema import Datum
from circle15.words import Lang, word, word_problem


def measure_nation(
    *,
    lang: Lang,
    institutions: str,
    places: str,
    population: str,
    register_datum: Datum,
    plan: str,
    as_of: dt.datetime | None,
    services: tuple[str, ...],
    min_residents: float,
    block: int,
    workers: int,
    scheduler: str,
    out: str,
    rasters: str | None,
    map_number: str,
    public: bool,
) -> None:
    """Measure all blocks, add them up, write the tables and the page."""
    marks = page_marks(public=public, map_number=map_number)
    start = time.monotonic()
    folder = Path(out)
    rules = load_plan(plan)
    inputs = read_inputs(
        Path(institutions), Path(places), Path(population), radius_m=rules.circle.radius_m, services=services,
        min_residents=min_residents, datum=register_datum, as_of=as_of.date() if as_of else None, block=block,
    )  # fmt: skip
    tell_compiling(lang)
    _ = inputs.others  # counted while little else is held in memory
    give_back()
    warnings = list(inputs.warnings)
    if needs_townships(inputs.task, rules):
        warnings.append(Problem("scale.no_townships", file=Path(places).name, severity="warning"))
    for problem in warnings:
        click.echo(word_problem(problem, lang), err=True)
    cluster = Cluster(scheduler, workers) if scheduler or workers > 1 else None
    with StepBar(lang) as bar:
        blocks = run_blocks(inputs.task, folder, cluster=cluster, progress=bar.show)
        total = len(inputs.task.windows)
        inputs.task.lay_down()
        give_back()
        bar.show("merge", total, total)
        sums = add_together(inputs.task, blocks)
        give_back()
        written = write_results(inputs, sums, folder, plan=rules, marks=marks, lang=lang)
        if rasters is not None:
            written += write_rasters(inputs.task, rules, Path(rasters), progress=bar.show)
        forget(blocks)
    tell_written(written, lang)
    click.echo(
        word("cli.nation_done", lang, cells=f"{sums.populated:,}", institutions=f"{len(inputs.task.lon):,}",
             places=f"{len(inputs.task.places):,}", seconds=f"{time.monotonic() - start:.0f}",
             mib=f"{peak_mib():.0f}"),
        err=True,
    )  # fmt: skip
