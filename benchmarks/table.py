"""docs/benchmarks.md out of the JSON of the last runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HEAD = """\
# 性能对比 · Benchmarks

本页由 `python -m benchmarks` 依据最近一次运行生成，请勿手工修改。每组对比在同一次运行、同一台机器上完成；
“倍数”为该做法用时与本工具用时之比。
This page is generated from the last run of `python -m benchmarks`; do not edit it. Within a table all entries ran one
after the other on one machine; “ratio” is the entry's time divided by ours. Absolute times wander, ratios hold.
"""
SIZE_ORDER = ("s", "city", "province", "nation")


def write_table(last: Path, doc: Path) -> Path:
    """Write the page from every JSON in `last`."""
    runs = [json.loads(p.read_text(encoding="utf-8")) for p in sorted(last.glob("*.json"))]
    runs.sort(key=lambda r: (r["suite"], SIZE_ORDER.index(r["size"])))
    doc.parent.mkdir(exist_ok=True)
    doc.write_text("\n".join([HEAD, *(part for run in runs for part in _suite(run))]), encoding="utf-8")
    return doc


def _suite(run: dict[str, Any]) -> list[str]:
    at = run["machine"]
    packages = ", ".join(f"{k} {v}" for k, v in at["packages"].items())
    lines = [
        f"## {run['suite']} · {run['size']}\n",
        f"{at['processor']}, {at['cores']} cores, {at['memory_gib']} GiB, Python {at['python']}; {packages}\n",
    ]
    for contest in run["contests"]:
        lines += _contest(contest)
    if run.get("exponents"):
        lines += ["| 用时随何增长 cost grows with | 指数 exponent | 测点 measured |", "|---|---|---|"]
        lines += [f"| {e['name']} | {e['exponent']:.2f} | {e['measured']} |" for e in run["exponents"]]
        lines.append("")
    return lines


def _contest(contest: dict[str, Any]) -> list[str]:
    lines = [f"### {contest['name']}\n"]
    if contest.get("note"):
        lines.append(f"{contest['note']}\n")
    lines += [
        "| 做法 way | 秒 s | 处理器秒 CPU s | 倍数 ratio | 峰值内存 peak MiB | 结果 answer |",
        "|---|---|---|---|---|---|",
    ]
    for row in contest["rows"]:
        name = f"**{row['label']}**" if row["label"] == contest["ours"] else row["label"]
        if "failed" in row:
            lines.append(f"| {name} | {row['failed'].replace('|', '/')} | – | – | – | – |")
            continue
        answer = ", ".join(f"{k} {v:.10g}" for k, v in row["answer"].items())
        ratio = "–" if row["ratio"] is None else f"{row['ratio']:.3g}"
        busy = f"{row['cpu_seconds']:.3g}" if "cpu_seconds" in row else "–"
        lines.append(f"| {name} | {row['seconds']:.3g} | {busy} | {ratio} | {row['peak_mib']:.0f} | {answer} |")
    lines.append("")
    if "met" in contest:
        bound = f"≥ {contest['at_least']:g}" if "at_least" in contest else f"≤ {contest['at_most']:g}"
        word = "达到 met" if contest["met"] else "**未达到 not met**"
        lines.append(f"目标 mark: {bound} × {contest['against']}; 实测 measured {contest['reached']:.3g}: {word}\n")
    return lines
