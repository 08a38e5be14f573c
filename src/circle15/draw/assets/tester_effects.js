/* Rules that are no limit, and what findings add up to (judge/effects.py, judge/lattice.py). A page holds no indicators
   and no ledgers: pauses, directions and quotas of swaps are not known, as the library has them without those tables;
   other rules that need them stay cards for the workbench. */
(function () {
  "use strict";
  const J = C15.judge, { YES, NO, UNKNOWN, MET, BREACHED, REVIEW, NO_DATA, CHECKLIST, text, list, disjoint, num, or, unique } = J;
  const of = (rule, outcome, more) => J.finding(rule, outcome, { ground: "applicant", unit: "", bound: "", ...more });
  const said = (state) => (state === null ? "" : state === NO ? "does_not_apply" : "attribute_missing");
  const OUTCOME = { [YES]: MET, [NO]: BREACHED, [UNKNOWN]: NO_DATA };

  const kinds = {
    suspend(rule, site) {
      if (J.conditions(rule, site) === NO) return J.card(rule, site, "does_not_apply");
      const told = (outcome, more) => of(rule, outcome, { effect: "suspend", ...more }), level = rule.same_level ? text(site.bid.level) : "";
      if (rule.same_level && !level) return told(NO_DATA, { notes: ["level_missing"] });
      if (rule.scope !== "radius") return told(NO_DATA, over(site, rule.scope, "indicator_missing"));
      const near = site.near.filter((n) => rule.services.includes(n.service) && (!level || n.level === level));
      const [state, notes] = opinion(rule, site, near, (by) => J.join(near.map((n) => J.join([within(by, site, n), UNKNOWN])), false));
      const missing = near.some((n) => within(rule, site, n) !== NO) ? ["indicator_missing"] : [];
      return told(state === NO ? MET : notes.includes("walking_missing") ? REVIEW : NO_DATA, { ground: "circle", notes: [...missing, ...notes] });
    },
    direction(rule, site) {
      return of(rule, NO_DATA, over(site, rule.scope || "district", ...(rule.tolerance === undefined ? ["tolerance_not_printed"] : []), "indicator_missing"));
    },
    replace(rule, site) {
      const held = J.conditions(rule, site), per = rule.per || "township", place = J.placeOf(site, per);
      if (held === NO) return J.card(rule, site, "does_not_apply");
      const asks = list(rule.any_of).length || list(rule.all_of).length;
      const told = (effect, ...notes) => of(rule, NO_DATA, { ground: per, ground_name: place ? place.name : "", notes, effect });
      if (!place) return told("replace", "place_unknown");
      if (held === UNKNOWN) return told("replace", "attribute_missing");
      if (asks) return told("", "indicator_missing");
      return told("replace", "ledger_missing", ...(list((rule.where || {}).settings).length ? ["place_marked"] : []));
    },
    exempt(rule, site) {
      const states = [J.conditions(rule, site, rule.match === "any") || YES];
      if (rule.until) {
        const day = J.asDate(J.get(site, "application_date")) || site.asOf;
        states.push(!day ? UNKNOWN : day <= rule.until ? YES : NO);
      }
      if (rule.none_in) states.push(noneIn(rule.none_in, site));
      let opinion = [];
      if (rule.none_within && J.join(states) !== NO) {
        const [alone, told] = noneWithin(rule, site);
        states.push(alone);
        opinion = told;
      }
      const state = J.join(states);
      if (state !== YES) return J.card(rule, site, said(state), ...opinion);
      const pending = Boolean(rule.needs) && disjoint(J.wordsOf(J.get(site, "approvals")), [rule.id, rule.needs]);
      const result = rule.result || "admit", notes = rule.counted === false ? ["site_not_counted"] : [];
      if (pending) notes.push("needs_" + rule.needs);
      return of(rule, pending || result === "case_by_case" ? REVIEW : MET, {
        notes: [...notes, ...opinion], effect: result === "admit" || pending ? "exempt" : result, figures: { lifts: rule.lifts.join(";") },
      });
    },
    prefer(rule, site) {
      const held = J.conditions(rule, site, rule.match === "any"), states = held === null ? [] : [held];
      if (rule.none_in) states.push(noneIn(rule.none_in, site));
      const [near, opinion] = rule.near && J.join(states) !== NO ? nearNamed(rule, site) : [null, []];
      if (near !== null) states.push(near);
      const state = states.length ? J.join(states) : null;
      if (state !== YES) return J.card(rule, site, near === UNKNOWN ? "" : said(state), ...opinion);
      const rank = list(rule.tags).findIndex((t) => site.tags.includes(t)) + 1;
      return of(rule, MET, { effect: "priority", notes: ["goes_first", ...opinion], figures: rule.ordered && rank ? { rank } : {} });
    },
    warn(rule, site) {
      const state = J.conditions(rule, site);
      if (list(rule.applicant).some((a) => !J.hasBound(a)) && state !== NO) return of(rule, REVIEW, { effect: "warn", notes: ["limit_not_printed"] });
      return state === YES ? of(rule, REVIEW, { effect: "warn", notes: ["strictly_limited"] }) : J.card(rule, site, said(state));
    },
    case(rule, site) {
      const state = J.conditions(rule, site);
      return state === YES ? of(rule, REVIEW, { effect: "case_by_case", notes: ["case_by_case"] }) : J.card(rule, site, said(state));
    },
    require(rule, site) {
      if (J.conditions(rule, site) === NO) return J.card(rule, site, "does_not_apply");
      const notes = [], figures = {}, states = [];
      for (const need of list(rule.needs)) {
        const value = J.get(site, need.attribute), state = J.hasBound(need) ? J.attributeState(need, value) : UNKNOWN;
        figures[need.attribute] = value === null ? "—" : value;
        states.push(state);
        if (state === UNKNOWN) notes.push(J.hasBound(need) ? "attribute_missing" : "limit_not_printed");
      }
      if (list(rule.grants).length) notes.push("granted");
      if (list(rule.windows).length || list(rule.yearly).length) {
        const day = J.asDate(J.get(site, "application_date")) || site.asOf;
        const inside = Boolean(day) && openOn(rule, day);
        figures.application_date = day || "—";
        states.push(!day ? UNKNOWN : inside ? YES : NO);
        notes.push(!day ? "attribute_missing" : inside ? "" : "outside_window");
      }
      return of(rule, OUTCOME[J.join(states)], { figures, notes: unique(notes.filter(Boolean)) });
    },
    batch_limit: (rule) => of(rule, NO_DATA, { notes: ["attribute_missing"], unit: "applications" }),
    validity(rule, site) {
      if (!site.asOf) return J.card(rule, site);
      let note = "";
      if (rule.start && site.asOf < rule.start) note = "not_yet_in_force";
      if (rule.end && site.asOf > rule.end) note = "expired";
      return of(rule, note ? REVIEW : MET, { ground: "plan", figures: { as_of: site.asOf, end: rule.end || "" }, notes: note ? [note] : [] });
    },
    mix(rule, site) {
      const place = J.placeOf(site, "city"), what = rule.of || "beds", plus = what === "institutions" ? 1 : num(site.bid.beds);
      if (!place || !(site.bid.level in rule.shares) || Number.isNaN(plus)) return J.card(rule, site);
      const held = {};
      for (const level of Object.keys(rule.shares)) held[level] = J.count(site.city, place, what, { services: rule.services, tags: [], levels: [level], excludes: [] })[0];
      const total = Object.values(held).reduce((a, b) => a + b, 0) + plus, share = total > 0 ? (held[site.bid.level] + plus) / total : NaN;
      if (Number.isNaN(share)) return of(rule, NO_DATA, { ground: "city", notes: ["count_missing"], effect: "target" });
      const limit = rule.shares[site.bid.level];
      return of(rule, J.exceeds(share, limit) ? BREACHED : MET, {
        ground: "city", ground_name: place.name, observed: share, limit, unit: "share", bound: "max", figures: held, notes: ["structure_guides"], effect: "target",
      });
    },
    target(rule, site) {
      const place = J.placeOf(site, "city"), walking = rule.distance === "walking";
      if (!place) return J.card(rule, site);
      const told = site.city.goalAfter(place, rule.measure, site.row.service);
      const value = walking ? (place.members ? NaN : num(place[rule.id + "." + site.row.service])) : told;
      if (Number.isNaN(value)) return J.card(rule, site, walking ? "walking_missing" : "");
      const bound = rule.at_least === undefined ? "max" : "min", limit = bound === "min" ? rule.at_least : rule.at_most;
      const beside = !walking ? [] : [Number.isNaN(told) ? "goal_on_foot" : "goal_on_foot_beside"];
      const missed = bound === "min" ? J.exceeds(limit, value) : J.exceeds(value, limit);
      return of(rule, missed ? BREACHED : MET, {
        ground: "city", ground_name: place.name, observed: value, limit, bound, unit: "value", effect: "target", figures: walking ? { straight: told } : {}, notes: beside,
      });
    },
  };

  /* The place of a level that holds the site, with what is missing there. */
  function over(site, level, ...missing) {
    const place = J.placeOf(site, level);
    return { ground: level, ground_name: place ? place.name : "", notes: place ? missing : ["place_unknown"] };
  }

  function openOn(rule, day) {
    const on = day.slice(5);
    return list(rule.windows).some((w) => w.start <= day && day <= w.end)
      || list(rule.yearly).some((w) => (w.start <= w.end ? w.start <= on && on <= w.end : on >= w.start || on <= w.end));
  }

  /* Whether no institution of the service stands in the place of a level that holds the site. */
  function noneIn(level, site) {
    const place = J.placeOf(site, level);
    if (!place) return UNKNOWN;
    return J.count(site.city, place, "institutions", { services: [site.row.service], tags: [], levels: [], excludes: [] })[0] === 0 ? YES : NO;
  }

  const within = (by, site, n) => J.foot.within(by, n, by.radius_m || site.plan.radius_m, or(site.row.position_accuracy_m, 10));
  const opinion = (rule, site, near, holds) => J.foot.secondOpinion(rule, near, rule.radius_m || site.plan.radius_m, holds);

  /* Whether the site stands near an institution that the rule names, with notes (judge/nearness.py). */
  function nearNamed(rule, site) {
    const { services, tags, levels } = rule.near;
    const near = site.near.filter((n) => services.includes(n.service) && (!list(tags).length || !disjoint(tags, J.words(n.tags))) && (!list(levels).length || levels.includes(n.level)));
    if (rule.radius_m === undefined && rule.minutes === undefined) return [UNKNOWN, ["radius_not_printed"]];
    const [state, notes] = opinion(rule, site, near, (by) => (near.length ? J.join(near.map((n) => within(by, site, n)), false) : NO));
    return [state, state === UNKNOWN && !notes.includes("walking_missing") ? ["check_on_site", ...notes] : notes];
  }

  const NOT = { [YES]: NO, [NO]: YES, [UNKNOWN]: UNKNOWN };
  function noneWithin(rule, site) {
    const near = site.near.filter((n) => n.service === site.row.service);
    return opinion(rule, site, near, (by) => J.join(near.map((n) => NOT[within(by, site, n)])));
  }

  /* What the page reads of a rule, by kind. A rule that says more is not decided here: a new field must not be passed
     over without a word. Kinds that are not named need indicators, ledgers or people. */
  const NEAR = ["distance", "radius_m", "minutes"];
  const EVERY = ["kind", "id", "title", "services", "force", "where", "tags", "applicant", "valid_from", "valid_to", "against", "clause", "quote", "note"];
  J.FIELDS = {
    circle_limit: ["max", "max_steps", "max_rate", "rate_per", "rounding", "counts_site", "like", "counts_services", "same", "excludes", "reach", "at_radius", ...NEAR],
    area_limit: ["per", "of", "counts", "levels", "excludes", "with_tags", "same", "transfers", "min", "max", "max_rate", "rate_per", "rate_base", "rounding", "max_by_area", "max_by_class",
      "max_steps", "steps_by", "max_share", "min_share", "share_of", "max_current", "by"],
    mix: ["of", "shares"],
    suspend: ["scope", "same_level", "any_of", "all_of", "readings", ...NEAR],
    direction: ["scope", "actual", "calculated", "target", "tolerance"],
    replace: ["ratio", "any_of", "all_of", "per", "of", "window", "pause"],
    exempt: ["lifts", "needs", "until", "counted", "match", "none_within", "none_in", "result", ...NEAR],
    prefer: ["match", "ordered", "near", "none_in", ...NEAR],
    require: ["needs", "windows", "yearly", "grants"],
    batch_limit: ["key", "max", "window"],
    warn: [], case: [], checklist: [],
    validity: ["start", "end"],
    target: ["measure", "at_least", "at_most", "distance", "mode", "speed_m_per_s", "by"],
  };
  J.decides = function (rule, city) {
    const known = J.FIELDS[rule.kind], moved = rule.transfers && city.values.ledger; // by events that the page has not
    return Boolean(known) && !moved && Object.keys(rule).every((k) => EVERY.includes(k) || known.includes(k));
  };

  J.ofSite = function (rule, site) {
    if (!J.validOn(rule, site.asOf)) return [J.card(rule, site, "card_not_valid_now")];
    if (!J.decides(rule, site.city)) return [J.card(rule, site)];
    if (rule.kind === "circle_limit") return J.circle(rule, site);
    if (rule.kind === "area_limit") return J.area(rule, site);
    return [kinds[rule.kind] ? kinds[rule.kind](rule, site) : J.card(rule, site)];
  };

  /* ── conclusion ── */

  const LIFTED = ["area_limit", "circle_limit", "suspend", "replace", "mix", "direction", "batch_limit"];
  const FILLS = ["fills_empty_township", "fills_empty_area"];
  J.FILLS = FILLS;

  function weigh(every) {
    const got = every.filter((f) => f.ground !== CHECKLIST && f.force !== "reference" && !f.lifted_by.length && !["target", "warn"].includes(f.effect));
    const breached = got.filter((f) => f.outcome === BREACHED && f.bound !== "min" && f.effect !== "collision");
    const effect = (name) => got.filter((f) => f.effect === name);
    const steps = [
      ["refuse", breached.filter((f) => f.force === "must")],
      ["refuse_in_principle", breached],
      ["review", got.filter((f) => [REVIEW, NO_DATA].includes(f.outcome) && f.effect !== "case_by_case")],
      ["case_by_case", [...effect("case_by_case").filter((f) => f.outcome !== MET), ...effect("collision")]],
      ["admit_all", effect("admit_all")],
      ["priority", effect("priority")],
    ];
    const first = steps.find(([, found]) => found.length);
    if (first) return first;
    const cards = every.filter((f) => f.ground === CHECKLIST);
    return cards.length && got.every((f) => f.ground === "plan") ? ["review", cards] : ["admit", []];
  }
  J.conclude = (findings) => weigh(findings)[0];
  J.deciding = function (findings) {
    let [conclusion, deciding] = weigh(findings);
    if (conclusion === "case_by_case" && deciding.some((f) => f.effect === "collision")) {
      deciding = [...findings.filter((f) => f.bound === "min" && !disjoint(FILLS, f.notes)), ...deciding];
    }
    return unique(deciding.map((f) => f.rule_id));
  };

  J.lift = function (findings) {
    const lifting = new Map(), used = new Set();
    for (const f of findings) if (f.kind === "exempt" && f.ground !== CHECKLIST) lifting.set(f.rule_id, f.rule.lifts.includes("all") ? LIFTED : f.rule.lifts);
    const lifted = findings.map((f) => {
      const against = f.ground !== CHECKLIST && f.outcome !== MET && f.bound !== "min";
      const by = against ? [...lifting].filter(([, kind]) => kind.includes(f.kind)).map(([id]) => id) : [];
      by.forEach((id) => used.add(id));
      return by.length ? { ...f, lifted_by: by } : f;
    });
    return lifted.map((f) => {
      if (!lifting.has(f.rule_id) || used.has(f.rule_id) || f.outcome !== REVIEW) return f;
      return { ...f, outcome: MET, effect: "exempt", notes: [...f.notes, "exemption_not_needed"] };
    });
  };

  J.collide = function (plan, findings) {
    const fills = findings.filter((f) => f.bound === "min" && !disjoint(FILLS, f.notes)), found = [];
    const same = (cap, low) => low.kind === "area_limit" && (cap.of || "institutions") === (low.of || "institutions") && list(cap.tags).join() === list(low.tags).join();
    const say = (kind, all) => found.push({ kind, rules: all.map((f) => f.rule_id), clauses: all.map((f) => f.rule.clause), quotes: all.map((f) => f.rule.quote) });
    const marked = findings.map((f) => {
      const against = f.kind === "area_limit" ? fills.filter((low) => same(f.rule, low.rule)) : [];
      const full = f.bound === "max" && f.outcome === BREACHED && ["city", "group", "district"].includes(f.ground) && !f.lifted_by.length;
      if (!against.length || !full) return f;
      against.forEach((low) => say("minimum_against_cap", [low, f]));
      return { ...f, effect: "collision" };
    });
    for (const f of marked) {
      if (f.notes.includes("pause_and_swap")) say("pause_against_swap", [f]);
      for (const n of ["density_disagrees", "readings_disagree"]) if (f.notes.includes(n)) say(n, [f]);
    }
    for (const f of marked) {
      for (const name of list(f.rule.against)) {
        for (const other of marked.filter((o) => o.rule_id === name)) {
          if ([f.ground, other.ground].includes(CHECKLIST)) continue;
          const kind = f.outcome !== other.outcome ? "readings_disagree" : f.force !== other.force && f.outcome !== MET ? "hard_and_soft" : "";
          if (kind) say(kind, [other, f]);
        }
      }
    }
    return [marked, found];
  };

  const STAGES = ["validity", "require", "ban", "batch_limit", "exempt", "suspend", "direction", "area_limit city", "area_limit group",
    "area_limit district", "mix", "replace", "circle_limit", "area_limit township", "area_limit community", "prefer", "case", "warn", "target", "exit"];
  J.inOrder = function (f) {
    if (f.ground === CHECKLIST) return STAGES.length;
    const at = STAGES.indexOf(f.kind === "area_limit" ? "area_limit " + f.ground : f.kind);
    return at < 0 ? STAGES.length - 1 : at;
  };
})();
