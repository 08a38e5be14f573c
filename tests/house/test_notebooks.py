"""Notebooks run from top to bottom and hold no logic of their own."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.filterwarnings("ignore")  # the kernel's own libraries warn
@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.name)
def test_notebook_runs(path, sample_city):
    assert sample_city.exists()
    book = nbformat.read(path, as_version=4)
    assert not [c for c in book.cells if c.cell_type == "code" and c.outputs], "outputs are not committed"
    NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    ).execute()
