/* Findings on the places that hold a proposed site (judge/areas.py, judge/inputs.py). Unknown is never a pass. */
(function () {
  "use strict";
  const J = C15.judge, { NO, UNKNOWN, MET, BREACHED, REVIEW, NO_DATA, text, list, words, disjoint, num, unique, groupsAt, rounded } = J;

  function summed(districts, id, name, level) {
    const out = { place_id: id, name, level, settings: "", class: "", members: districts.map((d) => d.place_id) };
    for (const key of Object.keys(districts[0])) {
      if (key in out || ["parent"].includes(key)) continue;
      out[key] = districts.reduce((a, d) => a + num(d[key]), 0);
    }
    return out;
  }
  J.places = function (city, plan, level) {
    if (level === "group") {
      const districts = city.places.filter((p) => p.level === "district" || p.level === "township");
      return plan.groups.map((g) => [g, districts.filter((d) => g.areas.includes(d.name) || g.areas.includes(d.place_id))])
        .filter(([, named]) => named.length).map(([g, named]) => summed(named, g.id, g.title, "group"));
    }
    const rows = city.places.filter((p) => p.level === level);
    if (rows.length || level !== "city") return rows;
    const districts = city.places.filter((p) => p.level === "district");
    return districts.length ? [summed(districts, text(districts[0].parent), "", "city")] : [];
  };
  J.placeOf = function (site, level) {
    const known = J.places(site.city, site.plan, level), { row } = site;
    if (level === "group") {
      const held = groupsAt(site.plan, row);
      return known.find((p) => held.includes(p.place_id)) || null;
    }
    const id = text(row[level + "_id"]);
    if (level === "city" && !id && text(row.district_id) && known.length === 1) return known[0];
    return (id && known.find((p) => p.place_id === id)) || null;
  };

  const isIn = (place, one) => (place.members ? place.members.includes(one.district_id) || place.members.includes(one.township_id) : one[place.level + "_id"] === place.place_id);

  function amount(held, of) {
    if (of === "institutions") return [...new Set(held.map((h) => h.service))].reduce((sum, kind) => sum + J.institutions(held.filter((h) => h.service === kind)).size, 0);
    if (!held.length) return 0;
    const told = held.map((h) => num(h[of])).filter((v) => !Number.isNaN(v));
    return told.length ? told.reduce((a, b) => a + b, 0) : NaN;
  }
  /* [count, most it can be, notes] in a place; kept until the register changes. */
  J.count = function (city, place, of, { services, tags, levels, excludes, with_tags: withTags, same }, like) {
    const key = JSON.stringify([place.place_id, place.level, of, services, tags, levels, excludes, withTags, same && like]);
    if (city.counts.has(key)) return city.counts.get(key);
    let held = city.standing().filter((o) => services.includes(o.service) && isIn(place, o)
      && (!list(tags).length || !disjoint(tags, words(o.tags))) && disjoint(excludes, words(o.tags))
      && list(withTags).every((t) => words(o.tags).includes(t)) && list(same).every((c) => String(o[c]) === String(like[c])));
    let notes = [], sure = held;
    if (list(levels).length) {
      sure = held.filter((o) => levels.includes(text(o.level)));
      held = held.filter((o) => levels.includes(text(o.level)) || text(o.level) === "");
      if (held.length > sure.length) notes = ["levels_missing"];
    }
    const found = [amount(sure, of), amount(held, of), notes];
    city.counts.set(key, found);
    return found;
  };

  function known(rule, place, site) {
    const of = rule.of || "institutions";
    const like = Object.fromEntries(list(rule.same).map((c) => [c, J.get(site, c)]));
    let [today, most, notes] = J.count(site.city, place, of, rule, like);
    if (list(rule.same).some((c) => site.city.institutions.length && !(c in site.city.institutions[0]))) today = most = NaN;
    if (rule.counts && rule.counts !== "all") today = most = NaN; // the page has no ledger of entries
    const below = rule.share_of ? J.count(site.city, place, rule.share_of.of || "institutions", { ...rule.share_of, excludes: [] })[0] : NaN;
    const wanted = rule.max_rate !== undefined ? rule.rate_base || "residents" : rule.steps_by || "residents";
    return { today, most, base: num(place[wanted]), below, notes };
  }

  const has = (v) => v !== undefined && v !== null;

  function areaLimit(rule, place, k) {
    if (rule.max_by_area) {
      const key = [place.name, place.place_id].find((n) => n in rule.max_by_area);
      return key === undefined ? [NaN, "area_not_in_plan"] : [rule.max_by_area[key], ""];
    }
    if (rule.max_by_class) {
      if (!text(place.class)) return [NaN, "class_missing"];
      return [has(rule.max_by_class[place.class]) ? rule.max_by_class[place.class] : NaN, "class_unknown"];
    }
    if (list(rule.max_steps).length) return [J.stepLimit(rule.max_steps, k.base), "denominator_missing"];
    if (rule.max_current) return [k.today, "count_missing"];
    if (has(rule.max_rate) && has(rule.rounding)) {
      if (!has(rule.rate_per)) return [NaN, "denominator_missing"];
      return [rounded((rule.max_rate * k.base) / rule.rate_per, rule.rounding), "denominator_missing"];
    }
    const limit = [rule.max_share, rule.max, rule.max_rate].find(has);
    return [has(limit) ? limit : NaN, "limit_not_printed"];
  }

  function added(rule, bid) {
    const tags = words(bid.tags);
    if (list(rule.tags).length && disjoint(rule.tags, tags)) return [0, ["site_not_tagged"]];
    if (!list(rule.with_tags).every((t) => tags.includes(t))) return [0, ["site_not_tagged"]];
    if (list(rule.levels).length && bid.level && !rule.levels.includes(bid.level)) return [0, ["site_not_tagged"]];
    if (!disjoint(rule.excludes, tags)) return [0, ["site_not_counted"]];
    const of = rule.of || "institutions";
    if (of === "institutions") return [1, []];
    return [num(bid[of]), Number.isNaN(num(bid[of])) ? [of === "beds" ? "beds_not_given" : "amount_not_given"] : []];
  }

  function areaOutcome({ observed, limit, bound, why, plus }) {
    if (Number.isNaN(limit)) return [["limit_not_printed", "class_missing", "class_unknown"].includes(why) ? REVIEW : NO_DATA, [why]];
    if (Number.isNaN(observed)) return [NO_DATA, ["count_missing"]];
    if (bound === "min") return [J.exceeds(limit, observed) ? BREACHED : MET, []];
    if (Number.isNaN(plus)) return [J.exceeds(limit, observed) ? NO_DATA : BREACHED, []];
    return [J.exceeds(observed, limit) ? BREACHED : MET, []];
  }

  function areaFinding(rule, place, k, site, bound, limit, why) {
    const { bid } = site, of = rule.of || "institutions", [plus, addedNotes] = added(rule, bid);
    let notes = addedNotes, unit = of, scale = 1;
    const figures = Number.isNaN(k.today) ? {} : { today: k.today };
    const share = bound === "max" ? rule.max_share : rule.min_share;
    if (has(share)) {
      const inShare = rule.share_of && rule.share_of.services.includes(bid.service) && (!list(rule.share_of.tags).length || !disjoint(rule.share_of.tags, words(bid.tags)));
      const below = k.below + (inShare ? plus : 0);
      figures.total = below;
      scale = below > 0 ? 1 / below : NaN;
      unit = "share";
    } else if (has(rule.max_rate) && has(rule.rate_per) && bound === "max" && !has(rule.rounding)) {
      const name = rule.rate_base || "residents";
      figures[name] = k.base;
      figures.rate_per = rule.rate_per;
      scale = k.base > 0 ? rule.rate_per / k.base : NaN;
      unit = of + (name === "residents" ? "_per_residents" : "_per_base");
    }
    const more1 = Number.isNaN(plus) ? 0 : plus, observed = (k.today + more1) * scale, most = (k.most + more1) * scale;
    if (Number.isNaN(scale) && !Number.isNaN(k.today) && (rule.rate_base || "residents") !== "residents") notes = [...notes, "denominator_missing"];
    let [outcome, more] = areaOutcome({ observed, limit, bound, why, plus });
    if (outcome === MET && bound === "max" && !Number.isNaN(most) && J.exceeds(most, limit)) { outcome = REVIEW; more = ["levels_missing"]; }
    if (notes.length && plus === 0 && bound === "max") { outcome = MET; more = []; }
    if (bound === "min" && k.today === 0 && plus > 0 && outcome === MET) more = [...more, rule.per === "township" ? "fills_empty_township" : "fills_empty_area"];
    return J.finding(rule, outcome, {
      ground: rule.per, ground_name: place.name, observed: Number.isNaN(observed) ? null : observed, limit: Number.isNaN(limit) ? null : limit,
      unit, bound, figures, notes: [...notes, ...more],
    });
  }

  J.area = function (rule, site) {
    const where = rule.where || {};
    const fits = J.conditions({ ...rule, tags: [], where: { zones: where.zones, areas: where.areas } }, site);
    if (fits === NO) return [J.card(rule, site, "does_not_apply")];
    if (list(rule.same).some((c) => J.get(site, c) === null)) return [J.card(rule, site, "attribute_missing")];
    const place = J.placeOf(site, rule.per);
    if (!place) {
      return [J.finding(rule, NO_DATA, {
        ground: rule.per, unit: has(rule.max_rate) ? (rule.of || "institutions") + "_per_residents" : rule.of || "institutions",
        bound: has(rule.min) && !has(rule.max) ? "min" : "max", notes: ["place_unknown"],
      })];
    }
    const marks = words(place.settings);
    if (list(where.settings).length && disjoint(where.settings, marks)) return [];
    if (!disjoint(where.not_settings, marks)) return [];
    if (where.place_class && text(place.class) !== where.place_class) return [];
    const k = known(rule, place, site);
    let found = [];
    if (has(rule.min) || has(rule.min_share)) found.push(areaFinding(rule, place, k, site, "min", has(rule.min) ? rule.min : rule.min_share, ""));
    if ((!has(rule.min) && !has(rule.min_share)) || has(rule.max) || has(rule.max_share)) found.push(areaFinding(rule, place, k, site, "max", ...areaLimit(rule, place, k)));
    if (fits === UNKNOWN) found = found.map((f) => ({ ...f, outcome: NO_DATA, notes: unique([...f.notes, "attribute_missing"]) }));
    const goal = has(rule.by) && (!site.asOf || site.asOf < rule.by);
    return goal ? found.map((f) => ({ ...f, effect: "target" })) : found;
  };
})();
