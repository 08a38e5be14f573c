"""The command `nation`: a province or the nation in one pass over its population raster."""

from __future__ import annotations

import datetime as dt
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from circle15.cli.tell import tell_compiling, tell_problems, tell_written
from circle15.cli.words import StepBar
from circle15.draw.marks import page_marks
from circle15.errors import Problem
from circle15.policy.plan import load_plan
from circle15.scale.cluster import Cluster
from circle15.scale.inputs import read_inputs
from circle15.scale.memory import give_back, peak_mib
from circle15.scale.merge import add_together, too_dense
from circle15.scale.rasters import write_rasters
from circle15.scale.results import write_results
from circle15.scale.run import run_blocks
from circle15.scale.standing import needs_townships
from circle15.scale.traces import UNFINISHED, alone_in, forget, kept_blocks, others_left
from circle15.schema import Datum
from circle15.words import Lang, word
from circle15.write.files import settle
from circle15.write.in_use import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from circle15.scale.task import Task


def measure_nation(
    *,
    lang: Lang,
    institutions: str,
    places: str,
    population: str,
    crs: str | None,
    nodata: float | None,
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
    start, since = time.monotonic(), time.time()
    folder = Path(out)
    rules = load_plan(plan)
    inputs = read_inputs(
        Path(institutions),
        Path(places),
        Path(population),
        radius_m=rules.circle.radius_m,
        services=services,
        min_residents=min_residents,
        datum=register_datum,
        as_of=as_of.date() if as_of else None,
        crs=crs,
        nodata=nodata,
        block=block,
    )
    tell_compiling(lang)
    _ = inputs.others  # counted while little else is held in memory
    give_back()
    warnings = list(inputs.warnings)
    if needs_townships(inputs.task, rules):
        warnings.append(Problem("scale.no_townships", file=Path(places).name, severity="warning"))
    tell_problems(warnings, lang)
    cluster = Cluster(scheduler, workers) if scheduler or workers > 1 else None
    with alone_in(folder, *([] if rasters is None else [Path(rasters)])):
        with _telling_kept(inputs.task, folder, lang), StepBar(lang) as bar:
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
            settle(written)
            forget(blocks)
        for place in {folder, *(path.parent for path in written)}:
            sweep(place, before=since)
        tell_problems([*too_dense(inputs.task, sums), *others_left(folder)], lang)
    tell_written(written, lang)
    click.echo(
        word(
            "cli.nation_done",
            lang,
            cells=f"{sums.populated:,}",
            institutions=f"{len(inputs.task.lon):,}",
            places=f"{len(inputs.task.places):,}",
            seconds=f"{time.monotonic() - start:.0f}",
            mib=f"{peak_mib():.0f}",
        ),
        err=True,
    )


@contextmanager
def _telling_kept(task: Task, folder: Path, lang: Lang) -> Iterator[None]:
    """Say at Ctrl-C that what is finished is kept, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        done, total = kept_blocks(task, folder), len(task.windows)
        if done:
            click.echo(word("cli.kept", lang, done=done, total=total, folder=folder / UNFINISHED), err=True)
        raise
