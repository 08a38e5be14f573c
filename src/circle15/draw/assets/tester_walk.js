/* The walk network in the page (measure/walking.py, street_kernels.py): places taken to the nearest point on a street,
   bounded shortest ways from there. Metres as the library has them, to rounding. */
(function () {
  "use strict";
  const G = C15.geo, RAD = Math.PI / 180, E = 0.0818191908426215, CELL_M = 120, EARTH_M = 6.37e6, SHORT_DEG = 0.005;

  /* Mercator on the ellipsoid (radians): near a point all directions are stretched alike. */
  function northing(lat) {
    const sine = Math.sin(lat * RAD);
    return Math.atanh(sine) - E * Math.atanh(E * sine);
  }

  /* Geodesic metres; stretches of some hundred metres by the middle latitude, which is right to a micrometre there. */
  function metres(lon1, lat1, lon2, lat2) {
    if (Math.abs(lon2 - lon1) > SHORT_DEG || Math.abs(lat2 - lat1) > SHORT_DEG) return G.distance(lon1, lat1, lon2, lat2);
    return Math.hypot(...G.localXy(lon2, lat2, lon1, lat1));
  }

  /* How much longer a slope takes than the flat, mean of there and back (Tobler 1993). */
  const tobler = (slope) => [slope, -slope].reduce((sum, s) => sum + Math.exp(3.5 * (Math.abs(s + 0.05) - 0.05)), 0) / 2;

  class Walk {
    constructor(meta, arrays) {
      this.pace = meta;
      this.shapes(meta, arrays);
      this.graph(meta.nodes);
      this.factor = meta.slope === "tobler" ? this.slopes(arrays["walk.height"]) : null;
      this.squares();
      this.spots = new Map();
      this.dist = new Float64Array(meta.nodes).fill(Infinity);
      this.touched = new Int32Array(meta.nodes);
      this.wanted = new Uint8Array(meta.nodes);
      this.count = 0;
      const room = 2 * this.u.length + 3;
      this.keys = new Float64Array(room);
      this.heap = new Int32Array(room);
    }

    /* Vertices of all edges, each from its u to its v, and metres along. */
    shapes({ units, origin, nodes }, arrays) {
      const x = arrays["walk.x"], y = arrays["walk.y"], bends = arrays["walk.bends"], m = bends.length;
      this.u = arrays["walk.u"];
      this.v = arrays["walk.v"].map((step, e) => this.u[e] + step);
      this.start = new Int32Array(m + 1);
      for (let e = 0; e < m; e += 1) this.start[e + 1] = this.start[e] + bends[e] + 2;
      const size = this.start[m];
      for (const name of ["lon", "lat", "along", "px", "py"]) this[name] = new Float64Array(size);
      this.length = new Float64Array(m);
      const put = (at, k) => {
        this.lon[at] = origin[0] + x[k] / units;
        this.lat[at] = origin[1] + y[k] / units;
        this.px[at] = this.lon[at] * RAD;
        this.py[at] = northing(this.lat[at]);
      };
      for (let e = 0, bend = nodes, at = 0; e < m; e += 1) {
        put(at, this.u[e]);
        for (let k = 0; k < bends[e]; k += 1, bend += 1) put((at += 1), bend);
        put((at += 1), this.v[e]);
        for (let k = this.start[e] + 1; k <= at; k += 1) this.along[k] = this.along[k - 1] + metres(this.lon[k - 1], this.lat[k - 1], this.lon[k], this.lat[k]);
        this.length[e] = this.along[at];
        at += 1;
      }
    }

    /* Neighbours of every node: first[i] to first[i + 1] in `other` and `edge`. */
    graph(nodes) {
      const { u, v } = this, m = u.length, first = new Int32Array(nodes + 1), other = new Int32Array(2 * m), edge = new Int32Array(2 * m);
      for (let e = 0; e < m; e += 1) { first[u[e] + 1] += 1; first[v[e] + 1] += 1; }
      for (let n = 0; n < nodes; n += 1) first[n + 1] += first[n];
      const at = first.slice();
      for (let e = 0; e < m; e += 1) {
        other[at[u[e]]] = v[e]; edge[at[u[e]]] = e; at[u[e]] += 1;
        other[at[v[e]]] = u[e]; edge[at[v[e]]] = e; at[v[e]] += 1;
      }
      Object.assign(this, { first, other, edge });
    }

    slopes(height) {
      return this.length.map((length, e) => {
        const slope = length > 0 ? (height[this.v[e]] - height[this.u[e]]) / length : 0;
        return Number.isFinite(slope) ? tobler(slope) : 1;
      });
    }

    /* Stretches between vertices by squares, so that a place looks at few of them. */
    squares() {
      const { px, py, start } = this, m = this.u.length;
      let west = Infinity, south = Infinity, east = -Infinity, north = -Infinity, lat = 0;
      for (let k = 0; k < px.length; k += 1) {
        west = Math.min(west, px[k]); east = Math.max(east, px[k]);
        south = Math.min(south, py[k]); north = Math.max(north, py[k]);
        lat += this.lat[k] / px.length;
      }
      const size = CELL_M / EARTH_M / Math.cos(lat * RAD), cols = Math.floor((east - west) / size) + 1, rows = Math.floor((north - south) / size) + 1;
      const first = new Int32Array(cols * rows + 1);
      const each = (visit) => {
        for (let e = 0; e < m; e += 1) {
          for (let k = start[e]; k < start[e + 1] - 1; k += 1) {
            const c0 = Math.floor((Math.min(px[k], px[k + 1]) - west) / size), c1 = Math.floor((Math.max(px[k], px[k + 1]) - west) / size);
            const r0 = Math.floor((Math.min(py[k], py[k + 1]) - south) / size), r1 = Math.floor((Math.max(py[k], py[k + 1]) - south) / size);
            for (let r = r0; r <= r1; r += 1) for (let c = c0; c <= c1; c += 1) visit(r * cols + c, e, k);
          }
        }
      };
      each((square) => { first[square + 1] += 1; });
      for (let s = 0; s < cols * rows; s += 1) first[s + 1] += first[s];
      const at = first.slice(), vertex = new Int32Array(first[cols * rows]), owner = new Int32Array(vertex.length);
      each((square, e, k) => { vertex[at[square]] = k; owner[at[square]] = e; at[square] += 1; });
      this.index = { west, south, size, cols, rows, first, vertex, owner };
    }

    /* The nearest edge (the first of those equally near), the vertex that begins the stretch, and the part of it. */
    nearest(x, y) {
      const { px, py } = this, { west, south, size, cols, rows, first, vertex, owner } = this.index;
      const col = Math.floor((x - west) / size), row = Math.floor((y - south) / size), rings = Math.ceil((this.pace.max_snap_m * 1.05) / CELL_M) + 1;
      const fx = (x - west) / size - col, fy = (y - south) / size - row, rim0 = Math.min(fx, 1 - fx, fy, 1 - fy) - 1;
      let best = Infinity, edge = -1, at = -1, part = 0;
      for (let ring = 0; ring <= rings && !(Math.sqrt(best) < (ring + rim0) * size); ring += 1) {
        for (let r = Math.max(row - ring, 0); r <= Math.min(row + ring, rows - 1); r += 1) {
          const rim = Math.abs(r - row) === ring;
          for (let c = col - ring; c <= col + ring; c += rim ? 1 : 2 * ring || 1) {
            if (c < 0 || c >= cols) continue;
            for (let s = first[r * cols + c]; s < first[r * cols + c + 1]; s += 1) {
              const k = vertex[s], ux = px[k + 1] - px[k], uy = py[k + 1] - py[k], square = ux * ux + uy * uy;
              let t = square > 0 ? ((x - px[k]) * ux + (y - py[k]) * uy) / square : 0;
              t = t < 0 ? 0 : t > 1 ? 1 : t;
              const to = t < 1 ? k : k + 1, dx = t > 0 && t < 1 ? px[k] + t * ux - x : px[to] - x, dy = t > 0 && t < 1 ? py[k] + t * uy - y : py[to] - y;
              const away = dx * dx + dy * dy;
              if (away < best || (away === best && (owner[s] < edge || (owner[s] === edge && k < at)))) { best = away; edge = owner[s]; at = k; part = t; }
            }
          }
        }
      }
      return [edge, at, part];
    }

    /* Where a place meets the streets: edge, metres to the street, metres along to both ends; null on no street. */
    spot(lon, lat) {
      const key = lon + "," + lat;
      let found = this.spots.get(key);
      if (found === undefined) {
        if (this.spots.size > 100000) this.spots.clear();
        this.spots.set(key, (found = this.meet(lon, lat)));
      }
      return found;
    }
    meet(lon, lat) {
      const [edge, k, part] = this.nearest(lon * RAD, northing(lat));
      if (edge < 0) return null;
      const x = this.lon[k] + part * (this.lon[k + 1] - this.lon[k]), y = this.lat[k] + part * (this.lat[k + 1] - this.lat[k]);
      const snap = metres(lon, lat, x, y);
      if (snap > this.pace.max_snap_m + G.TOLERANCE_M) return null;
      const fromU = this.along[k] + metres(this.lon[k], this.lat[k], x, y);
      const fromV = this.length[edge] - this.along[k + 1] + metres(x, y, this.lon[k + 1], this.lat[k + 1]);
      return { edge, snap, fromU, fromV, lon: x, lat: y };
    }

    /* ── ways ── */

    push(size, key, node) {
      const { keys, heap } = this;
      let at = size;
      while (at > 0) {
        const above = (at - 1) >> 1;
        if (keys[above] <= key) break;
        keys[at] = keys[above]; heap[at] = heap[above];
        at = above;
      }
      keys[at] = key; heap[at] = node;
      return size + 1;
    }
    pop(size) {
      const { keys, heap } = this, last = size - 1, key = keys[last], node = heap[last];
      let at = 0;
      for (;;) {
        let below = 2 * at + 1;
        if (below >= last) break;
        if (below + 1 < last && keys[below + 1] < keys[below]) below += 1;
        if (keys[below] >= key) break;
        keys[at] = keys[below]; heap[at] = heap[below];
        at = below;
      }
      keys[at] = key; heap[at] = node;
      return last;
    }

    /* Least metres from a spot to every node into `dist`: all nodes up to `least`, and on to `most` while a spot of
       `targets` is not reached; metres on slopes with `factor`. */
    spread(from, { least, most = least, targets = [], factor = null }) {
      const { dist, touched, first, other, edge, length, u, v, wanted } = this;
      for (let t = 0; t < this.count; t += 1) dist[touched[t]] = Infinity;
      this.count = 0;
      this.from = from;
      this.scale = factor;
      const scale = (e) => (factor ? factor[e] : 1);
      let size = 0, missing = 0;
      const reach = (node, cost) => {
        if (!(cost <= most && cost < dist[node])) return;
        if (dist[node] === Infinity) { touched[this.count] = node; this.count += 1; }
        dist[node] = cost;
        size = this.push(size, cost, node);
      };
      for (const spot of targets) {
        for (const node of [u[spot.edge], v[spot.edge]]) if (!wanted[node]) { wanted[node] = 1; missing += 1; }
      }
      reach(u[from.edge], from.fromU * scale(from.edge) + from.snap);
      reach(v[from.edge], from.fromV * scale(from.edge) + from.snap);
      while (size > 0) {
        const here = this.keys[0], node = this.heap[0];
        if (here > least && missing === 0) break;
        size = this.pop(size);
        if (here > dist[node]) continue;
        if (wanted[node]) { wanted[node] = 0; missing -= 1; }
        for (let a = first[node]; a < first[node + 1]; a += 1) {
          const e = edge[a];
          reach(other[a], here + (factor ? length[e] * factor[e] : length[e]));
        }
      }
      for (const spot of targets) { wanted[u[spot.edge]] = 0; wanted[v[spot.edge]] = 0; }
      return this;
    }

    /* Metres of the last spread to a spot (straight metres are the floor); infinite beyond the limit. */
    to(spot, straight, most) {
      const { from, dist, scale } = this, f = scale ? scale[spot.edge] : 1;
      let way = Math.min(dist[this.u[spot.edge]] + (spot.fromU * f + spot.snap), dist[this.v[spot.edge]] + (spot.fromV * f + spot.snap));
      if (from.edge === spot.edge) way = Math.min(way, Math.abs(from.fromU - spot.fromU) * f + from.snap + spot.snap);
      way = Math.max(way, straight);
      return way <= most + G.TOLERANCE_M ? way : Infinity;
    }

    /* Streets of the last spread within so many metres, for looking only: lines of [lat, lon]. */
    lines(limit) {
      const { dist, from, length, start } = this, seen = new Set([from.edge]), found = [];
      for (let t = 0; t < this.count; t += 1) for (let a = this.first[this.touched[t]]; a < this.first[this.touched[t] + 1]; a += 1) seen.add(this.edge[a]);
      const rest = (node) => Math.max(limit - dist[node], 0);
      for (const e of seen) {
        const left = rest(this.u[e]), right = rest(this.v[e]), spans = left + right >= length[e] ? [[0, length[e]]] : [[0, left], [length[e] - right, length[e]]];
        if (e === from.edge && spans.length > 1) {
          const own = Math.max(limit - from.snap, 0);
          spans.push([Math.max(from.fromU - own, 0), Math.min(from.fromU + own, length[e])]);
        }
        for (const [low, high] of spans) if (high - low > 0.5) found.push(this.stretch(start[e], start[e + 1] - 1, low, high));
      }
      return found;
    }
    stretch(first, last, low, high) {
      const { along, lon, lat } = this, out = [];
      const at = (k, m) => {
        const t = along[k + 1] > along[k] ? (m - along[k]) / (along[k + 1] - along[k]) : 0;
        return [lat[k] + t * (lat[k + 1] - lat[k]), lon[k] + t * (lon[k + 1] - lon[k])];
      };
      for (let k = first; k < last; k += 1) {
        if (along[k + 1] < low || along[k] > high) continue;
        if (!out.length) out.push(at(k, Math.max(low, along[k])));
        out.push(at(k, Math.min(high, along[k + 1])));
      }
      return out;
    }
  }
  C15.Walk = Walk;
})();
