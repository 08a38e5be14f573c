"""Classes that the plan leaves to the bureau: two ways of sorting, a proposal and no more."""

import numpy as np
import pandas as pd

from circle15.judge.proposals import by_breaks, by_quantiles, propose_classes
from circle15.policy.plan import load_plan

RISING = ["small", "medium", "large"]


def test_tertiles_hold_equal_numbers():
    assert by_quantiles(np.array([6.0, 1, 5, 2, 4, 3]), RISING) == [
        "large", "small", "large", "small", "medium", "medium",
    ]  # fmt: skip
    assert by_quantiles(np.array([1.0, 2, 3, 4]), RISING) == ["small", "small", "medium", "large"]


def test_equal_values_are_never_parted():
    assert by_quantiles(np.array([1.0, 1, 1, 1, 9, 9]), RISING) == ["small"] * 4 + ["large"] * 2


def test_natural_breaks_fall_into_the_wide_gaps():
    assert by_breaks(np.array([1.0, 2, 3, 50, 51, 900]), RISING) == ["small"] * 3 + ["medium"] * 2 + ["large"]
    assert by_breaks(np.array([1.0, 1, 2, 3]), RISING) == [""] * 4


def test_what_is_not_known_gets_no_class():
    assert by_quantiles(np.array([np.nan, 1, 2, 3]), RISING)[0] == ""
    assert by_breaks(np.array([np.nan, 1, 2, 3, 40, 90]), RISING)[0] == ""
    assert by_quantiles(np.array([np.nan]), RISING) == [""]


def totals(settings="", n=6):
    return pd.DataFrame(
        {
            "place_id": [f"T{i}" for i in range(n)],
            "name": [f"乡{i}" for i in range(n)],
            "level": "township",
            "parent": "D",
            "residents": [1000.0 * (i + 1) for i in range(n)],
            "density_per_km2": [10.0, 20, 30, 40, 60, 50],
            "class": ["township_small", *[""] * (n - 1)],
            "settings": settings,
        }
    )


def test_zhongwei_townships_are_sorted_and_the_bureau_s_own_word_stands_beside():
    found = propose_classes(load_plan("zhongwei"), totals()).set_index("place_id")
    assert found.index.tolist() == ["T5", "T4", "T3", "T2", "T1", "T0"]
    assert found["proposed"].tolist() == [
        f"township_{c}" for c in ("large", "large", "medium", "medium", "small", "small")
    ]
    assert found.loc["T0", "class"] == "township_small"
    assert set(found["rule_id"]) == {"pharmacy.township.max"}


def test_where_residents_and_density_disagree_nothing_is_proposed():
    table = totals()
    table["density_per_km2"] = table["density_per_km2"].to_numpy()[::-1]
    found = propose_classes(load_plan("zhongwei"), table).set_index("place_id")
    assert found.loc["T5", "proposed"] == ""


def test_only_places_of_the_rule_and_plans_that_ask():
    assert propose_classes(load_plan("zhongwei"), totals(settings="subdistrict")).empty
    assert propose_classes(load_plan("wuhu"), totals()).empty
