/* The city in the page: register with what-if additions and retirements, measures of a site, verdict, coverage. */
(function () {
  "use strict";
  const G = C15.geo, J = C15.judge, LEVELS = ["community", "township", "district", "city"];
  const AMOUNTS = ["beds", "stations", "physicians"];

  class TesterCity {
    constructor(values, arrays) {
      this.values = values;
      this.plan = values.plan;
      this.asOf = values.as_of;
      this.places = C15.rowsOf(values.places);
      this.people = C15.peopleOf(values.people, arrays);
      const rings = C15.testerRings(arrays, "place"), start = arrays["place.start"]; // places beyond reach have none
      this.places.forEach((p, n) => { p.outline = new C15.Outline(n + 1 < start.length ? rings.slice(start[n], start[n + 1]) : []); });
      this.levels = {};
      for (const level of LEVELS) {
        const known = this.places.filter((p) => p.level === level);
        this.levels[level] = { table: known, byId: [...known].sort((a, b) => (a.place_id < b.place_id ? -1 : a.place_id > b.place_id ? 1 : 0)) };
      }
      this.within = this.places.filter((p) => values.within.includes(p.place_id));
      this.register = institutions(values, arrays);
      this.institutions = this.register.filter((o) => Number.isFinite(o.lon) && Number.isFinite(o.lat)); // the others are only counted in their places
      this.squares = C15.squares.gridOf(this.institutions);
      this.worst = this.institutions.reduce((a, o) => Math.max(a, o.accuracy_m), 0);
      this.ways = values.walk ? new C15.Ways(this, values.walk, arrays) : null;
      this.added = [];
      this.retired = new Set();
      this.counts = new Map();
      this.measured = new Map();
      this.held = null;
    }

    /* ── the set ── */

    changed() {
      this.counts.clear();
      this.held = null;
    }
    setAdded(sites) {
      this.added = sites.map((s) => this.placed({ ...this.bidOf(s), lon: s.lon, lat: s.lat, added: true }));
      this.changed();
    }
    retire(id, on) {
      if (on) this.retired.add(id); else this.retired.delete(id);
      this.changed();
    }
    bidOf(site) {
      return { id: site.id || "", name: site.name || "", address: "", service: site.service, tags: site.tags || "", level: site.level || "",
        beds: J.num(site.beds), stations: J.num(site.stations), physicians: J.num(site.physicians), accuracy_m: site.accuracy_m, reach: 0 };
    }
    standing() {
      if (!this.held) this.held = [...this.register.filter((o) => !this.retired.has(o.id)), ...this.added];
      return this.held;
    }

    /* Whether a site may be tested there: in the places of the page, or at most a circle outside. */
    reaches(lon, lat) {
      return this.within.some((p) => p.outline.holds(lon, lat) >= 0 || p.outline.near(lon, lat, this.plan.radius_m).length > 0);
    }
    get box() {
      const boxes = this.within.map((p) => p.outline.box);
      return [0, 1, 2, 3].map((k) => (k < 2 ? Math.min : Math.max)(...boxes.map((b) => b[k])));
    }

    /* Places of an institution: inside wins, else the first that it touches (measure/totals.py place_ids). */
    placed(one) {
      for (const level of LEVELS) {
        let inside = null, edge = null;
        for (const p of this.levels[level].table) if (p.outline.holds(one.lon, one.lat) > 0) inside = p;
        if (!inside) edge = this.levels[level].byId.find((p) => p.outline.holds(one.lon, one.lat) === 0);
        one[level + "_id"] = (inside || edge || { place_id: "" }).place_id;
      }
      return one;
    }

    near(lon, lat, reach, except) {
      const found = [];
      const look = (o) => {
        if (o.id === except || this.retired.has(o.id)) return;
        const [x, y] = G.localXy(o.lon, o.lat, lon, lat);
        if (Math.hypot(x, y) > reach + 1) return;
        const metres = G.distance(lon, lat, o.lon, o.lat);
        if (metres <= reach + G.TOLERANCE_M) found.push({ ...o, distance_m: metres });
      };
      C15.squares.nearIn(this.squares, lon, lat, reach, look);
      this.added.forEach(look);
      return found;
    }

    /* ── measures ── */

    placesAt(lon, lat) {
      const row = {};
      for (const level of LEVELS) {
        const held = this.levels[level].byId.find((p) => p.outline.holds(lon, lat) >= 0) || { place_id: "", name: "" };
        row[level + "_id"] = held.place_id;
        row[level + "_name"] = held.name;
        if (level === "township") {
          row.township_settings = held.settings || "";
          row.density_place_per_km2 = J.num(held.density_per_km2);
        }
      }
      return row;
    }

    measure(site, lon, lat) {
      const { radius_m: radius } = this.plan, others = this.near(lon, lat, radius, site.id).filter((o) => o.service === site.service);
      return J.withCaps(this.plan, {
        id: site.id, name: site.name || "", service: site.service, tags: site.tags || "", level: site.level || "", beds: J.num(site.beds),
        position_accuracy_m: site.accuracy_m, lon, lat, others_within: J.institutions(others).size,
        ...C15.circleMeasures(this.people, lon, lat, radius), ...this.placesAt(lon, lat), density_cell_per_km2: this.people.cellDensity(lon, lat),
        ...(this.ways ? this.ways.columns(lon, lat) : {}),
      });
    }

    elsewhere(site, row) {
      const { accuracy_m: accuracy } = site, points = [];
      if (!(accuracy > 0)) return points;
      for (const level of LEVELS) points.push(...C15.elsewhere(site.lon, site.lat, accuracy, this.levels[level].table.map((p) => p.outline)));
      if (this.plan.density_unit === "cell" && this.plan.classes.some((c) => c.by) && this.people.kind !== "point") {
        points.push(...C15.elsewhere(site.lon, site.lat, accuracy, this.people.outlinesNear(site.lon, site.lat, 2 * accuracy)));
      }
      if (this.gradual(site, row)) points.push(...C15.errorRings(site.lon, site.lat, accuracy));
      return points.map((p) => ({ ...this.measure(site, p.lon, p.lat), moved_m: p.moved_m }));
    }

    /* Whether the circle may cross a threshold within the position error (measure/position.py circle_bounds). */
    gradual(site, row) {
      const { plan } = this, radius = plan.radius_m, stepped = plan.rules.filter((r) => r.kind === "circle_limit" && (r.max_steps || []).length);
      if (this.ways && stepped.some((r) => r.distance === "walking")) return true; // who lives within a walk may change with every step
      const steps = stepped.filter((r) => r.distance !== "walking").flatMap((r) => r.max_steps.map((s) => s.up_to)).filter((v) => v !== undefined && v !== null);
      const bounds = plan.density_unit === "circle" ? plan.classes.filter((c) => c.by).flatMap((c) => [c.min, c.below]).filter((v) => v !== null) : [];
      if (!steps.length && !bounds.length) return false;
      const d = 2 ** Math.ceil(Math.log2(Math.max(site.accuracy_m, 1)));
      const people = (r) => (r > 0 ? C15.circleMeasures(this.people, site.lon, site.lat, r).residents_within : 0);
      const low = people(radius - d), high = people(radius + d);
      const km2 = (r) => (Math.PI * Math.max(r, 0) ** 2) / 1e6, land = row.circle_land_km2;
      const most = land + km2(radius + d) - km2(radius), least = Math.max(land - km2(radius) + km2(radius - d), 0);
      const between = (t, a, b) => a <= t && t <= b;
      return steps.some((t) => between(t, low, high)) || bounds.some((t) => between(t, most > 0 ? low / most : 0, least > 0 ? high / least : Infinity));
    }

    /* ── verdict ── */

    judge(site) {
      if (!this.added.includes(site)) return this.judged(site);
      const all = this.added;
      this.added = all.filter((o) => o !== site);
      this.changed();
      const verdict = this.judged(site);
      this.added = all;
      this.changed();
      return verdict;
    }

    judged(site) {
      const { plan } = this, rules = plan.rules.filter((r) => r.services.includes(site.service));
      const reach = plan.reach_m + site.accuracy_m + this.worst;
      const counts = (o) => o.distance_m <= plan.reach_m + site.accuracy_m + o.accuracy_m + G.TOLERANCE_M;
      const near = this.near(site.lon, site.lat, reach, site.id).filter(counts);
      const here = this.measure(site, site.lon, site.lat);
      this.markExceeding(near, site);
      if (this.ways) this.ways.tell(site, near);
      const base = {
        plan, city: this, near, asOf: this.asOf, attributes: site.attributes || {}, bid: this.bidOf(site),
        tags: (site.tags || "").split(";").filter(Boolean),
      };
      const judge = (row) => rules.flatMap((r) => J.ofSite(r, { ...base, row }));
      const moved = J.grounds(rules, here, this.elsewhere(site, here)).map((row) => ({ row, findings: judge(row) }));
      const total = (one) => J.conclude(J.collide(plan, J.lift(one))[0]);
      const merged = J.reconcile(plan, here, judge(here), moved, total);
      const [findings, collisions] = J.collide(plan, J.lift(merged));
      const ordered = findings.map((f, n) => [J.inOrder(f), n, f]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((a) => a[2]);
      return { site, row: here, conclusion: J.conclude(ordered), decided_by: J.deciding(ordered), findings: ordered, collisions, near, walk: this.ways ? this.ways.measures(site, near) : null };
    }

    /* The cap of an institution's own circle, from no more measures than the plan's density asks for. */
    capOf(one) {
      const { lon, lat, service, tags } = one, unit = this.plan.density_unit;
      const circle = unit === "circle" ? C15.circleMeasures(this.people, lon, lat, this.plan.radius_m) : {};
      const cell = unit === "cell" ? { density_cell_per_km2: this.people.cellDensity(lon, lat) } : {};
      return J.withCaps(this.plan, { service, tags, others_within: 0, ...circle, ...this.placesAt(lon, lat), ...cell }).circle_limit;
    }

    /* Neighbours of the service whose own circle would rise above its cap. */
    markExceeding(near, site) {
      for (const n of near) {
        if (n.service !== site.service || n.distance_m > this.plan.radius_m + 1e-6) continue;
        if (!this.measured.has(n.id)) this.measured.set(n.id, this.capOf(n));
        const others = this.near(n.lon, n.lat, this.plan.radius_m, n.id).filter((o) => o.service === n.service && (!o.institution || o.institution !== n.institution));
        n.would_exceed = J.institutions(others).size + 2 > this.measured.get(n.id);
      }
    }

    /* ── coverage of the set against what stands today ── */

    /* Residents of places that do not overlap (null: everywhere) newly covered, and no longer, by a service; visit(frame, people)
       tells the change of each cell. */
    change(service, places, visit) {
      const radius = this.plan.radius_m, old = (o) => o.service === service;
      const moved = [...this.added.filter(old), ...this.institutions.filter((o) => old(o) && this.retired.has(o.id))];
      const cells = new Map();
      for (const o of moved) this.people.each(o.lon, o.lat, radius, (people, frame, key) => cells.set(key, [people, frame, key]));
      const before = C15.squares.gridOf(this.institutions.filter(old));
      const after = C15.squares.gridOf([...this.institutions.filter((o) => old(o) && !this.retired.has(o.id)), ...this.added.filter(old)]);
      const found = { gained: 0, lost: 0 };
      for (const [people, frame, key] of cells.values()) {
        for (const place of places || [null]) {
          const part = this.partIn(place, frame, key);
          if (!part) continue;
          const share = coveredShare(after, part, radius) - coveredShare(before, part, radius), count = part.area > 0 ? people * (part.area / frame.area) : people;
          if (share === 0) continue;
          if (share > 0) found.gained += share * count; else found.lost -= share * count;
          if (visit) visit(frame, share * count);
        }
      }
      return found;
    }

    /* What a goal measures in a place; coverage as the set leaves it. */
    goalAfter(place, measure, service) {
      const told = J.num(place[measure] === undefined || place[measure] === null ? place[measure + "_" + service] : place[measure]);
      if (measure !== "coverage_share" || Number.isNaN(told) || !(this.added.length || this.retired.size)) return told;
      const key = "goal " + place.place_id + " " + service;
      if (!this.counts.has(key)) {
        const { gained, lost } = this.change(service, place.members ? this.places.filter((p) => place.members.includes(p.place_id)) : [place]);
        const base = this.values.coverage.find((c) => c.place_id === place.place_id && c.service === service) || place;
        this.counts.set(key, told + (gained - lost) / base.residents);
      }
      return this.counts.get(key);
    }

    /* The part of a cell that lies in a place; the cell itself inside, null outside. */
    partIn(place, frame, key) {
      if (!place) return frame;
      const { outline } = place;
      if (!(frame.area > 0) || !this.people.lattice) return outline.holds(frame.lon, frame.lat) >= 0 ? frame : null;
      if (!outline.near(frame.lon, frame.lat, frame.reach).length) return outline.holds(frame.lon, frame.lat) > 0 ? frame : null;
      const { lattice } = this.people, quad = lattice.quad(key % lattice.cols, Math.floor(key / lattice.cols));
      const rings = outline.rings.map((ring) => clip(ring, quad)).filter((ring) => ring.length >= 6);
      const part = rings.length ? C15.frameOf(rings) : null;
      return part && part.area > 0 ? part : null;
    }
  }

  /* A ring cut down to a convex quadrilateral (Sutherland and Hodgman); doubled edges cancel in every area. */
  function clip(ring, quad) {
    let points = [];
    for (let v = 0; v < ring.length; v += 2) points.push([ring[v], ring[v + 1]]);
    for (let k = 0; k < quad.length && points.length; k += 1) {
      const [ax, ay] = quad[k], [bx, by] = quad[(k + 1) % quad.length], next = [];
      const side = ([x, y]) => (bx - ax) * (y - ay) - (by - ay) * (x - ax);
      points.forEach((p, n) => {
        const q = points[(n + 1) % points.length], s = side(p), t = side(q);
        if (s >= 0) next.push(p);
        if (s > 0 !== t > 0 && s !== 0 && t !== 0) next.push([p[0] + (s / (s - t)) * (q[0] - p[0]), p[1] + (s / (s - t)) * (q[1] - p[1])]);
      });
      points = next;
    }
    return Float64Array.from(points.flat());
  }

  C15.clipRing = clip;

  function coveredShare(grid, frame, radius) {
    const near = [];
    let whole = false;
    C15.squares.nearIn(grid, frame.lon, frame.lat, radius + frame.reach, (o) => {
      if (whole) return;
      const [x, y] = G.frameXy(o.lon, o.lat, frame.lon, frame.lat), away = Math.hypot(x, y);
      if (frame.area > 0) {
        if (away + frame.reach <= radius) whole = true;
        else if (away - frame.reach < radius) near.push([x, y]);
      } else if (C15.discShare(frame, o.lon, o.lat, radius) > 0) whole = true;
    });
    if (whole) return 1;
    return near.length ? Math.min(G.unionArea(frame.xy, near, radius) / frame.area, 1) : 0;
  }

  function institutions(values, arrays) {
    const told = values.institutions, lon = arrays["site.lon"], lat = arrays["site.lat"], service = arrays["site.service"];
    const accuracy = arrays["site.position_accuracy_m"], out = [];
    for (let n = 0; n < service.length; n += 1) {
      const given = accuracy ? accuracy[n] : NaN;
      const one = { n, id: told.id[n], name: told.name[n], address: told.address[n], lon: lon[n], lat: lat[n], reach: 0,
        service: values.service_order[service[n]], accuracy_m: Number.isNaN(given) ? values.accuracy_m : Math.max(0, given) };
      for (const column of told.numbers) one[column] = arrays["site." + column][n];
      for (const [column, words] of Object.entries(told.words)) one[column] = words[arrays["site." + column][n]] || "";
      for (const column of AMOUNTS) if (one[column] === undefined) one[column] = NaN;
      for (const level of LEVELS) one[level + "_id"] = one[level + "_id"] || "";
      out.push(one);
    }
    return out;
  }

  Object.assign(C15, { TesterCity, coveredShare });
})();
