/* Rules by walking distance (judge/on_foot.py): which distance decides, what the other one says as a second opinion.
   Neighbours carry distance_m and, where streets tell them, walking_m and walking_minutes; null is not known. */
(function () {
  "use strict";
  const J = C15.judge, { YES, NO, UNKNOWN, REVIEW } = J, TOL = 1e-6, M_PER_MINUTE = 1.2 * 60;
  const F = (J.foot = {});
  const unknown = (way) => way === null || way === undefined, onFoot = (rule) => rule.distance === "walking";
  const metres = (way) => (unknown(way) ? Infinity : way);

  F.far = (rule) => (!onFoot(rule) ? (n) => n.distance_m : rule.minutes === undefined ? (n) => metres(n.walking_m) : (n) => metres(n.walking_minutes) * M_PER_MINUTE);
  F.limit = (rule, radius) => (!onFoot(rule) || rule.minutes === undefined ? radius : rule.minutes * M_PER_MINUTE);
  F.other = (rule) => (onFoot(rule) ? { ...rule, distance: "straight", minutes: undefined } : { ...rule, distance: "walking" });
  F.residents = (rule) => (onFoot(rule) ? rule.id + ".residents" : "residents_within");
  F.anyWalked = (near) => near.some((n) => !unknown(n.walking_m) || !unknown(n.walking_minutes));

  function known(rule, n, reach) {
    if (!onFoot(rule)) return true;
    return rule.minutes !== undefined ? !unknown(n.walking_minutes) : !unknown(n.walking_m) || n.distance_m > reach;
  }
  /* Nobody walks a shorter way than the straight line: one beyond the radius needs no walking distance. */
  F.told = (rule, near, radius) => near.every((n) => known(rule, n, radius + TOL));

  F.within = function (rule, n, radius, accuracy) {
    const slack = n.accuracy_m + accuracy + TOL;
    if (!known(rule, n, radius + slack)) return UNKNOWN;
    const gap = F.far(rule)(n) - F.limit(rule, radius);
    return Math.abs(gap) <= slack ? UNKNOWN : gap < 0 ? YES : NO;
  };

  /* [state, notes] of a condition by the rule's own distance and by the other one. */
  F.secondOpinion = function (rule, near, radius, holds) {
    const state = holds(rule), notes = state === UNKNOWN && !F.told(rule, near, radius) ? ["walking_missing"] : [];
    if (!F.anyWalked(near)) return [state, notes];
    const other = F.other(rule), by = onFoot(rule) ? "walking" : "straight";
    if (!F.told(other, near, radius)) return [state, [...notes, "by_straight_unknown"]];
    return [state, [...notes, `holds_by_${by}_${holds(other) === state ? "same" : "differs"}`]];
  };

  /* A circle with a note which distance decided and what the other one counts; null where that is not known. */
  F.withSecondOpinion = function (rule, one, other) {
    if (!other) return { ...one, notes: [...one.notes, "by_straight_unknown"] };
    const [own, beside] = onFoot(rule) ? ["walking", "straight"] : ["straight", "walking"];
    return {
      ...one, figures: { ...one.figures, ["count_" + beside]: other.observed || 0, ["outcome_" + beside]: other.outcome },
      notes: [...one.notes, `by_${own}_${other.outcome === one.outcome ? "same" : "differs"}`],
    };
  };

  F.undecided = (one) => ({ ...one, outcome: REVIEW });
})();
