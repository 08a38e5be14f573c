"""Which columns a table shows, in which order and form; headings come from `locale/*/columns.toml`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from circle15.words import Lang, catalogue, word

Form = Literal["text", "count", "number", "share", "metres", "degrees", "flag", "word", "date"]


@dataclass(frozen=True)
class Column:
    """One column: the table's name for it, how it is shown, its width in characters, and where its words stand."""

    name: str
    form: Form = "text"
    width: int = 12
    words: str = ""  # message-id prefix under which each value is worded

    def heading(self, lang: Lang) -> str:
        """Heading in the user's language."""
        return word(f"columns.{self.name}", lang)


@dataclass(frozen=True)
class Titled(Column):
    """A column headed as it is in somebody's own table."""

    title: str = ""

    def heading(self, lang: Lang) -> str:
        """The heading as given."""
        del lang
        return self.title


GAPS: tuple[Column, ...] = (
    Column("rank", "count", 6),
    Column("gap_id", "text", 8),
    Column("service", "word", 10, "columns.services"),
    Column("district_name", "text", 12),
    Column("township_name", "text", 16),
    Column("residents", "count", 12),
    Column("area_km2", "number", 11),
    Column("density_per_km2", "count", 14),
    Column("nearest_name", "text", 28),
    Column("nearest_m", "metres", 14),
    Column("candidate_lon", "degrees", 13),
    Column("candidate_lat", "degrees", 13),
    Column("candidate_new_residents", "count", 16),
)
SITES: tuple[Column, ...] = (
    Column("id", "text", 15),
    Column("name", "text", 28),
    Column("service", "word", 10, "columns.services"),
    Column("level", "word", 8, "columns.levels"),
    Column("tags", "text", 16),
    Column("address", "text", 28),
    Column("beds", "count", 8),
    Column("district_name", "text", 12),
    Column("township_name", "text", 16),
    Column("others_within", "count", 14),
    Column("nearest_other_m", "metres", 14),
    Column("circle_limit", "count", 10),
    Column("over_cap", "flag", 8),
    Column("density_class", "word", 14, "columns.classes"),
    Column("residents_within", "count", 14),
    Column("circle_land_km2", "number", 13),
    Column("density_circle_per_km2", "count", 14),
    Column("density_place_per_km2", "count", 14),
    Column("density_cell_per_km2", "count", 14),
    Column("position_accuracy_m", "metres", 10),
    Column("lon", "degrees", 12),
    Column("lat", "degrees", 12),
    Column("source_row", "count", 8),
)
COVERAGE: tuple[Column, ...] = (
    Column("name", "text", 16),
    Column("level", "word", 10, "columns.place_levels"),
    Column("service", "word", 10, "columns.services"),
    Column("institutions", "count", 11),
    Column("residents", "count", 12),
    Column("covered", "count", 12),
    Column("share", "share", 10),
    Column("depth_0", "count", 12),
    Column("depth_1", "count", 12),
    Column("depth_2", "count", 12),
    Column("depth_3", "count", 12),
)
TOTALS: tuple[Column, ...] = (
    Column("name", "text", 16),
    Column("level", "word", 10, "columns.place_levels"),
    Column("residents", "count", 12),
    Column("residents_official", "count", 12),
    Column("residents_grid", "count", 12),
    Column("land_km2", "number", 11),
    Column("density_per_km2", "count", 13),
    Column("class", "word", 16, "columns.classes"),
    Column("n_pharmacy", "count", 8),
    Column("per_10k_pharmacy", "number", 12),
    Column("n_outpatient", "count", 8),
    Column("per_10k_outpatient", "number", 12),
    Column("n_inpatient", "count", 8),
    Column("per_10k_inpatient", "number", 12),
    Column("beds_inpatient", "count", 8),
    Column("n_ltc_home", "count", 8),
    Column("per_10k_ltc_home", "number", 12),
    Column("n_ltc_facility", "count", 8),
    Column("per_10k_ltc_facility", "number", 12),
)
PROPOSALS: tuple[Column, ...] = (
    Column("name", "text", 16),
    Column("residents", "count", 12),
    Column("density_per_km2", "count", 13),
    Column("class", "word", 16, "columns.classes"),
    Column("proposed", "word", 16, "columns.classes"),
    Column("quantiles_residents", "word", 16, "columns.classes"),
    Column("quantiles_density_per_km2", "word", 16, "columns.classes"),
    Column("breaks_residents", "word", 16, "columns.classes"),
    Column("breaks_density_per_km2", "word", 16, "columns.classes"),
)
FINDINGS: tuple[Column, ...] = (
    Column("outcome", "word", 10, "judge.outcome"),
    Column("ground", "word", 10, "judge.ground"),
    Column("ground_name", "text", 20),
    Column("title", "text", 34),
    Column("observed", "number", 9),
    Column("limit", "number", 9),
    Column("force", "word", 9, "judge.force"),
    Column("clause", "text", 14),
    Column("quote", "text", 60),
    Column("neighbours", "text", 60),
    Column("notes", "text", 50),
    Column("subject", "text", 15),
    Column("rule_id", "text", 26),
)
PROBLEMS: tuple[Column, ...] = (
    Column("severity", "word", 8, "columns.severities"),
    Column("file", "text", 20),
    Column("sheet", "text", 12),
    Column("row", "count", 8),
    Column("column", "text", 14),
    Column("value", "text", 22),
    Column("fault", "text", 46),
    Column("remedy", "text", 46),
)
SOURCES: tuple[Column, ...] = (Column("key", "text", 24), Column("content", "text", 90))


def shown(table: pd.DataFrame, columns: Sequence[Column], lang: Lang) -> tuple[list[Column], pd.DataFrame]:
    """The columns of `columns` that the table has, with coded words replaced by words for people."""
    present = [c for c in columns if c.name in table.columns]
    out = {}
    for column in present:
        values = table[column.name]
        if column.form == "word":
            values = values.map(lambda v, p=column.words: _worded(v, p, lang))
        elif column.form == "flag":
            yes, no = word("columns.flags.yes", lang), word("columns.flags.no", lang)
            values = values.map(lambda v, y=yes, n=no: y if v is True or v is np.True_ else n)
        out[column.name] = values.astype(object)  # Arrow strings refuse the lone surrogates of foreign names
    return present, pd.DataFrame(out, columns=[c.name for c in present], dtype=object)


def _worded(value: object, prefix: str, lang: Lang) -> str:
    """Words of a coded value; an unknown code (a class of somebody's own plan) is shown as it is."""
    text = "" if value is None or value != value else str(value)  # noqa: PLR0124 - NaN is not itself
    return catalogue(lang).get(f"{prefix}.{text}", text)
