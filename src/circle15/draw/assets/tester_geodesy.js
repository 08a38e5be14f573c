/* Numbers on the ellipsoid as the library has them: geodesic distance, local frames, areas under discs, datums. */
(function () {
  "use strict";
  const A = 6378137.0, F = 1 / 298.257223563, B = A * (1 - F), E2 = F * (2 - F), RAD = Math.PI / 180;
  const G = (C15.geo = {});
  G.TOLERANCE_M = 1e-6;

  /* Metres east and north of (lon0, lat0) on the radii at middle latitude (project/metric.py local_xy). */
  G.localXy = function (lon, lat, lon0, lat0) {
    let east = lon - lon0;
    if (Math.abs(east) > 180) east -= Math.sign(east) * 360;
    const s = Math.sin(((lat + lat0) / 2) * RAD), c = Math.cos(((lat + lat0) / 2) * RAD), magic = 1 - E2 * s * s, root = Math.sqrt(magic);
    return [(A / root) * c * east * RAD, ((A * (1 - E2)) / (magic * root)) * (lat - lat0) * RAD];
  };

  /* Distance and direction from (lon0, lat0), right also between points of the frame (measure/cells.py frame_xy). */
  G.frameXy = function (lon, lat, lon0, lat0) {
    const [x, y] = G.localXy(lon, lat, lon0, lat0);
    const half = ((lon - lon0) * RAD * Math.sin(((lat + lat0) / 2) * RAD)) / 2, s = Math.sin(half), c = Math.cos(half);
    return [x * c - y * s, y * c + x * s];
  };

  /* Vincenty's inverse: nanometres off Karney's at the distances of a city. */
  G.distance = function (lon1, lat1, lon2, lat2) {
    if (lon1 === lon2 && lat1 === lat2) return 0;
    const l = (lon2 - lon1) * RAD;
    const u1 = Math.atan((1 - F) * Math.tan(lat1 * RAD)), u2 = Math.atan((1 - F) * Math.tan(lat2 * RAD));
    const su1 = Math.sin(u1), cu1 = Math.cos(u1), su2 = Math.sin(u2), cu2 = Math.cos(u2);
    let lambda = l, ss = 0, cs = 1, sigma = 0, ca2 = 0, c2m = 0;
    for (let n = 0; n < 50; n += 1) {
      const sl = Math.sin(lambda), cl = Math.cos(lambda);
      ss = Math.hypot(cu2 * sl, cu1 * su2 - su1 * cu2 * cl);
      if (ss === 0) return 0;
      cs = su1 * su2 + cu1 * cu2 * cl;
      sigma = Math.atan2(ss, cs);
      const sa = (cu1 * cu2 * sl) / ss;
      ca2 = 1 - sa * sa;
      c2m = ca2 > 1e-14 ? cs - (2 * su1 * su2) / ca2 : 0;
      const c = (F / 16) * ca2 * (4 + F * (4 - 3 * ca2));
      const next = l + (1 - c) * F * sa * (sigma + c * ss * (c2m + c * cs * (2 * c2m * c2m - 1)));
      const moved = Math.abs(next - lambda);
      lambda = next;
      if (moved < 1e-15) break;
    }
    const k = (ca2 * (A * A - B * B)) / (B * B);
    const big = 1 + (k / 16384) * (4096 + k * (-768 + k * (320 - 175 * k)));
    const small = (k / 1024) * (256 + k * (-128 + k * (74 - 47 * k)));
    const more = small * ss * (c2m + (small / 4) * (cs * (2 * c2m * c2m - 1) - (small / 6) * c2m * (4 * ss * ss - 3) * (4 * c2m * c2m - 3)));
    return B * big * (sigma - more);
  };

  /* The point at a geodesic distance and direction (degrees from north): found by stepping back what a first guess missed. */
  G.move = function (lon, lat, azimuth, metres) {
    const east = metres * Math.sin(azimuth * RAD), north = metres * Math.cos(azimuth * RAD);
    let x = lon, y = lat;
    for (let n = 0; n < 6; n += 1) {
      const [dx, dy] = n ? G.frameXy(x, y, lon, lat) : [0, 0];
      const s = Math.sin(((y + lat) / 2) * RAD), w = 1 - E2 * s * s;
      x += (east - dx) / ((A / Math.sqrt(w)) * Math.cos(((y + lat) / 2) * RAD) * RAD);
      y += (north - dy) / (((A * (1 - E2)) / (w * Math.sqrt(w))) * RAD);
    }
    return [x, y];
  };

  G.outline = (lon, lat, radius, points) => Array.from({ length: points }, (_, n) => G.move(lon, lat, (360 * n) / points, radius));

  /* ── areas under discs (measure/kernels.py): rings are arrays x, y, x, y …, exteriors counter-clockwise ── */

  const angle = (ax, ay, bx, by) => Math.atan2(ax * by - ay * bx, ax * bx + ay * by);

  function wedge(ax, ay, bx, by, r2) {
    const cross = ax * by - ay * bx;
    if (ax * ax + ay * ay <= r2 && bx * bx + by * by <= r2) return 0.5 * cross;
    const ux = bx - ax, uy = by - ay, length2 = ux * ux + uy * uy;
    if (length2 === 0) return 0;
    const half2 = r2 - (cross * cross) / length2;
    if (half2 <= 0) return 0.5 * r2 * angle(ax, ay, bx, by);
    const middle = -(ax * ux + ay * uy) / length2, half = Math.sqrt(half2 / length2);
    let t1 = middle - half, t2 = middle + half;
    if (t1 >= 1 || t2 <= 0) return 0.5 * r2 * angle(ax, ay, bx, by);
    t1 = Math.max(t1, 0);
    t2 = Math.min(t2, 1);
    const before = t1 > 0 ? angle(ax, ay, ax + t1 * ux, ay + t1 * uy) : 0;
    const after = t2 < 1 ? angle(ax + t2 * ux, ay + t2 * uy, bx, by) : 0;
    return 0.5 * (cross * (t2 - t1) + r2 * (before + after));
  }

  function eachEdge(rings, visit) {
    for (const ring of rings) {
      const n = ring.length;
      let ax = ring[n - 2], ay = ring[n - 1];
      for (let v = 0; v < n; v += 2) {
        visit(ax, ay, ring[v], ring[v + 1]);
        ax = ring[v];
        ay = ring[v + 1];
      }
    }
  }

  G.discArea = function (rings, cx, cy, radius) {
    const r2 = radius * radius;
    let area = 0;
    for (const ring of rings) {
      const n = ring.length;
      let ax = ring[n - 2] - cx, ay = ring[n - 1] - cy;
      for (let v = 0; v < n; v += 2) {
        const bx = ring[v] - cx, by = ring[v + 1] - cy;
        area += wedge(ax, ay, bx, by, r2);
        ax = bx;
        ay = by;
      }
    }
    return Math.max(area, 0);
  };

  G.ringsArea = function (rings) {
    let area = 0;
    eachEdge(rings, (ax, ay, bx, by) => { area += 0.5 * (ax * by - ay * bx); });
    return area;
  };

  G.insideXy = function (rings, x, y) {
    let inside = false;
    eachEdge(rings, (ax, ay, bx, by) => {
      if (ay > y !== by > y && x < ax + ((y - ay) / (by - ay)) * (bx - ax)) inside = !inside;
    });
    return inside;
  };

  const TOUCH = 1e-4, CORNER = 1e-9, SAME = 1e-6;

  function cuts(ax, ay, bx, by, radius) {
    const ux = bx - ax, uy = by - ay, length2 = ux * ux + uy * uy;
    if (length2 === 0) return [];
    const cross = ax * by - ay * bx, half2 = radius * radius - (cross * cross) / length2;
    if (half2 < -TOUCH * TOUCH) return [];
    const half = half2 > TOUCH * TOUCH ? Math.sqrt(half2 / length2) : 0;
    const middle = -(ax * ux + ay * uy) / length2, slack = CORNER / Math.sqrt(length2);
    return [middle - half, middle + half].filter((t) => t >= -slack && t <= 1 + slack).map((t) => Math.min(Math.max(t, 0), 1));
  }

  const covered = (discs, skip, x, y, r2) => discs.some(([cx, cy], n) => n !== skip && (x - cx) * (x - cx) + (y - cy) * (y - cy) <= r2);

  /* Area of a cell under any of several discs: the edges and arcs that bound it (Green). */
  G.unionArea = function (rings, centres, radius) {
    const discs = [];
    for (const [x, y] of centres) if (!discs.some((d) => Math.hypot(d[0] - x, d[1] - y) <= SAME)) discs.push([x, y]);
    if (!discs.length) return 0;
    if (discs.length === 1) return G.discArea(rings, discs[0][0], discs[0][1], radius);
    const r2 = radius * radius;
    let sum = 0;
    eachEdge(rings, (ax, ay, bx, by) => {
      const at = [0, 1];
      for (const [cx, cy] of discs) at.push(...cuts(ax - cx, ay - cy, bx - cx, by - cy, radius));
      at.sort((a, b) => a - b);
      for (let i = 1; i < at.length; i += 1) {
        const step = at[i] - at[i - 1], t = 0.5 * (at[i] + at[i - 1]);
        if (step > 0 && covered(discs, -1, ax + t * (bx - ax), ay + t * (by - ay), r2)) sum += 0.5 * (ax * by - ay * bx) * step;
      }
    });
    discs.forEach(([cx, cy], own) => { sum += arcs(rings, discs, own, cx, cy, radius); });
    return Math.min(Math.max(sum, 0), Math.abs(G.ringsArea(rings)));
  };

  function arcs(rings, discs, own, cx, cy, radius) {
    const at = [];
    eachEdge(rings, (ax, ay, bx, by) => {
      for (const t of cuts(ax - cx, ay - cy, bx - cx, by - cy, radius)) at.push(Math.atan2(ay - cy + t * (by - ay), ax - cx + t * (bx - ax)));
    });
    discs.forEach(([x, y], n) => {
      const ux = x - cx, uy = y - cy, away2 = ux * ux + uy * uy, half2 = radius * radius - 0.25 * away2;
      if (n === own || half2 <= -TOUCH * TOUCH) return;
      const half = half2 > TOUCH * TOUCH ? Math.sqrt(half2 / away2) : 0;
      at.push(Math.atan2(0.5 * uy + half * ux, 0.5 * ux - half * uy), Math.atan2(0.5 * uy - half * ux, 0.5 * ux + half * uy));
    });
    if (!at.length) at.push(-Math.PI);
    at.sort((a, b) => a - b);
    let sum = 0;
    for (let i = 0; i < at.length; i += 1) {
      const a = at[i], b = i + 1 < at.length ? at[i + 1] : at[0] + 2 * Math.PI;
      const x = cx + radius * Math.cos(0.5 * (a + b)), y = cy + radius * Math.sin(0.5 * (a + b));
      if (b <= a || !G.insideXy(rings, x, y) || covered(discs, own, x, y, radius * radius)) continue;
      sum += 0.5 * radius * (radius * (b - a) + cx * (Math.sin(b) - Math.sin(a)) - cy * (Math.cos(b) - Math.cos(a)));
    }
    return sum;
  }

  /* ── datums (project/datum.py) ── */

  const KA = 6378245.0, KE = 0.00669342162296594323, WAVE = (Math.PI * 3000) / 180;
  const shifted = (x, y, margin) => x >= 72.004 - margin && x <= 137.8347 + margin && y >= 0.8293 - margin && y <= 55.8271 + margin;

  function toGcj(lon, lat) {
    const x = lon - 105, y = lat - 35, p = Math.PI, root = Math.sqrt(Math.abs(x));
    const ripple = 20 * Math.sin(6 * p * x) + 20 * Math.sin(2 * p * x);
    let north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root;
    north += ((ripple + 20 * Math.sin(p * y) + 40 * Math.sin((p / 3) * y)) * 2) / 3;
    north += ((160 * Math.sin((p / 12) * y) + 320 * Math.sin((p / 30) * y)) * 2) / 3;
    let east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root;
    east += ((ripple + 20 * Math.sin(p * x) + 40 * Math.sin((p / 3) * x)) * 2) / 3;
    east += ((150 * Math.sin((p / 12) * x) + 300 * Math.sin((p / 30) * x)) * 2) / 3;
    const s = Math.sin(lat * RAD), magic = 1 - KE * s * s, root2 = Math.sqrt(magic);
    return [lon + east / ((KA / root2) * Math.cos(lat * RAD)) / RAD, lat + north / ((KA * (1 - KE)) / (magic * root2)) / RAD];
  }

  function gcjToBd(lon, lat) {
    const radius = Math.hypot(lon, lat) + 0.00002 * Math.sin(lat * WAVE), turn = Math.atan2(lat, lon) + 0.000003 * Math.cos(lon * WAVE);
    return [radius * Math.cos(turn) + 0.0065, radius * Math.sin(turn) + 0.006];
  }

  function solve(forward, x, y) {
    let a = x, b = y;
    for (let n = 0; n < 30; n += 1) {
      const [u, v] = forward(a, b), dx = x - u, dy = y - v;
      a += dx;
      b += dy;
      if (Math.max(Math.abs(dx), Math.abs(dy)) < 1e-13) break;
    }
    return [a, b];
  }

  G.toWgs84 = function (lon, lat, datum) {
    let [x, y] = datum === "bd09" ? solve(gcjToBd, lon, lat) : [lon, lat];
    if ((datum === "gcj02" || datum === "bd09") && shifted(x, y, 0.02)) {
      const [a, b] = solve(toGcj, x, y);
      if (shifted(a, b, 0)) [x, y] = [a, b];
    }
    return [x, y];
  };
  G.fromWgs84 = function (lon, lat, datum) {
    let at = [lon, lat];
    if ((datum === "gcj02" || datum === "bd09") && shifted(lon, lat, 0)) at = toGcj(lon, lat);
    return datum === "bd09" ? gcjToBd(...at) : at;
  };
})();
