"""Nothing in the tree names a package host, carries foreign data, or speaks of anything but the product."""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = {".py", ".toml", ".md", ".js", ".css", ".txt", ".yml", ".cfg", ""}
# spelt in pieces, so that this file does not hold what it looks for
HOSTS = re.compile(
    "|".join(["pypi" + r"\.org", "python" + "hosted", "npm" + r"js\.(org|com)", "deb" + r"ian\.org"]),
    re.IGNORECASE,
)


def tracked():
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [n for n in done.stdout.split("\0") if n]
    return [ROOT / n for n in names] or [p for p in ROOT.rglob("*") if p.is_file() and ".venv" not in p.parts]


def test_no_package_host_is_named():
    found = [p for p in tracked() if p.suffix in TEXT and HOSTS.search(p.read_text(encoding="utf-8", errors="ignore"))]
    assert [str(p.relative_to(ROOT)) for p in found] == []


def test_no_data_file_is_committed():
    data = {".tif", ".gpkg", ".shp", ".geojson", ".xlsx", ".xls", ".parquet", ".pbf", ".graphml"}
    assert [str(p) for p in tracked() if p.suffix in data] == []


def test_the_contract_of_kernels_names_every_kernel_module():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    named = next(c["source_modules"] for c in contracts if c["name"] == "Kernels see arrays only")
    kept = sorted((ROOT / "src" / "circle15").glob("*/*kernels.py"))
    assert sorted(named) == sorted(f"circle15.{p.parent.name}.{p.stem}" for p in kept)
