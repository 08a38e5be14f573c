"""Minutes on foot without streets: who may be within them is never overlooked."""

import pytest

from circle15.policy.plan import load_plan
from circle15.prepared import Prepared
from circle15.read.city import load_city, read_city
from circle15.schema import Outcome


# 乙药房 stands alone at 105.08, 37.515; 15 minutes at 1.2 m/s are 1,080 m; 0.01° of latitude are 1,110 m
@pytest.mark.parametrize(("lat", "outcome"), [(37.5240, Outcome.REVIEW), (37.5255, Outcome.MET)])
def test_a_pharmacy_within_minutes_asks_for_the_way_on_foot(lasting_toy_city, lat, outcome):
    files = load_city(lasting_toy_city)
    city, _ = read_city(files)
    rule = load_plan("suihua").rule("any.circle.walking")
    plan = load_plan(files.plan)
    ready = Prepared(plan.model_copy(update={"rules": (rule,)}), city)
    verdict = ready.judge(lon=105.08, lat=lat, datum="wgs84", service="pharmacy", position_accuracy_m=0.0)
    (found,) = [f for f in verdict.findings if f.rule_id == rule.id]
    assert found.outcome is outcome
    assert ("walking_missing" in found.evidence.notes) == (outcome is Outcome.REVIEW)
