/* What the tester's arrays hold (draw/tester_pack.py), and places by exact outline. */
(function () {
  "use strict";
  const G = C15.geo, DEGREE_M = 110500;

  /* ── arrays: bytes of equal weight together, then what the names say (draw/tester_pack.py) ── */

  C15.unpackTester = function (bytes, index) {
    const found = {};
    for (const { name, type, size, at } of index) {
      if (type === "d5") { found[name] = wide(bytes, at, size); continue; }
      if (type === "f8") { found[name] = new Float64Array(together(bytes, at, size).buffer); continue; }
      const words = new Int32Array(size), [b, c, d] = [at + size, at + 2 * size, at + 3 * size];
      for (let n = 0; n < size; n += 1) words[n] = bytes[at + n] | (bytes[b + n] << 8) | (bytes[c + n] << 16) | (bytes[d + n] << 24);
      if (type === "d4") for (let n = 1; n < size; n += 1) words[n] += words[n - 1];
      found[name] = type === "f4" ? new Float32Array(words.buffer) : words;
    }
    return found;
  };

  /* Numbers of eight bytes, byte by byte. */
  function together(bytes, at, size) {
    const raw = new Uint8Array(size * 8);
    for (let k = 0; k < 8; k += 1) for (let n = 0; n < size; n += 1) raw[n * 8 + k] = bytes[at + k * size + n];
    return raw;
  }

  /* Whole numbers from differences of five bytes. */
  function wide(bytes, at, size) {
    const out = new Float64Array(size), byte = (k, n) => bytes[at + k * size + n];
    for (let n = 0, sum = 0; n < size; n += 1) {
      const low = (byte(0, n) | (byte(1, n) << 8) | (byte(2, n) << 16) | (byte(3, n) << 24)) >>> 0;
      out[n] = sum += ((byte(4, n) << 24) >> 24) * 2 ** 32 + low;
    }
    return out;
  }

  /* Rings of vertices in billionths of a degree (0.1 mm). Arrays x, y, x, y …, not closed. */
  C15.testerRings = function (arrays, name) {
    const x = arrays[name + ".x"], y = arrays[name + ".y"], vertex = arrays[name + ".at"], rings = [];
    let at = 0;
    for (const size of arrays[name + ".size"]) {
      const ring = new Float64Array(2 * size);
      for (let v = 0; v < size; v += 1, at += 1) {
        ring[2 * v] = x[vertex[at]] / 1e9;
        ring[2 * v + 1] = y[vertex[at]] / 1e9;
      }
      rings.push(ring);
    }
    return rings;
  };

  /* ── outlines ── */

  /* West, south, east, north of rings. */
  C15.boxOf = function (rings) {
    let west = Infinity, south = Infinity, east = -Infinity, north = -Infinity;
    for (const ring of rings) {
      for (let v = 0; v < ring.length; v += 2) {
        west = Math.min(west, ring[v]);
        east = Math.max(east, ring[v]);
        south = Math.min(south, ring[v + 1]);
        north = Math.max(north, ring[v + 1]);
      }
    }
    return [west, south, east, north];
  };

  const BANDS = 256;

  class Outline {
    constructor(rings) {
      this.rings = rings;
      this.box = C15.boxOf(rings);
      this.bands = null;
    }

    /* Rings as [[x, y], …]. */
    points() { return this.rings.map((ring) => Array.from({ length: ring.length / 2 }, (_, v) => [ring[2 * v], ring[2 * v + 1]])); }

    /* Edges by bands of latitude, so that a question looks at few of them. */
    edges(low, high) {
      const [, south, , north] = this.box, height = (north - south) / BANDS || 1e-9;
      const band = (y) => Math.max(0, Math.min(BANDS - 1, Math.floor((y - south) / height)));
      if (!this.bands) {
        this.bands = Array.from({ length: BANDS }, () => []);
        for (const ring of this.rings) {
          for (let v = 0, p = ring.length - 2; v < ring.length; p = v, v += 2) {
            const edge = [ring[p], ring[p + 1], ring[v], ring[v + 1]];
            const from = band(Math.min(edge[1], edge[3])), to = band(Math.max(edge[1], edge[3]));
            for (let b = from; b <= to; b += 1) this.bands[b].push(edge);
          }
        }
      }
      const from = band(low), to = band(high);
      if (from === to) return this.bands[from];
      const all = new Set();
      for (let b = from; b <= to; b += 1) for (const edge of this.bands[b]) all.add(edge);
      return [...all];
    }

    /* 1 inside, 0 on the border, -1 outside. */
    holds(x, y) {
      const [west, south, east, north] = this.box;
      if (!(x >= west && x <= east && y >= south && y <= north)) return -1;
      let inside = false;
      for (const [ax, ay, bx, by] of this.edges(y, y)) {
        const side = (bx - ax) * (y - ay) - (x - ax) * (by - ay);
        if (side === 0 && x >= Math.min(ax, bx) && x <= Math.max(ax, bx) && y >= Math.min(ay, by) && y <= Math.max(ay, by)) return 0;
        if (ay > y !== by > y && (side > 0) === (by > ay)) inside = !inside;
      }
      return inside ? 1 : -1;
    }

    /* Nearest points of the edges within reach of a point: [metres, x, y in metres about it]. */
    near(lon, lat, reach) {
      const up = (1.01 * reach) / DEGREE_M, found = [];
      const [west, south, east, north] = this.box, side = up / Math.cos((lat * Math.PI) / 180);
      if (lon < west - side || lon > east + side || lat < south - up || lat > north + up) return found;
      for (const [ax, ay, bx, by] of this.edges(lat - up, lat + up)) {
        if (Math.max(ax, bx) < lon - side || Math.min(ax, bx) > lon + side) continue;
        const [x0, y0] = G.localXy(ax, ay, lon, lat), [x1, y1] = G.localXy(bx, by, lon, lat);
        const ux = x1 - x0, uy = y1 - y0, length2 = ux * ux + uy * uy;
        const t = length2 === 0 ? 0 : Math.min(1, Math.max(0, -(x0 * ux + y0 * uy) / length2));
        const x = x0 + t * ux, y = y0 + t * uy, away = Math.hypot(x, y);
        if (away <= reach) found.push([away, x, y]);
      }
      return found.sort((a, b) => a[0] - b[0]);
    }
  }
  C15.Outline = Outline;
})();
