"""Sites screened by the hundred thousand 批量初筛结果: one row a site, as GeoParquet or CSV."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd

from circle15.words import Lang, catalogue, word
from circle15.write.files import write_text, write_whole

SUFFIXES = (".parquet", ".csv")


def write_screened(path: Path, found: gpd.GeoDataFrame) -> Path:
    """Write the table of `screen.screen_sites` by its suffix; a CSV holds longitude and latitude instead of a point."""
    if path.suffix.lower() == ".parquet":
        return write_whole(path, lambda temporary: found.to_parquet(temporary, compression="zstd", index=False))
    plain = pd.DataFrame(found.drop(columns="geometry")).assign(lon=found.geometry.x, lat=found.geometry.y)
    # spreadsheets take what begins so for a formula
    held = plain.map(lambda v: "'" + v if isinstance(v, str) and v[:1] in "=+-@\t\r" and v else v)
    return write_text(path, "\ufeff" + held.to_csv(index=False, lineterminator="\n"))


def screened_lines(found: gpd.GeoDataFrame, *, lang: Lang) -> list[str]:
    """How many sites come to each conclusion, the most frequent first."""
    counts = found["conclusion"].value_counts(sort=True)
    told = catalogue(lang)
    return [
        word("sheet.batch.count", lang, n=f"{count:,}", conclusion=told.get(f"judge.conclusion.{name}", str(name)))
        for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
    ]
