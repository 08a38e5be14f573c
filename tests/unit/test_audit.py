"""Printed figures worked out again: all 68 of the five plans, by-hand cases of each operation, and malformed files."""

from decimal import Decimal

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circle15.cli import main
from circle15.errors import PlanError
from circle15.policy.arithmetic import Leaf, Node, evaluate, leaves, rounded, worked
from circle15.policy.audit import audit_plan
from circle15.policy.explain import fits, solve
from circle15.policy.figures import leaf, shipped_figures
from circle15.words import LANGS, catalogue, word_error
from circle15.write.audit import audit_lines, figure_line

OK, OFF, APART, NO, UNIT, CANNOT, DERIVED = (
    ("consistent", "exact"), ("consistent", "rounding"), ("inconsistent", "contradiction"), ("inconsistent", "mismatch"),
    ("inconsistent", "unit"), ("cannot_be_checked", "inputs_not_printed"), ("derived", "derived"),
)  # fmt: skip
# every figure of the five texts and what a reader with a calculator finds
EXPECTED = {
    "F-01": OK, "F-02": NO, "F-03": OK, "F-04": CANNOT, "F-05": OK, "F-06": NO, "F-07": NO, "F-08": OK, "F-09": CANNOT,
    "F-10": DERIVED, "F-11": DERIVED, "F-12": DERIVED, "F-20": APART, "F-30": OK, "F-31": OK, "F-32": DERIVED,
    "F-33": DERIVED, "F-40": CANNOT,
    **{f"F-{n}{kind}": told for n in range(50, 57) for kind, told in (("", OK), ("b", UNIT), ("c", DERIVED), ("d", OK))},
    "F-60": OK, "F-61": OK, "F-62": OK, "F-63": OK, "F-64": CANNOT, "F-65": OK, "F-66": OK, "F-67": OK, "F-68": OK,
    "F-69": APART, "F-70": OK, "F-71": NO, "F-72": NO, "F-73": NO, "F-74": NO, "F-75": OK, "F-76": OK, "F-77": OFF,
    "F-78": NO, "F-79": OK, "F-80": OK, "F-81": OK,
}  # fmt: skip


@pytest.fixture(scope="module")
def audited():
    return {c.id: c for plan in shipped_figures() for c in audit_plan(plan)}


def test_all_68_figures_of_the_five_plans_come_to_the_known_verdict(audited):
    assert len(EXPECTED) == 68
    found = {k: (str(c.verdict), str(c.finding)) for k, c in audited.items() if k.startswith("F-")}
    assert found == EXPECTED


def test_one_share_vector_cannot_give_all_three_allocations(audited):
    check = audited["Z-02"]
    assert (check.verdict, check.finding) == ("inconsistent", "contradiction")
    assert [r.id for r in check.readings] == ["shares_apart"] * 3
    assert check.readings[0].slots["spans"] == "0.3699–0.3701, 0.3784–0.383, 0.3736–0.3764"


def readings(check, name):
    return [dict(r.slots) for r in check.readings if r.id == name]


def test_the_bed_ceiling_shows_its_arithmetic_and_what_would_fit(audited):
    check = audited["F-02"]
    assert "4.84 × 1089.3 = 5272.2，印为 5130，差 142.2" in figure_line(check, lang="zh")
    needed = readings(check, "needed")
    assert needed[1]["of"] == "常住人口"
    assert (needed[1]["low"], needed[1]["high"]) == ("105.98", "106")  # 5129.5 / 4.84 and 5130.5 / 4.84


def test_a_column_printed_on_the_wrong_base_is_recognised(audited):
    assert readings(audited["F-50b"], "per") == [{"per": "1000", "declared": "10000", "computed": "0.1568"}]


def test_the_other_printed_number_that_fits_is_found(audited):
    (swap,) = readings(audited["F-71"], "operand")
    assert (swap["value"], swap["computed"]) == ("1461", "1.063")


def test_months_that_fit_only_with_another_expenditure(audited):
    assert {"31.39", "31.55"} == {readings(audited["F-78"], "needed")[1][k] for k in ("low", "high")}


def test_roundings_that_fit_are_told(audited):
    assert readings(audited["F-03"], "roundings") == [{"fitting": "nearest;largest_remainder"}]


def test_known_computed_numbers(audited):
    assert [str(v) for v in audited["F-11"].computed] == ["1539", "2565", "1026"]
    low, high = audited["F-31"].computed
    assert (round(low, 2), round(high, 2)) == (Decimal("367.61"), Decimal("367.96"))
    assert [c.computed[0] for c in (audited[f"F-{n}c"] for n in range(50, 57))] == [4905, 697, -1162, -1070, -643, -1175, -750]  # fmt: skip


# ── operations by hand ────────────────────────────────────────


def n(*values, factor=1):
    printed = tuple(Decimal(str(v)) for v in values)
    return leaf("x", "x", "", printed, Decimal(factor))


@pytest.mark.parametrize(
    ("node", "value", "shown"),
    [
        (Node("sum", (n(1, 2, 3),)), (6,), "1 + 2 + 3"),
        (Node("sum", (n(1), n(2))), (3,), "1 + 2"),
        (Node("difference", (n(9), n(2), n(3))), (4,), "9 − 2 − 3"),
        (Node("product", (n(2, 3), n(5))), (10, 15), "(2, 3) × 5"),
        (Node("ratio", (n(9), Node("sum", (n(1), n(2))))), (3,), "9 ÷ (1 + 2)"),
        (Node("rate", (n(12), n("2.4", factor=10000)), Decimal(1000)), ("0.5",), "12 ÷ 24"),
        (Node("share", (n(1), n(4))), (25,), "1 ÷ 4 × 100"),
        (Node("percent_change", (n(110), n(100))), (10,), "(110 − 100) ÷ 100 × 100"),
        (Node("months", (n(10), n(60))), (2,), "10 ÷ (60 ÷ 12)"),
        (Node("allocate", (n(10), n(5, 3, 2))), (5, 3, 2), "10 × (5, 3, 2) ÷ 10"),
        (Node("each", (n(1), n(2))), (1, 2), "1; 2"),
    ],
)
def test_operation(node, value, shown):
    assert evaluate(node) == tuple(Decimal(v) for v in value)
    assert worked(node) == shown


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [("nearest", "81 70 68"), ("floor", "80 69 67"), ("ceil", "81 70 68"), ("largest_remainder", "81 70 67")],
)
def test_rounding_of_an_allocation(rounding, expected):
    values = tuple(Decimal(v) for v in ("80.66", "69.76", "67.58"))
    assert " ".join(str(v) for v in rounded(values, [0, 0, 0], rounding)) == expected


amounts = st.decimals(min_value="0.1", max_value="1000", places=2)


@given(total=st.integers(1, 5000), weights=st.lists(amounts, min_size=1, max_size=12))
def test_largest_remainder_keeps_the_total_and_stays_within_one(total, weights):
    raw = evaluate(Node("allocate", (n(total), n(*weights))))
    parts = rounded(raw, [0] * len(raw), "largest_remainder")
    assert sum(parts) == total
    assert all(abs(p - r) < 1 for p, r in zip(parts, raw, strict=True))


@given(a=amounts, b=amounts, c=amounts, target=amounts)
def test_solved_operand_gives_the_target(a, b, c, target):
    formula = Node("ratio", (Node("sum", (n(a), n(b))), n(c)))
    for path, one in leaves(formula):
        found = solve(formula, path, one, target)
        if found is not None:
            places = {(0, 0): (found + b) / c, (0, 1): (a + found) / c, (1,): (a + b) / found if found else None}
            assert abs(places[path] - target) <= target * Decimal("1e-8")


def test_fits_needs_every_digit():
    assert fits((Decimal("1.565"),), (Decimal("1.57"),)) == ("nearest", "ceil")
    assert fits((Decimal("1.56"),), (Decimal("1.57"),)) == ()


# ── a draft of one's own, and malformed files ─────────────────

DRAFT = """\
schema = 1
title = "草案"
text = "draft.txt"

[[given]]
id = "people"
title = "人口"
value = 20.5
unit = "万人"
factor = 10000
clause = "一"
quote = "人口20.5万人"

[[figure]]
id = "D-1"
title = "药店总数"
printed = 41
unit = "家"
clause = "二"
quote = "药店41家"
formula = { op = "ratio", of = ["people", "each"] }

[[given]]
id = "each"
title = "每家服务人口"
value = 5000
unit = "人"
clause = "二"
quote = "每家服务5000人"
"""


def draft(folder, source=DRAFT):
    (folder / "draft.txt").write_text("全市人口20.5万人，每家服务5000人，药店41家，另有 1 2 3 各数。", encoding="utf-8")
    path = folder / "draft.figures.toml"
    path.write_text(source, encoding="utf-8")
    return path


def test_a_draft_is_audited_from_its_own_files(tmp_path):
    (check,) = audit_plan(draft(tmp_path))
    assert (check.verdict, check.arithmetic) == ("consistent", "205000 ÷ 5000 = 41")
    assert audit_plan(tmp_path / "draft.toml") == (check,)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"people", "each"', '"people", "eech"', "audit.unknown_reference"),
        ('op = "ratio"', 'op = "eval"', "audit.unknown_operation"),
        ('op = "ratio"', 'op = "rate"', "audit.rate_without_per"),
        ('op = "ratio", of', 'op = "ratio", per = 10, of', "audit.formula_key"),
        ('"people", "each"', '"people"', "audit.operand_count"),
        ('"people", "each"', '"people", 5000', "audit.number_without_quote"),
        ('"people", "each"', '"people", true', "audit.not_formula"),
        ('{ op = "ratio", of = ["people", "each"] }', "\"__import__('os')\"", "audit.unknown_reference"),
        ('formula = { op = "ratio", of = ["people", "each"] }', "", "audit.no_formula"),
        ("printed = 41", "printed = [41, 42]", "audit.number_not_quoted"),
        ("printed = 41", "printed = 4", "audit.number_not_quoted"),
        ("printed = 41", "printed = nan", "plan.wrong_value"),
        ("printed = 41", 'printed = "41"', "plan.wrong_value"),
        ("printed = 41", "printed = 1e999999", "plan.wrong_value"),
        ("printed = 41", "printd = 41", "plan.unknown_key"),
        ('quote = "药店41家"', 'quote = "药店41家整"', "plan.quote_not_found"),
        ('id = "each"', 'id = "people"', "plan.duplicate_id"),
        ('text = "draft.txt"', 'text = "../draft.txt"', "plan.text_elsewhere"),
        ('text = "draft.txt"', 'text = "none.txt"', "plan.text_missing"),
        ("schema = 1", "schema = 2", "plan.wrong_schema"),
        ("[[figure]]", "[[figures]]", "plan.unknown_section"),
        ("[[figure]]", "[[figure", "plan.toml_syntax"),
    ],
)
def test_a_malformed_file_is_refused_with_card_field_and_remedy(tmp_path, old, new, said):
    assert old in DRAFT
    with pytest.raises(PlanError) as refused:
        audit_plan(draft(tmp_path, DRAFT.replace(old, new, 1)))
    assert said in {p.id for p in refused.value.problems}
    for lang in LANGS:
        assert word_error(refused.value, lang).strip()


def test_nested_too_deep_and_divided_by_zero(tmp_path):
    deep = '{ op = "sum", of = [' * 40 + '"each"' + "] }" * 40
    with pytest.raises(PlanError) as refused:
        audit_plan(draft(tmp_path, DRAFT.replace('{ op = "ratio", of = ["people", "each"] }', deep)))
    assert [p.id for p in refused.value.problems] == ["audit.too_deep"]
    nothing = DRAFT.replace('"people", "each"', '"people", { op = "difference", of = ["each", "each"] }')
    (check,) = audit_plan(draft(tmp_path, nothing))
    assert (check.verdict, check.finding) == ("cannot_be_checked", "not_computable")


def test_every_finding_and_reading_has_words(audited):
    for lang in LANGS:
        known = catalogue(lang)
        for check in audited.values():
            assert f"audit.finding.{check.finding}" in known
        assert audit_lines(list(audited.values()), title="x", lang=lang)


# ── the command ───────────────────────────────────────────────


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    shown = capsys.readouterr()
    return stop.value.code, shown.out, shown.err


def test_command_exits_1_when_a_figure_does_not_come_out(capsys, tmp_path):
    code, out, _ = run(capsys, "check-plan", "zhongwei", "--out", tmp_path / "a.xlsx")
    assert code == 1
    assert "4.84 × 1089.3 = 5272.2，印为 5130，差 142.2" in out
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert sheet["A4"].value == "不相符"
    first = (tmp_path / "a.xlsx").read_bytes()
    run(capsys, "check-plan", "zhongwei", "--out", tmp_path / "a.xlsx")
    assert (tmp_path / "a.xlsx").read_bytes() == first


def test_command_exits_0_when_all_come_out_and_speaks_english(capsys, tmp_path):
    code, out, _ = run(capsys, "check-plan", draft(tmp_path), "--lang", "en")
    assert code == 0
    assert "[consistent] D-1" in out
    assert run(capsys, "check-plan", "no-such-plan")[0] == 1
    assert run(capsys, "check-plan", "--json")[0] == 2


def test_leaf_of_a_whole_number_is_exact():
    assert isinstance(n(5), Leaf)
    assert n(5).half == (0,)
    assert n("5.0", factor=10000).half == (500,)
