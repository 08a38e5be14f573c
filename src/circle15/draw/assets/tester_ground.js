/* The ground of the tester: residents and land by the exact share of cells in a circle. */
(function () {
  "use strict";
  const G = C15.geo, DEGREE_M = 110500, SLIVER = 1e-6, STRIDE = 64;
  const EDGE = 1e-7; // share of a cell: nearer to its border a point stands in the cells on both sides

  /* ── lattice: corners of a grid by Chebyshev series in column and row ── */

  function chebyshev(u, degree, out) {
    out[0] = 1;
    if (degree > 0) out[1] = u;
    for (let k = 2; k <= degree; k += 1) out[k] = 2 * u * out[k - 1] - out[k - 2];
  }

  class Lattice {
    constructor(meta, arrays) {
      Object.assign(this, { cols: meta.cols, rows: meta.rows, degree: meta.degree });
      this.a = arrays["grid.lon"];
      this.b = arrays["grid.lat"];
      this.tu = new Float64Array(this.degree + 1);
      this.tv = new Float64Array(this.degree + 1);
      this.corners = new Map();
      this.frames = new Map();
    }

    at(i, j) {
      const d = this.degree;
      chebyshev((2 * i) / this.cols - 1, d, this.tu);
      chebyshev((2 * j) / this.rows - 1, d, this.tv);
      let lon = 0, lat = 0;
      for (let p = 0, n = 0; p <= d; p += 1) {
        let s = 0, t = 0;
        for (let q = 0; q <= d; q += 1, n += 1) { s += this.a[n] * this.tv[q]; t += this.b[n] * this.tv[q]; }
        lon += s * this.tu[p];
        lat += t * this.tu[p];
      }
      return [lon, lat];
    }

    corner(i, j) {
      const key = j * (this.cols + 1) + i;
      let found = this.corners.get(key);
      if (!found) {
        if (this.corners.size > 400000) this.corners.clear();
        this.corners.set(key, (found = this.at(i, j)));
      }
      return found;
    }

    /* Outline of a cell in degrees, counter-clockwise (rows run north). */
    quad(col, row) {
      return [this.corner(col, row), this.corner(col + 1, row), this.corner(col + 1, row + 1), this.corner(col, row + 1)];
    }

    /* Area of a cell as a parallelogram. */
    km2(col, row) {
      const [x, y] = this.at(col, row), [x1, y1] = this.at(col + 1, row), [x2, y2] = this.at(col, row + 1), lat = (y + y2) / 2;
      const [x_m, y_m] = G.localXy(x + 0.001, lat + 0.0005, x, lat - 0.0005); // of a thousandth of a degree
      return ((x1 - x) * (y2 - y) - (y1 - y) * (x2 - x)) * x_m * y_m;
    }

    frame(col, row) {
      const key = row * this.cols + col;
      let found = this.frames.get(key);
      if (!found) {
        if (this.frames.size > 200000) this.frames.clear();
        this.frames.set(key, (found = C15.frameOf([this.quad(col, row).flat()])));
      }
      return found;
    }

    /* Column and row (with fractions) of a point, and metres a column and a row there. */
    find(lon, lat) {
      let i = this.cols / 2, j = this.rows / 2, m = null;
      for (let n = 0; n < 12; n += 1) {
        const [x, y] = this.at(i, j), h = 0.25, e = this.at(i + h, j), f = this.at(i, j + h);
        const a = (e[0] - x) / h, b = (f[0] - x) / h, c = (e[1] - y) / h, d = (f[1] - y) / h, det = a * d - b * c;
        const di = (d * (lon - x) - b * (lat - y)) / det, dj = (a * (lat - y) - c * (lon - x)) / det;
        i += di;
        j += dj;
        m = [a, b, c, d];
        if (Math.abs(di) + Math.abs(dj) < 1e-7) break;
      }
      const k = Math.cos((lat * Math.PI) / 180) * 111320, v = 110574;
      return { i, j, metres: [m[0] * k, m[1] * k, m[2] * v, m[3] * v] };
    }

    /* Ranges of columns and rows that may meet a disc. */
    around(lon, lat, radius) {
      const { i, j, metres: [a, b, c, d] } = this.find(lon, lat), det = Math.abs(a * d - b * c);
      const wide = (radius * 1.02 * Math.hypot(d, b)) / det + 2, high = (radius * 1.02 * Math.hypot(a, c)) / det + 2;
      return [
        Math.max(0, Math.floor(i - wide)), Math.min(this.cols - 1, Math.ceil(i + wide)),
        Math.max(0, Math.floor(j - high)), Math.min(this.rows - 1, Math.ceil(j + high)),
      ];
    }

    /* Columns and rows of the cells that hold a point, several on a border, from the north-west; none beyond the lattice. */
    cellsAt(lon, lat) {
      const { i, j } = this.find(lon, lat), held = [];
      const [cols, rows] = [[i, this.cols], [j, this.rows]].map(([at, n]) => [...new Set([Math.floor(at - EDGE), Math.floor(at + EDGE)])].filter((k) => k >= 0 && k < n));
      for (const row of rows.reverse()) for (const col of cols) held.push([col, row]);
      return held;
    }
  }

  /* Reference point (middle of the bounding box), rings in metres about it, area, reach (measure/cells.py pack_cells). */
  C15.frameOf = function (rings) {
    const [west, south, east, north] = C15.boxOf(rings);
    let reach = 0;
    const lon = (west + east) / 2, lat = (south + north) / 2;
    const xy = rings.map((ring) => {
      const out = new Float64Array(ring.length);
      for (let v = 0; v < ring.length; v += 2) {
        const [x, y] = G.frameXy(ring[v], ring[v + 1], lon, lat);
        out[v] = x;
        out[v + 1] = y;
        reach = Math.max(reach, Math.hypot(x, y));
      }
      return out;
    });
    return { lon, lat, xy, reach, area: Math.max(G.ringsArea(xy), 0) };
  };

  C15.discShare = function (frame, lon, lat, radius) {
    const [x, y] = G.frameXy(lon, lat, frame.lon, frame.lat), away = Math.hypot(x, y);
    if (frame.area > 0) {
      if (away + frame.reach <= radius) return 1;
      return away - frame.reach < radius ? Math.min(G.discArea(frame.xy, x, y, radius) / frame.area, 1) : 0;
    }
    if (Math.abs(away - radius) > 1) return away <= radius ? 1 : 0;
    return G.distance(lon, lat, frame.lon, frame.lat) <= radius + G.TOLERANCE_M ? 1 : 0;
  };

  /* Sorted runs of numbers a row: where each row begins, looked up by halving. */
  function rowsOf(keys, cols, rows) {
    const start = new Int32Array(rows + 1);
    for (let n = 0, row = 0; row < rows; row += 1) {
      while (n < keys.length && keys[n] < (row + 1) * cols) n += 1;
      start[row + 1] = n;
    }
    return start;
  }
  function firstAtLeast(keys, from, to, key) {
    while (from < to) {
      const middle = (from + to) >> 1;
      if (keys[middle] < key) from = middle + 1; else to = middle;
    }
    return from;
  }

  class GridPeople {
    constructor(meta, arrays) {
      this.kind = "grid";
      this.lattice = new Lattice(meta, arrays);
      this.key = arrays["grid.cell"];
      this.people = residents(meta, arrays);
      this.start = rowsOf(this.key, meta.cols, meta.rows);
      this.land = arrays["land.run"] || null; // first and one beyond the last cell of each run of land
      if (this.land) {
        this.runs = Array.from({ length: meta.rows }, () => []);
        for (let n = 0; n < this.land.length; n += 2) this.runs[Math.floor(this.land[n] / meta.cols)].push([this.land[n] % meta.cols, this.land[n + 1] - this.land[n]]);
      }
    }

    /* visit(people, frame, key) for every populated cell that may meet the disc. */
    each(lon, lat, radius, visit) {
      const { lattice, key } = this, [c0, c1, r0, r1] = lattice.around(lon, lat, radius);
      for (let row = r0; row <= r1; row += 1) {
        const base = row * lattice.cols, to = this.start[row + 1];
        for (let n = firstAtLeast(key, this.start[row], to, base + c0); n < to && key[n] <= base + c1; n += 1) {
          visit(this.people[n], lattice.frame(key[n] - base, row), key[n]);
        }
      }
    }

    /* 1 + the density class (0 empty) of every cell, row by row; areas interpolated between some columns, near enough to draw. */
    classes(breaks) {
      const { lattice, key, start, people } = this, { cols, rows } = lattice, out = new Uint8Array(cols * rows);
      for (let row = 0; row < rows; row += 1) {
        let from = -1, km2 = 0, slope = 0;
        for (let n = start[row]; n < start[row + 1]; n += 1) {
          const col = key[n] - row * cols, beyond = col % STRIDE;
          if (col - beyond !== from) {
            from = col - beyond;
            km2 = lattice.km2(from, row);
            slope = (lattice.km2(from + STRIDE, row) - km2) / STRIDE;
          }
          const density = people[n] / (km2 + slope * beyond);
          let k = 0;
          while (k < breaks.length && density >= breaks[k]) k += 1;
          out[key[n]] = 1 + k;
        }
      }
      return out;
    }

    landM2(lon, lat, radius) {
      const whole = Math.PI * radius * radius, { lattice } = this;
      if (!this.land) return whole;
      const [c0, c1, r0, r1] = lattice.around(lon, lat, radius);
      const { i, j, metres: [a, b, c, d] } = lattice.find(lon, lat), det = Math.abs(a * d - b * c);
      const inside = i - (radius * Math.hypot(d, b)) / det > 1 && i + (radius * Math.hypot(d, b)) / det < lattice.cols - 1
        && j - (radius * Math.hypot(a, c)) / det > 1 && j + (radius * Math.hypot(a, c)) / det < lattice.rows - 1;
      let full = inside;
      for (let row = r0; full && row <= r1; row += 1) full = this.runs[row].some(([col, size]) => col <= c0 && col + size > c1);
      if (full) return whole;
      let sum = 0;
      for (let row = r0; row <= r1; row += 1) {
        for (const [first, size] of this.runs[row]) {
          for (let col = Math.max(first, c0); col <= Math.min(first + size - 1, c1); col += 1) {
            const frame = lattice.frame(col, row);
            sum += frame.area * C15.discShare(frame, lon, lat, radius);
          }
        }
      }
      return Math.min(sum, whole);
    }

    peopleOf(col, row) { return this.peopleAt(row * this.lattice.cols + col); }

    peopleAt(key) {
      const row = Math.floor(key / this.lattice.cols), n = firstAtLeast(this.key, this.start[row], this.start[row + 1], key);
      return this.key[n] === key ? this.people[n] : 0;
    }

    /* Unknown (NaN) beyond the lattice and without data; 0 in an empty cell that has data. */
    cellDensity(lon, lat) {
      const cells = this.lattice.cellsAt(lon, lat), at = cells.find((c) => this.peopleOf(...c) > 0);
      if (at) return this.peopleOf(...at) / (this.lattice.frame(...at).area / 1e6);
      return cells.some((c) => this.hasData(...c)) ? 0 : NaN;
    }

    hasData(col, row) {
      return Boolean(this.land) && this.runs[row].some(([from, count]) => col >= from && col < from + count);
    }

    /* Populated cells near a point as outlines, for grounds within the position error. */
    outlinesNear(lon, lat, reach) {
      const found = [];
      this.each(lon, lat, reach, (people, frame, key) => {
        found.push(new C15.Outline([Float64Array.from(this.lattice.quad(key % this.lattice.cols, Math.floor(key / this.lattice.cols)).flat())]));
      });
      return found;
    }
  }

  function residents(meta, arrays) {
    if (meta.scale === 0) return arrays.people;
    const out = new Float64Array(arrays.people.length);
    for (let n = 0; n < out.length; n += 1) out[n] = meta.single ? Math.fround(arrays.people[n] / meta.scale) : arrays.people[n] / meta.scale;
    return out;
  }

  /* Areas in parts, or points: by squares of a hundredth of a degree. */
  class LoosePeople {
    constructor(meta, arrays) {
      this.kind = meta.kind;
      const people = residents(meta, arrays);
      this.cells = [];
      this.whole = [];
      if (meta.kind === "point") {
        const x = arrays["point.lon"], y = arrays["point.lat"];
        for (let n = 0; n < people.length; n += 1) this.cells.push({ lon: x[n] / meta.unit, lat: y[n] / meta.unit, reach: 0, area: 0, xy: [], people: people[n], key: n });
      } else {
        const rings = C15.testerRings(arrays, "area"), starts = arrays["area.start"];
        const part = C15.testerRings(arrays, "part"), of = arrays["part.start"];
        people.forEach((count, n) => this.whole.push({ outline: new C15.Outline(rings.slice(starts[n], starts[n + 1])), people: count, km2: arrays["area.km2"][n] }));
        for (let n = 0; n + 1 < of.length; n += 1) this.cells.push({ ...C15.frameOf(part.slice(of[n], of[n + 1])), row: arrays["part.row"][n], key: n });
        const whole = new Float64Array(people.length);
        for (const cell of this.cells) whole[cell.row] += cell.area;
        for (const cell of this.cells) cell.people = whole[cell.row] > 0 ? people[cell.row] * (cell.area / whole[cell.row]) : 0;
      }
      const landRings = arrays["land.size"] ? C15.testerRings(arrays, "land") : null;
      this.ground = landRings ? splitLand(landRings, arrays["land.start"]) : null;
      this.most = this.cells.reduce((a, c) => Math.max(a, c.reach), 0);
      this.grid = gridOf(this.cells);
      if (this.ground) { this.groundMost = this.ground.reduce((a, c) => Math.max(a, c.reach), 0); this.groundGrid = gridOf(this.ground); }
    }

    each(lon, lat, radius, visit) {
      nearIn(this.grid, lon, lat, radius + this.most, (cell) => visit(cell.people, cell, cell.key));
    }

    landM2(lon, lat, radius) {
      const whole = Math.PI * radius * radius;
      if (!this.ground) return whole;
      let sum = 0;
      nearIn(this.groundGrid, lon, lat, radius + this.groundMost, (part) => { sum += part.area * C15.discShare(part, lon, lat, radius); });
      return Math.min(sum, whole);
    }

    cellDensity(lon, lat) {
      if (this.kind === "point") return NaN;
      const held = this.whole.find((w) => w.outline.holds(lon, lat) >= 0);
      if (held) return held.people / held.km2;
      return this.ground && this.onLand(lon, lat) ? 0 : NaN;
    }

    onLand(lon, lat) {
      let found = false;
      nearIn(this.groundGrid, lon, lat, this.groundMost, (part) => {
        const [x, y] = G.frameXy(lon, lat, part.lon, part.lat);
        found = found || G.insideXy(part.xy, x, y);
      });
      return found;
    }

    outlinesNear(lon, lat, reach) {
      const side = (2 * reach) / 70000;
      return this.whole.map((w) => w.outline).filter(({ box }) => lon >= box[0] - side && lon <= box[2] + side && lat >= box[1] - side && lat <= box[3] + side);
    }
  }

  function splitLand(rings, starts) {
    const parts = [];
    for (let n = 0; n + 1 < starts.length; n += 1) parts.push(C15.frameOf(rings.slice(starts[n], starts[n + 1])));
    return parts;
  }

  const SQUARE = 0.01;
  function gridOf(cells) {
    const grid = new Map();
    for (const cell of cells) {
      const key = Math.floor(cell.lat / SQUARE) * 100000 + Math.floor(cell.lon / SQUARE);
      if (!grid.has(key)) grid.set(key, []);
      grid.get(key).push(cell);
    }
    return grid;
  }
  function nearIn(grid, lon, lat, reach, visit) {
    const up = (1.01 * reach) / DEGREE_M, side = up / Math.cos((lat * Math.PI) / 180);
    for (let row = Math.floor((lat - up) / SQUARE); row <= Math.floor((lat + up) / SQUARE); row += 1) {
      for (let col = Math.floor((lon - side) / SQUARE); col <= Math.floor((lon + side) / SQUARE); col += 1) {
        for (const cell of grid.get(row * 100000 + col) || []) visit(cell);
      }
    }
  }
  C15.squares = { gridOf, nearIn };

  C15.peopleOf = (meta, arrays) => (meta.lattice ? new GridPeople(meta, arrays) : new LoosePeople(meta, arrays));

  /* Residents, land and density of a circle, as measure/ground.py gives them. */
  C15.circleMeasures = function (people, lon, lat, radius) {
    let residents = 0;
    people.each(lon, lat, radius, (count, frame) => { residents += count * C15.discShare(frame, lon, lat, radius); });
    const circle = Math.PI * radius * radius, found = people.landM2(lon, lat, radius), land = found < SLIVER * circle ? 0 : Math.min(found, circle);
    return {
      residents_within: residents, circle_km2: circle / 1e6, circle_land_km2: land / 1e6,
      density_circle_per_km2: land > 0 ? residents / (land / 1e6) : NaN,
    };
  };
})();
