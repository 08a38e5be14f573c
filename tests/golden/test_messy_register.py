"""The sample city's messy register: every planted defect is found and named, with its place."""

import datetime as dt
import re
import subprocess
import sys
import zipfile

from page_payload import blocks_of

from circle15.read.faults import word_assumption
from circle15.read.institutions import read_institutions
from circle15.words import LANGS, word_problem

ASSUMED = {
    ("title_rows", "门诊", 1), ("header_joined", "门诊", 3), ("number_row", "门诊", 5), ("section_rows", "门诊", 6),
    ("total_rows", "门诊", 11), ("header_repeated", "门诊", 12), ("note_rows", "门诊", 19), ("columns_dropped", "门诊", None),
    ("spaces_inside", "门诊", 7), ("full_width", "门诊", 7), ("code_cleaned", "门诊", 8), ("number_suffix", "门诊", 7),
    ("date_serial", "门诊", 7), ("date_form", "门诊", 8), ("date_open_end", "门诊", 7), ("date_month_end", "门诊", 10),
    ("sheet_service", "门诊", None), ("level_unknown", "门诊", 9), ("merged_filled", "住院", 3), ("branches", "住院", 3),
    ("code_damaged", "住院", 4), ("level_read", "住院", 2), ("type_read", "住院", 5), ("departments_summed", "住院", None),
    ("sheet_hidden", "2024年旧名单", None), ("sheet_skipped", "说明", None), ("invalid_flag", None, None),
    ("swapped_axes", "药店", 2), ("columns_dropped", "药店", None),
}  # fmt: skip
NAMED = {
    ("coordinate_unclear", "药店", 3), ("coordinate_missing", "药店", 4), ("id_duplicate", "药店", 5),
    ("service_unknown", "药店", 6), ("number_negative", "药店", 7), ("coordinate_metres", "药店", 8),
    ("coordinate_swapped", "药店", 2), ("level_unknown", "门诊", 9), ("read.level_code", "门诊", 10),
    ("read.code_damaged", "住院", 4), ("read.suspended", "住院", 4), ("read.branches", "住院", 3), ("row_note", "门诊", 19),
    ("sheet_hidden", "2024年旧名单", None),
}  # fmt: skip
INVENTED = ("样例甲", "样例乙", "样例丙", "640502198001010013", "6222020200112233446", "13900000001", "13900000002")


def messy(sample_city):
    return read_institutions(
        sample_city.parent / "messy_register.xlsx", datum="gcj02", as_of=dt.date(2026, 4, 30), skip_faulty_rows=True
    )


def test_every_planted_defect_is_found_and_named(sample_city):
    reading = messy(sample_city)
    assert {(a.what, a.sheet, a.row) for a in reading.assumptions} >= ASSUMED
    assert {(p.id, p.sheet, p.row) for p in reading.warnings} >= NAMED
    for lang in LANGS:
        assert all(word_assumption(a, lang) for a in reading.assumptions)
        assert all(word_problem(p, lang) for p in reading.warnings)
    table = reading.table.set_index("id")
    hospitals = table[table["service"] == "inpatient"]
    assert hospitals["institution"].tolist()[:2] == ["H64050290001", "H64050290001"]
    assert hospitals["beds"].sum() == 420  # of the departments, once
    counts = {c.sheet: (c.filled, c.records) for c in reading.counts}
    assert counts["门诊"] == (20, 8)


def test_no_person_or_account_of_the_register_reaches_any_output(sample_city, tmp_path):
    reading = messy(sample_city)
    held = "".join([reading.table.to_csv(), *map(str, reading.assumptions), *map(str, reading.warnings)])
    config = (sample_city.parent / "messy_city.toml").read_text(encoding="utf-8")
    config = re.sub(
        r'"(messy_register.xlsx|places.gpkg|population.tif|streets.osm.pbf)"', rf'"{sample_city.parent}/\1"', config
    )
    clean = config.replace("[institutions]", '[institutions]\nsheet = "门诊"')
    (tmp_path / "city.toml").write_text(clean, encoding="utf-8")
    for command in (["map"], ["assess"], ["gaps", "--service", "outpatient"]):
        done = subprocess.run(
            [sys.executable, "-m", "circle15", command[0], "city.toml", *command[1:], "--out", "out"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        held += done.stdout + done.stderr
    written = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert {p.suffix for p in written} >= {".html", ".xlsx", ".gpkg"}
    data = held.encode()
    for path in written:
        data += path.read_bytes()
        if path.suffix == ".html":
            data += b"".join(blocks_of(path.read_text(encoding="utf-8")).values())
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                data += b"".join(archive.read(n) for n in archive.namelist())
    assert [w for w in INVENTED if w.encode() in data] == []
