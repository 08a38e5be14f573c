/* The page's values as its parts want them: institutions, places, gaps, head-room, shares. */
(function () {
  "use strict";
  const degrees = (x, y) => [x / 1e6, y / 1e6];

  C15.prepare = function (data) {
    data.site = C15.rowsOf(data.sites);
    data.site.forEach((one, n) => {
      if (one.at !== undefined) for (const k of ["id", "name", "address", "lon", "lat"]) one[k] = C15.testerCity.institutions[one.at][k];
      one.n = n;
      one.service = data.services[one.service];
      one.u = C15.u(one.lon);
      one.v = C15.v(one.lat);
      one.findings = data.site_findings[n];
    });
    data.siteById = new Map(data.site.map((s) => [s.id, s]));
    delete data.sites;
    delete data.site_findings;
    const told = C15.readShapes(C15.readArrays("places"), degrees);
    shape(data.places, data.places.map((p) => (p.at === undefined ? told.shift() : C15.testerCity.places[p.at].outline.points())));
    data.placeById = new Map(data.places.map((p) => [p.id, p]));
    data.districtPlace = data.places[0];
    data.townships = data.places.filter((p) => p.own && p.level === "township");
    data.inner = data.places.filter((p) => p.own && p.level === "district" && !p.whole);
    data.beside = data.places.filter((p) => !p.own);
    prepareGaps(data);
    prepareStreets(data);
    data.left = {};
    data.share = {};
    for (const s of data.assessed) {
      data.left[s] = new Map(data.quota[s].map(([id, count, cap]) => [id, { count, cap, left: cap - count }]));
      data.share[s] = new Map(data.shares[s].map(([id, share, uncovered, walking]) => [id, { share, uncovered, walking }]));
    }
    data.levels = [...new Set(data.site.map((s) => s.level))].sort((a, b) => LEVELS.indexOf(a) - LEVELS.indexOf(b));
  };
  const LEVELS = ["tertiary", "secondary", "primary", "ungraded", ""];

  function prepareGaps(data) {
    const told = data.gaps, rows = told.gap_id.length ? C15.rowsOf({ ...told, rank: [...C15.undelta(told.rank)] }) : [];
    const lattice = data.counted.lattice ? new C15.Lattice(data.counted.lattice) : null;
    const corner = (x, y) => lattice.degrees_of(x / 2, y / 2);
    shape(rows, C15.readShapes(C15.readArrays("gaps"), told.on_grid ? corner : degrees));
    for (const gap of rows) {
      gap.gap_id = gap.gap_id || "G" + String(gap.rank).padStart(3, "0");
      gap.candidate = gap.candidate_lon === null ? null : [gap.candidate_lon, gap.candidate_lat];
      const nearest = data.site[gap.nearest_at];
      if (nearest) Object.assign(gap, { nearest_name: nearest.name, nearest_m: Math.round(C15.distance(...gap.candidate, nearest.lon, nearest.lat)) });
    }
    data.gaps = rows;
    data.gapById = new Map(rows.map((g) => [g.gap_id + " " + g.service, g]));
  }

  /* Streets within a walk by service, where the page has them: open lines and their boxes. */
  function prepareStreets(data) {
    const held = data.streets || [];
    const shapes = held.length ? C15.readShapes(C15.readArrays("streets"), (x, y) => [x / 1e5, y / 1e5]) : [];
    data.streets = new Map(held.map((s, n) => [s, shapes[n].map((points) => {
      const [west, south, east, north] = boundsOf([points]);
      return { flat: C15.flat(points), uv: [C15.u(west), C15.v(north), C15.u(east), C15.v(south)] };
    })]));
  }

  C15.shape = shape;
  function shape(rows, shapes) {
    rows.forEach((row, n) => {
      row.lonlat = shapes[n];
      row.flat = row.lonlat.map(C15.flat);
      row.box = boundsOf(row.lonlat);
      row.uv = row.box && [C15.u(row.box[0]), C15.v(row.box[3]), C15.u(row.box[2]), C15.v(row.box[1])];
    });
  }

  function boundsOf(rings) {
    let w = Infinity, s = Infinity, e = -Infinity, n = -Infinity;
    for (const ring of rings) {
      for (const [x, y] of ring) {
        if (x < w) w = x;
        if (x > e) e = x;
        if (y < s) s = y;
        if (y > n) n = y;
      }
    }
    return w <= e ? [w, s, e, n] : null;
  }

  C15.holds = function (place, lon, lat) {
    const [w, s, e, n] = place.box;
    return lon >= w && lon <= e && lat >= s && lat <= n && C15.inRings(lon, lat, place.lonlat);
  };

  /* Residents on the ground at a place: { residents, density, exact } or null. */
  C15.populationAt = function (lon, lat) {
    const { cells } = C15;
    if (cells.lattice) return C15.latticeAt(cells, lon, lat);
    const at = C15.cellAt(cells, lon, lat);
    return at < 0 ? null : { residents: cells.residents[at] / 10, density: cells.density[at] < 0 ? null : cells.density[at], exact: true };
  };

  /* Gaps of a service as they are to be drawn: as told, or as a what-if leaves them. */
  C15.gapsOf = (service) => (C15.whatIf && C15.whatIf.get(service)) || C15.data.gaps.filter((g) => g.service === service);

  /* Whether a what-if touches a service: C15.shareAfter then holds its share of residents covered. */
  C15.tested = (service) => Boolean(C15.shareAfter && C15.shareAfter.has(service));

  /* Institutions of a service whose circles are to be drawn: as they stand, or as a what-if leaves them. */
  C15.standing = function (service) {
    const own = (s) => s.service === service, set = C15.testerCity;
    if (!set) return C15.data.site.filter(own);
    const added = set.added.filter(own).map((o) => ({ ...o, u: C15.u(o.lon), v: C15.v(o.lat), inside: true }));
    return [...C15.data.site.filter((s) => own(s) && !set.retired.has(s.id)), ...added];
  };

  C15.classOf = (density) => C15.data.breaks.filter((b) => density >= b * (1 - 1e-6)).length;

  /* Which institutions the filters let through. */
  C15.visible = (site) => C15.state.shown[site.service] && !C15.state.hiddenLevels.has(site.level);

  /* The finest places that a theme has values for: townships, else districts. */
  C15.themePlaces = function (values) {
    const has = (list) => list.some((p) => values.has(p.id));
    const { townships, inner, districtPlace } = C15.data;
    return has(townships) ? townships : has(inner) ? inner : [districtPlace];
  };
  C15.LEFT = [["#b2182b", "over"], ["#f4a582", "full"], ["#d1e5f0", "some"], ["#4393c3", "ample"], ["#e3e3e0", "none"]];
  C15.leftClass = (held) => (!held ? 4 : held.left < 0 ? 0 : held.left === 0 ? 1 : held.left < 3 ? 2 : 3);
  C15.SHARE = ["#fee8c8", "#fdbb84", "#9ecae1", "#2171b5"];
  C15.shareClass = (held, target) => (!held || held.share === null ? -1 : held.share >= target - 1e-9 ? 3 : held.share >= 0.8 ? 2 : held.share >= 0.5 ? 1 : 0);
})();
