/* Findings on a proposed site as judge/ makes them: conditions and circles. Unknown is never a pass. */
(function () {
  "use strict";
  const J = (C15.judge = {});
  const YES = "yes", NO = "no", UNKNOWN = "unknown", TOL = 1e-6;
  const MET = "met", BREACHED = "breached", REVIEW = "review", NO_DATA = "no_data";
  Object.assign(J, { YES, NO, UNKNOWN, MET, BREACHED, REVIEW, NO_DATA, CHECKLIST: "checklist" });

  const text = (v) => (typeof v === "string" ? v : "");
  const list = (v) => v || [];
  const words = (v) => text(v).split(";");
  const disjoint = (a, b) => !list(a).some((x) => b.includes(x));
  const state = (holds) => (holds ? YES : NO);
  const num = (v) => (v === null || v === undefined || v === "" ? NaN : typeof v === "boolean" ? Number(v) : Number(v));
  const or = (v, otherwise) => (Number.isNaN(num(v)) ? otherwise : num(v));
  const unique = (all) => [...new Set(all)];
  Object.assign(J, { text, list, disjoint, num, or, unique, words });

  J.exceeds = (observed, limit) => observed > limit + 1e-9 * Math.max(1, Math.abs(limit));
  J.join = function (states, every = true) {
    const deciding = every ? NO : YES;
    if (states.includes(deciding)) return deciding;
    if (states.includes(UNKNOWN)) return UNKNOWN;
    return every ? YES : NO;
  };

  J.finding = (rule, outcome, more) => ({
    rule_id: rule.id, rule, outcome, force: rule.force, kind: rule.kind, ground: "", ground_name: "", observed: null,
    limit: null, unit: "institutions", bound: "max", neighbours: [], borderline: [], apart: [], figures: {}, notes: [],
    effect: "", lifted_by: [], ...more,
  });
  J.checklist = (rule, site, notes) => J.finding(rule, REVIEW, {
    ground: J.CHECKLIST, ground_name: text(site.row.township_name), unit: "", bound: "", notes,
  });
  J.card = function (rule, site, ...notes) {
    const told = notes.filter(Boolean), settings = list((rule.where || {}).settings);
    if (settings.length) told.push(J.whereState({ settings }, site) === YES ? "place_marked" : "place_not_marked");
    return J.checklist(rule, site, ["people_check", ...told]);
  };

  /* ── conditions ── */

  const BOUNDS = ["one_of", "none_of", "at_least", "at_most", "above", "below", "is_true", "on_or_after", "on_or_before"];
  J.hasBound = (a) => BOUNDS.some((b) => a[b] !== undefined && a[b] !== null && !(Array.isArray(a[b]) && !a[b].length));
  const wordsOf = (v) => (Array.isArray(v) ? v.map(String) : String(v).split(";").map((w) => w.trim()));
  J.wordsOf = (v) => (v === null || v === undefined ? [] : wordsOf(v).filter(Boolean));

  J.asDate = function (v) {
    const found = /^(\d{4}-\d{2}-\d{2})/.exec(text(v).trim());
    return found && !Number.isNaN(Date.parse(found[1])) ? found[1] : null;
  };
  function truth(v) {
    if (typeof v === "boolean") return v;
    const said = String(v).trim().toLowerCase().replace(/\.0$/, "");
    return ["true", "yes", "1", "y"].includes(said) ? true : ["false", "no", "0", "n"].includes(said) ? false : null;
  }

  J.attributeState = function (a, value) {
    if (value === null || value === undefined) return UNKNOWN;
    const states = [YES];
    if (list(a.one_of).length) states.push(state(!disjoint(wordsOf(value), a.one_of)));
    if (list(a.none_of).length) states.push(state(disjoint(wordsOf(value), a.none_of)));
    if (a.is_true !== undefined) states.push(truth(value) === null ? UNKNOWN : state(truth(value) === a.is_true));
    const fits = { at_least: (x, b) => x >= b, at_most: (x, b) => x <= b, above: (x, b) => x > b, below: (x, b) => x < b };
    for (const [key, test] of Object.entries(fits)) {
      if (a[key] === undefined) continue;
      states.push(Number.isNaN(num(value)) ? UNKNOWN : state(test(num(value), a[key])));
    }
    if (a.on_or_after !== undefined || a.on_or_before !== undefined) {
      const day = J.asDate(value);
      states.push(day === null ? UNKNOWN : state((a.on_or_after === undefined || day >= a.on_or_after) && (a.on_or_before === undefined || day <= a.on_or_before)));
    }
    return J.join(states);
  };

  J.get = function (site, name) {
    for (const held of [site.attributes, site.row]) {
      const value = held[name];
      if (value !== null && value !== undefined && value !== "" && !Number.isNaN(value)) return value;
    }
    return null;
  };

  const above = (site, column) => site.city.places
    .filter((p) => ["community", "township", "district"].some((level) => text(site.row[level + "_id"]) === p.place_id && p.place_id !== ""))
    .map((p) => text(p[column]));
  /* Groups that hold the district or township of a site. */
  const groupsAt = J.groupsAt = function (plan, row) {
    const names = ["district", "township"].flatMap((l) => [text(row[l + "_name"]), text(row[l + "_id"])]).filter(Boolean);
    return plan.groups.filter((g) => g.areas.some((a) => names.includes(a))).map((g) => g.id);
  };

  J.whereState = function (where, site) {
    const { row } = site, states = [];
    if (list(where.settings).length || list(where.not_settings).length) {
      const marks = [...words(row.township_settings), ...above(site, "settings").flatMap(words)];
      const fits = (!list(where.settings).length || !disjoint(where.settings, marks)) && disjoint(where.not_settings, marks);
      states.push(text(row.township_id) ? state(fits) : UNKNOWN);
    }
    if (list(where.zones).length) {
      const held = groupsAt(site.plan, row);
      states.push(text(row.district_id) ? state(!disjoint(held, where.zones)) : UNKNOWN);
    }
    if (list(where.areas).length) {
      const names = ["community", "township", "district", "city"].flatMap((l) => [text(row[l + "_id"]), text(row[l + "_name"])]).filter(Boolean);
      states.push(names.length ? state(!disjoint(names, where.areas)) : UNKNOWN);
    }
    if (where.place_class) {
      if (site.plan.classes.some((c) => c.by && c.id === where.place_class)) {
        states.push(["", "unknown"].includes(site.row.density_class) ? UNKNOWN : state(site.row.density_class === where.place_class));
      } else {
        const classes = above(site, "class").filter(Boolean);
        states.push(classes.length ? state(classes.includes(where.place_class)) : UNKNOWN);
      }
    }
    return J.join(states);
  };

  const isBare = (where) => !where || !Object.values(where).some((v) => (Array.isArray(v) ? v.length : v));

  /* null where the card names no condition */
  J.conditions = function (rule, site, anyKind = false) {
    const kinds = [];
    if (list(rule.tags).length) kinds.push(state(!disjoint(rule.tags, site.tags)));
    if (!isBare(rule.where)) kinds.push(J.whereState(rule.where, site));
    const states = kinds.length ? [J.join(kinds, !anyKind)] : [];
    const applicant = list(rule.applicant);
    for (const a of applicant) if (J.hasBound(a)) states.push(J.attributeState(a, J.get(site, a.attribute)));
    const open = applicant.some((a) => !J.hasBound(a));
    if (!states.length && !open) return null;
    if (open && J.join(states) !== NO) return UNKNOWN;
    return J.join(states);
  };
  J.validOn = (rule, day) => !day || ((!rule.valid_from || day >= rule.valid_from) && (!rule.valid_to || day <= rule.valid_to));

  /* ── density classes and caps (judge/limits.py) ── */

  const bears = (settings, wanted) => !list(wanted).length || !disjoint(wanted, words(settings));
  J.classify = function (plan, density, settings, nowhere) {
    const classes = plan.classes.filter((c) => c.by);
    if (classes.length && (nowhere || Number.isNaN(density))) return "unknown";
    const fit = classes.find((c) => bears(settings, c.settings) && (c.min === null || density >= c.min) && (c.below === null || density < c.below));
    return fit ? fit.id : "";
  };

  const plain = (r) => (r.like || "service") === "service" && (r.reach || "radius") === "radius" && (r.distance || "straight") === "straight";
  J.computable = function (r) {
    const where = r.where || {};
    const more = [r.tags, r.same, r.counts_services, r.max_steps, r.applicant, where.zones, where.areas];
    return plain(r) && r.max_rate === undefined && !more.some((m) => list(m).length) && r.radius_m === undefined && (r.at_radius || "inside") === "inside";
  };
  J.circleHolds = function (rule, row, deciding, withTags = true) {
    const where = rule.where || {}, settings = row.township_settings;
    const served = rule.services.includes(row.service) && (!withTags || bears(row.tags, rule.tags));
    let holds = served && bears(settings, where.settings), unknown = false;
    if (list(where.not_settings).length) holds = holds && disjoint(where.not_settings, words(settings));
    if (list(where.settings).length || list(where.not_settings).length) unknown = text(row.township_id) === "";
    if (where.place_class) {
      holds = holds && deciding === where.place_class;
      unknown = unknown || deciding === "unknown";
    }
    return [holds && !unknown, unknown && served];
  };

  /* Classes by each density and the strictest printed cap that holds. */
  J.withCaps = function (plan, row) {
    const nowhere = text(row.township_id) === "", found = { circle_limit: NaN, circle_rule: "" };
    for (const unit of ["place", "circle", "cell"]) {
      found["density_class_" + unit] = J.classify(plan, num(row["density_" + unit + "_per_km2"]), row.township_settings, nowhere);
    }
    found.density_class = found["density_class_" + plan.density_unit];
    for (const rule of plan.rules) {
      if (rule.kind !== "circle_limit" || rule.max === undefined || !J.computable(rule)) continue;
      const cap = rule.max + (rule.counts_site ? 0 : 1);
      if (J.circleHolds(rule, row, found.density_class)[0] && !(found.circle_limit <= cap)) { found.circle_limit = cap; found.circle_rule = rule.id; }
    }
    found.over_cap = row.others_within + 1 > found.circle_limit;
    return { ...row, ...found };
  };

  /* ── circle (judge/circles.py) ── */

  const met = (count, limit) => (J.exceeds(count, limit) ? BREACHED : MET);

  /* Institutions among sites: campuses of one (institution_codes) count once. */
  J.institutions = (sites) => new Set(sites.map((s) => s.institution || s));
  const union = (a, b) => new Set([...a, ...b]);

  function judgeCircle(rule, { neighbours, radius, accuracy, figures, notes, doubtful, apart, limit, far }) {
    const most = limit === null || limit === undefined ? rule.max : limit, within = (n) => far(n) <= radius + TOL;
    const inside = neighbours.filter(within);
    const edge = neighbours.filter((n) => Math.abs(far(n) - radius) <= n.accuracy_m + accuracy + TOL);
    const own = rule.counts_site ? 1 : 0, told = [...notes];
    const unsure = doubtful.filter((n) => within(n) && !edge.includes(n));
    const count = J.institutions(inside).size;
    let outcome = REVIEW;
    if (most === undefined) told.push("limit_not_printed");
    else {
      const sure = J.institutions(inside.filter((n) => !edge.includes(n))), maybe = union(sure, J.institutions(edge));
      outcome = met(count + own, most);
      if (met(sure.size + own, most) !== met(maybe.size + own, most)) { outcome = REVIEW; told.push("check_on_site"); }
      if (outcome !== BREACHED && met(union(maybe, J.institutions(unsure)).size + own, most) === BREACHED) {
        outcome = REVIEW;
        if (unsure.length) told.push("type_unknown");
      }
    }
    if (count < inside.length) told.push("campuses_once");
    if (inside.some((n) => n.would_exceed)) told.push("neighbours_exceed");
    return J.finding(rule, outcome, {
      ground: "circle", observed: count + own, limit: most === undefined ? null : most, neighbours: inside,
      borderline: [...edge, ...unsure], apart, figures: { ...figures, ...(own ? { today: count } : {}) }, notes: told,
    });
  }

  function counted(rule, site) {
    const wanted = list(rule.counts_services).length ? rule.counts_services : (rule.like || "service") === "service" ? [site.row.service] : [];
    const byTag = (rule.like || "service") !== "service";
    // twice the radius, for circles that overlap; who is farther than that and both position errors counts in no way
    const reach = (rule.minutes !== undefined ? Infinity : 2 * (rule.radius_m || site.plan.radius_m)) + or(site.row.position_accuracy_m, 10) + TOL;
    const near = site.near.filter((n) => n.distance_m <= reach + n.accuracy_m && (!wanted.length || wanted.includes(n.service))
      && disjoint(rule.excludes, words(n.tags)) && (!byTag || !disjoint(rule.tags, words(n.tags))));
    const sorted = [...near].sort((a, b) => a.distance_m - b.distance_m || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
    const foreign = (n) => text(n.pooling_area) !== "" && n.pooling_area !== String(J.get(site, "pooling_area") || site.plan.city);
    const same = (n) => {
      let found = YES;
      for (const column of list(rule.same)) {
        const own = J.get(site, column), theirs = text(n[column]);
        if (own === null || !theirs) found = UNKNOWN;
        else if (String(own) !== theirs) return NO;
      }
      return found;
    };
    return {
      counted: sorted.filter((n) => !foreign(n) && same(n) === YES), apart: sorted.filter(foreign),
      doubtful: sorted.filter((n) => !foreign(n) && same(n) === UNKNOWN),
    };
  }

  J.circle = function (rule, site) {
    const { ways } = site.city;
    if (ways && !ways.counts && ways.reckoning.includes(rule)) return [J.card(rule, site)]; // cells too coarse for a walk: the workbench does
    const { row, plan } = site, accuracy = Math.max(0, or(row.position_accuracy_m, 10));
    const byDensity = plan.classes.filter((c) => c.by).map((c) => c.id), asked = (rule.where || {}).place_class;
    const given = asked && !byDensity.includes(asked) ? asked : undefined;
    if (J.computable(rule) && !given) {
      const [holds, unknown] = J.circleHolds(rule, row, row.density_class);
      if (!holds && !unknown) return [];
      const figures = {}, notes = [];
      if ((rule.where || {}).place_class) {
        const classes = ["place", "circle", "cell"].map((u) => row["density_class_" + u]);
        for (const u of ["place", "circle", "cell"]) figures["density_" + u + "_per_km2"] = num(row["density_" + u + "_per_km2"]);
        for (const u of ["place", "circle", "cell"]) figures["density_class_" + u] = row["density_class_" + u];
        if (row.density_class === "unknown") notes.push("density_unknown");
        if (unique(classes).filter((c) => c !== "unknown").length > 1) notes.push("density_disagrees");
      }
      const { counted: near, apart } = counted(rule, site), { foot } = J, other = foot.other(rule);
      const by = (r) => judgeCircle(rule, { neighbours: near, apart, doubtful: [], radius: plan.radius_m, accuracy, figures, notes, far: foot.far(r) });
      const beside = foot.anyWalked(near) ? (foot.told(other, near, plan.radius_m) ? by(other) : null) : undefined;
      const one = beside === undefined ? by(rule) : foot.withSecondOpinion(rule, by(rule), beside);
      return [unknown ? { ...one, outcome: NO_DATA } : one];
    }
    const where = rule.where || {}, plainRule = given ? { ...rule, where: { ...where, place_class: undefined } } : rule;
    const [holds, unknown] = J.circleHolds(plainRule, row, row.density_class, false);
    const fits = J.conditions({ ...rule, where: { zones: where.zones, areas: where.areas, place_class: given } }, site);
    if (fits === NO) return [J.card(rule, site, "does_not_apply")];
    if (!holds && !unknown) return [];
    const around = counted(rule, site), other = J.foot.other(rule);
    let one = otherCircle(rule, rule, site, around, accuracy);
    if (J.foot.anyWalked(around.counted)) {
      const told = J.foot.told(other, [...around.counted, ...around.doubtful], reachOf(rule, site, rule.radius_m));
      one = J.foot.withSecondOpinion(rule, one, told ? otherCircle(rule, other, site, around, accuracy) : null);
    }
    return [fits === UNKNOWN || unknown ? { ...one, outcome: NO_DATA, notes: [...one.notes, "attribute_missing"] } : one];
  };

  /* How far the rule counts: twice where circles overlap, short of the bound where that is far enough. */
  function reachOf(rule, site, radius) {
    const reach = (radius || site.plan.radius_m) * (rule.reach === "overlap" ? 2 : 1);
    return rule.at_radius === "outside" ? reach - 2 * TOL : reach;
  }

  /* `by` is the rule itself or the same by the other distance. */
  function otherCircle(rule, by, site, around, accuracy) {
    const radius = reachOf(rule, site, rule.radius_m), notes = [];
    let limit;
    if (list(rule.max_steps).length || rule.max_rate !== undefined) {
      const residents = num(site.row[J.foot.residents(rule)]);
      limit = rule.max_rate !== undefined && rule.rate_per !== undefined ? rounded((rule.max_rate * residents) / rule.rate_per, rule.rounding || "floor") : J.stepLimit(list(rule.max_steps), residents);
      if (Number.isNaN(limit)) { limit = undefined; notes.push("count_missing"); }
    }
    if (rule.reach === "overlap") notes.push(rule.radius_m !== undefined || rule.minutes !== undefined ? "circles_overlap" : "radius_not_printed");
    const told = J.foot.told(by, [...around.counted, ...around.doubtful], radius), used = told ? by : J.foot.other(by);
    if (!told) notes.push("walking_missing");
    const one = judgeCircle(rule, {
      neighbours: around.counted, doubtful: around.doubtful, apart: around.apart, accuracy, notes, limit, figures: { radius_m: radius },
      radius: reachOf(rule, site, J.foot.limit(used, rule.radius_m || site.plan.radius_m)), far: J.foot.far(used),
    });
    return told && !notes.includes("radius_not_printed") ? one : J.foot.undecided(one);
  }

  J.rounded = rounded;
  function rounded(quota, how) {
    if (Number.isNaN(quota)) return NaN;
    return how === "nearest" ? Math.floor(quota + 0.5) : how === "ceil" ? Math.ceil(quota - 1e-9) : Math.floor(quota + 1e-9);
  }

  J.stepLimit = function (steps, base) {
    if (Number.isNaN(base)) return NaN;
    const fit = steps.find((s) => s.up_to === undefined || s.up_to === null || base <= s.up_to);
    return fit ? fit.max : NaN;
  };
})();
