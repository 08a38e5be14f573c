/* What the tested site reaches on foot: ways to its neighbours, residents, streets for the map (prepared.py,
   measure/walking_circles.py). A city without streets has none of it. */
(function () {
  "use strict";
  const G = C15.geo, WIDEST_M = 200, M_PER_DEGREE = 111320, SHOWN_RADII = 3, CLOSE_M = 0.1;
  const onFoot = (rule) => rule.distance === "walking";

  class Ways {
    constructor(city, meta, arrays) {
      Object.assign(this, { city, meta, arrays });
      this.homes = new Map();
      this.reckoning = city.plan.rules.filter((r) => r.kind === "circle_limit" && onFoot(r) && ((r.max_steps || []).length || r.max_rate !== undefined));
      /* Cells of no grid are too coarse for a walk: the workbench cuts them up, a page does not. */
      this.counts = city.people.kind === "point" || Boolean(city.people.lattice);
    }
    get net() {
      if (!this.made) this.made = new C15.Walk(this.meta, this.arrays);
      return this.made;
    }
    metres(minutes) { return minutes * 60 * this.meta.metres_per_s; }

    /* How far ways are followed: as far as any rule that the page decides looks, and so far that neighbours can be told. */
    horizon(site) {
      const { plan, worst } = this.city;
      let most = SHOWN_RADII * plan.radius_m;
      for (const rule of plan.rules) {
        if (!rule.services.includes(site.service) || !["circle_limit", "exempt", "prefer"].includes(rule.kind)) continue;
        const own = Math.max(rule.radius_m || plan.radius_m, this.metres(rule.minutes || 0));
        most = Math.max(most, own * (rule.reach === "overlap" ? 2 : 1));
      }
      return most + site.accuracy_m + worst;
    }

    /* Tell the neighbours how far they are on foot; null for those on no street, Infinity beyond the horizon. */
    tell(site, near) {
      const { net } = this, here = net.spot(site.lon, site.lat), most = this.horizon(site);
      for (const n of near) {
        n.spot = here && net.spot(n.lon, n.lat);
        n.walking_m = n.walking_minutes = n.spot ? Infinity : null;
      }
      if (!here) return;
      const asked = near.filter((n) => n.spot && n.distance_m <= most), targets = asked.map((n) => n.spot);
      net.spread(here, { least: 0, most, targets });
      for (const n of asked) {
        n.walking_m = net.to(n.spot, n.distance_m, most);
        n.walking_minutes = n.walking_m / this.metres(1);
      }
      if (!net.factor) return;
      net.spread(here, { least: 0, most, targets, factor: net.factor });
      for (const n of asked) n.walking_minutes = net.to(n.spot, n.distance_m, most) / this.metres(1);
    }

    /* Residents of rules that reckon on those within their own distance on foot, by column. */
    columns(lon, lat) {
      const { foot } = C15.judge, { plan } = this.city, found = {};
      for (const rule of this.reckoning) {
        const timed = rule.minutes !== undefined, limit = timed ? this.metres(rule.minutes) : rule.radius_m || plan.radius_m;
        found[foot.residents(rule)] = this.residents(lon, lat, limit, timed ? this.net.factor : null);
      }
      return found;
    }

    /* What is told of the site itself: metres to the street, others and residents within the radius on foot. */
    measures(site, near) {
      const { plan } = this.city, here = this.net.spot(site.lon, site.lat), within = (n) => n.walking_m <= plan.radius_m + G.TOLERANCE_M;
      const others = near.filter((n) => n.service === site.service && n.walking_m !== null && within(n)).length;
      return { snap_m: here ? here.snap : NaN, others: here ? others : NaN, residents: this.residents(site.lon, site.lat, plan.radius_m, null) };
    }

    /* NaN on no street, and where cells are too coarse. */
    residents(lon, lat, limit, factor) {
      const { net } = this, here = net.spot(lon, lat);
      if (!here || !this.counts) return NaN;
      net.spread(here, { least: limit, factor });
      let sum = 0;
      this.city.people.each(lon, lat, limit, (people, frame, key) => {
        for (const home of this.home(frame, key)) {
          if (!home.spot) continue;
          const way = net.to(home.spot, 0, limit);
          // the straight line matters as a floor by millimetres only
          if (way <= limit - CLOSE_M || (way < Infinity && G.distance(lon, lat, home.lon, home.lat) <= limit + G.TOLERANCE_M)) sum += people * home.share;
        }
      });
      return sum;
    }

    /* Where a cell meets the streets: from its middle, wide ones in parts (measure/pieces.py split_wide). */
    home(frame, key) {
      let found = this.homes.get(key);
      if (!found) {
        const { lattice } = this.city.people, { net } = this;
        const rings = lattice ? parts([Float64Array.from(lattice.quad(key % lattice.cols, Math.floor(key / lattice.cols)).flat())]) : [];
        const frames = rings.length > 1 ? rings.map((ring) => C15.frameOf([ring])) : [frame], whole = frames.reduce((a, f) => a + f.area, 0);
        found = frames.map((f) => ({ lon: f.lon, lat: f.lat, spot: net.spot(f.lon, f.lat), share: frames.length > 1 ? f.area / whole : 1 }));
        this.homes.set(key, found);
      }
      return found;
    }

    /* Streets within the radius of the site, for looking only. */
    lines(site) {
      const { net } = this, here = net.spot(site.lon, site.lat), radius = this.city.plan.radius_m;
      return here ? [[[site.lat, site.lon], [here.lat, here.lon]], ...net.spread(here, { least: radius }).lines(radius)] : [];
    }
  }

  /* A ring halved across its longer side until none is wider than WIDEST_M. */
  function parts(rings) {
    const done = [];
    while (rings.length) {
      const ring = rings.pop(), low = [Infinity, Infinity], high = [-Infinity, -Infinity];
      ring.forEach((value, n) => { low[n % 2] = Math.min(low[n % 2], value); high[n % 2] = Math.max(high[n % 2], value); });
      const middle = [0, 1].map((k) => (low[k] + high[k]) / 2);
      const width = (high[0] - low[0]) * Math.cos((Math.abs(middle[1]) * Math.PI) / 180) * M_PER_DEGREE, height = (high[1] - low[1]) * M_PER_DEGREE;
      if (Math.max(width, height) <= WIDEST_M) { done.push(ring); continue; }
      const across = height > width ? 1 : 0, below = [...high], above = [...low];
      below[across] = above[across] = middle[across];
      for (const [[w, s], [e, n]] of [[low, below], [above, high]]) {
        const half = C15.clipRing(ring, [[w, s], [e, s], [e, n], [w, n]]);
        if (half.length >= 6) rings.push(half);
      }
    }
    return done;
  }

  C15.Ways = Ways;

  /* Figures on foot, to stand beside the straight ones of a verdict. */
  C15.walkWords = function ({ site, walk }, { word, num, city }) {
    const { el } = C15, radius = num(city.plan.radius_m), known = Number.isFinite(walk.snap_m), { ways } = city;
    const far = word("walk.far", { metres: num(100 * Math.floor(ways.horizon(site) / 100)) });
    return {
      residents: !known ? "" : ways.counts ? word("walk.residents", { radius, count: num(walk.residents) }) : word("walk.coarse"),
      others: known ? word("walk.others", { radius, count: num(walk.others) }) : "",
      snap: known ? word("walk.snap", { metres: num(walk.snap_m) }) : "",
      alert: known ? "" : word("walk.nowhere", { metres: num(ways.meta.max_snap_m) }),
      head: [el("th", { scope: "col", cls: "t-number", text: word("walk.distance") })],
      cell: (n) => [el("td", { cls: "t-number", text: n.walking_m === null ? word("walk.off") : Number.isFinite(n.walking_m) ? n.walking_m.toFixed(1) : far })],
    };
  };
})();
