/* Other ground within the position error, and what would be said there (measure/position.py, judge/position.py). */
(function () {
  "use strict";
  const G = C15.geo, J = C15.judge, { text, list, num, unique, CHECKLIST, MET } = J;
  const LEVELS = ["community", "township", "district", "city"];
  const NOISE = 0.5, CORNERS = 32, OVER = 1 / Math.cos(Math.PI / CORNERS);

  /* ── ground ── */

  const degrees = (lon, lat, x, y) => G.move(lon, lat, (Math.atan2(x, y) * 180) / Math.PI, Math.hypot(x, y));

  /* Distance of a point inside the polygon drawn about the circle of error from its edge; negative outside. */
  function fromRim(x, y, radius) {
    let least = Infinity;
    for (let n = 0; n < CORNERS; n += 1) {
      const a = ((2 * n + 1) * Math.PI) / CORNERS;
      least = Math.min(least, radius - (x * Math.sin(a) + y * Math.cos(a)));
    }
    return least;
  }

  /* Points and distances of other outlines (first of the level wins), and of ground outside all of them. */
  C15.elsewhere = function (lon, lat, radius, outlines) {
    const reach = radius * OVER, near = [];
    for (const outline of outlines) {
      const edge = outline.near(lon, lat, reach + 1), held = outline.holds(lon, lat) >= 0;
      if (held || (edge.length && edge[0][0] < reach)) near.push({ outline, edge, held });
    }
    if (!near.length || (near.length === 1 && near[0].held && !near[0].edge.some(([away]) => away < reach))) return [];
    const found = [], holder = near.findIndex((n) => n.held);
    near.forEach((n, at) => {
      if (at === holder) return;
      const before = near.slice(0, at).map((o) => o.outline);
      const point = pointIn(lon, lat, radius, n, (x, y) => n.outline.holds(x, y) > 0 && !before.some((o) => o.holds(x, y) >= 0));
      if (point) found.push(point);
    });
    if (holder >= 0) {
      const rest = outside(lon, lat, radius, near);
      if (rest) found.push(rest);
    }
    return found.filter((f) => f.moved_m <= radius + 1e-6);
  };

  /* A point of a piece of ground close to where the site is nearest to it. */
  function pointIn(lon, lat, radius, { edge, held }, holds) {
    const reach = radius * OVER;
    const candidates = [];
    for (const [away, x, y] of edge.slice(0, 40)) {
      const step = Math.min(0.01, Math.max((reach - away) / 2, 1e-4));
      const ux = away > 1e-9 ? x / away : 0, uy = away > 1e-9 ? y / away : 0;
      for (const [a, b] of [[ux, uy], [0, 1], [1, 0], [0, -1], [-1, 0]]) candidates.push([held ? 0 : away, x + a * step, y + b * step]);
    }
    for (const share of [0.999, 0.8, 0.6, 0.4, 0.2]) {
      for (let n = 0; n < 48; n += 1) {
        const a = (2 * Math.PI * n) / 48;
        candidates.push([held || !edge.length ? 0 : edge[0][0], radius * share * Math.sin(a), radius * share * Math.cos(a)]);
      }
    }
    for (const [moved, x, y] of candidates) {
      if (fromRim(x, y, radius * OVER * Math.cos(Math.PI / CORNERS)) < -1e-9) continue;
      const at = degrees(lon, lat, x, y);
      if (holds(...at)) return { lon: at[0], lat: at[1], moved_m: held ? Math.min(Math.hypot(x, y), radius) : moved };
    }
    return null;
  }

  /* Ground outside all outlines, where it is wider than noise of the drawing: squares cut finer where it may lie. */
  function outside(lon, lat, radius, near) {
    const reach = radius * OVER;
    const rim = (x, y) => fromRim(x, y, reach * Math.cos(Math.PI / CORNERS));
    const clear = function (x, y) {
      const at = degrees(lon, lat, x, y), edge = Math.min(...near.map(({ outline }) => (outline.near(...at, 2 * reach + 1)[0] || [Infinity])[0]));
      const free = !near.some(({ outline }) => outline.holds(...at) >= 0);
      return Math.min(free ? edge : -edge, rim(x, y));
    };
    let squares = [[0, 0, reach]], spot = null;
    for (let depth = 0; depth < 18 && squares.length && !spot; depth += 1) {
      const next = [];
      for (const [x, y, half] of squares) {
        const c = clear(x, y);
        if (c > NOISE) { spot = [x, y]; break; }
        if (c + half * Math.SQRT2 > NOISE && half > 1e-4) for (const [a, b] of [[-1, -1], [-1, 1], [1, -1], [1, 1]]) next.push([x + (a * half) / 2, y + (b * half) / 2, half / 2]);
      }
      squares = next;
    }
    if (!spot) return null;
    const at = degrees(lon, lat, ...spot);
    let moved = Math.hypot(...spot);
    for (const { outline, edge } of near) {
      for (const [away, x, y] of edge) {
        if (away >= moved) break;
        const free = [[0, 1], [1, 0], [0, -1], [-1, 0]].some(([a, b]) => {
          const p = degrees(lon, lat, x + a * 2e-3, y + b * 2e-3);
          return !near.some((o) => o.outline.holds(...p) >= 0);
        });
        if (free && outline) { moved = away; break; }
      }
    }
    return { lon: at[0], lat: at[1], moved_m: moved };
  }

  C15.errorRings = function (lon, lat, accuracy) {
    const found = [];
    for (const [share, corners] of [[1, 16], [0.5, 8]]) {
      for (let n = 0; n < corners; n += 1) {
        const [x, y] = G.move(lon, lat, (360 * n) / corners, share * accuracy);
        found.push({ lon: x, lat: y, moved_m: G.distance(lon, lat, x, y) });
      }
    }
    return found;
  };

  /* ── judgement ── */

  const FIXED = ["tags", "level", "beds", "stations", "physicians", "position_accuracy_m"];

  function signature(rules, row) {
    const said = [...LEVELS.map((l) => text(row[l + "_id"])), text(row.density_class)];
    for (const rule of rules) {
      if (rule.kind === "circle_limit" && list(rule.max_steps).length) {
        const limit = J.stepLimit(rule.max_steps, num(row[J.foot.residents(rule)]));
        said.push(Number.isNaN(limit) ? -1 : limit);
      }
      for (const a of [...list(rule.applicant), ...(rule.kind === "require" ? list(rule.needs) : [])]) {
        if (a.attribute in row && !FIXED.includes(a.attribute)) said.push(J.attributeState(a, row[a.attribute]));
      }
    }
    return JSON.stringify(said);
  }

  J.grounds = function (rules, here, rows) {
    const seen = new Set([signature(rules, here)]), kept = [];
    const near = (row) => Math.round(row.moved_m * 1000); // as near to a millimetre: as given
    for (const row of [...rows].sort((a, b) => near(a) - near(b))) {
      const kind = signature(rules, row);
      if (!seen.has(kind)) { seen.add(kind); kept.push(row); }
    }
    return kept;
  };

  const keyOf = (f) => f.rule_id + "\n" + f.bound;
  const DECIDES = ["exempt", "priority", "case_by_case", "admit_all"];
  function said(f) {
    if (!f || f.ground === CHECKLIST) return null;
    const fills = f.bound === "min" && J.FILLS.some((n) => f.notes.includes(n));
    if (f.outcome === MET && !DECIDES.includes(f.effect) && !fills) return null;
    return f.outcome + "\n" + f.effect + "\n" + fills;
  }
  const absent = (f) => ({ ...f, observed: null, limit: null, notes: [], neighbours: [], borderline: [], apart: [], figures: {} });

  J.reconcile = function (plan, here, findings, elsewhere, conclude) {
    if (!elsewhere.length) return [...findings];
    const firm = merge(plan, here, findings, elsewhere, true, true);
    const sides = unique([conclude(findings), ...elsewhere.map((e) => conclude(e.findings))]);
    if (sides.length > 1 || sides[0] === conclude(firm)) return firm;
    for (const foreign of [true, false]) {
      const mild = merge(plan, here, findings, elsewhere, false, foreign);
      if (conclude(mild) === sides[0]) return mild;
    }
    return firm;
  };

  function merge(plan, here, findings, elsewhere, ask, foreign) {
    const theirs = elsewhere.map((e) => [e.row, new Map(e.findings.map((f) => [keyOf(f), f]))]), merged = [], told = new Set();
    for (const one of findings) {
      const key = keyOf(one), other = theirs.find(([, found]) => said(found.get(key)) !== said(one));
      if (!other || (one.ground === CHECKLIST && !foreign)) merged.push(one);
      else {
        const there = other[1].get(key);
        if (one.ground === CHECKLIST && there) merged.push(unsure(plan, here, absent(there), other[0], there, true));
        else merged.push(unsure(plan, here, one, other[0], there, ask));
      }
      told.add(key);
    }
    for (const [row, found] of foreign ? theirs : []) {
      for (const [key, there] of found) {
        if (told.has(key) || said(there) === null) continue;
        told.add(key);
        merged.push(unsure(plan, here, absent(there), row, there, true));
      }
    }
    const tested = new Set(merged.filter((f) => f.ground !== CHECKLIST).map((f) => f.rule_id));
    return merged.filter((f) => f.ground !== CHECKLIST || !tested.has(f.rule_id));
  }

  function unsure(plan, here, one, row, there, ask) {
    const [why, more] = difference(plan, here, row);
    const figures = { ...one.figures, border_m: Math.round(row.moved_m * 100) / 100, position_accuracy_m: num(here.position_accuracy_m), ...more };
    const notes = [...one.notes, why];
    if (!there || there.ground === CHECKLIST) notes.push("beyond_none");
    else {
      notes.push("beyond_" + there.outcome);
      if (there.observed !== null) figures.beyond_observed = there.observed;
      if (there.limit !== null) figures.beyond_limit = there.limit;
    }
    if (ask && !notes.includes("check_on_site")) notes.push("position_check");
    return { ...one, outcome: ask ? "review" : one.outcome, figures, notes: unique(notes) };
  }

  function difference(plan, here, there) {
    for (const level of LEVELS) {
      const own = text(here[level + "_id"]), other = text(there[level + "_id"]);
      if (own === other) continue;
      const at = LEVELS.indexOf(level), levels = at < 3 ? LEVELS.slice(at, 3) : ["city"];
      const names = levels.reverse().map((l) => text(there[l + "_name"])).filter(Boolean);
      return [other ? "position_place" : "position_outside", { beyond: names.join(" ") }];
    }
    if (text(here.density_class) !== text(there.density_class)) {
      const unit = "density_" + plan.density_unit + "_per_km2", own = plan.classes.find((c) => c.id === there.density_class);
      const beyond = there.density_class ? (own ? own.title : there.density_class) : "—";
      return ["position_class", { beyond, density_per_km2: Math.round(num(here[unit]) * 10) / 10, beyond_density_per_km2: Math.round(num(there[unit]) * 10) / 10 }];
    }
    return ["position_measure", {}];
  }
})();
