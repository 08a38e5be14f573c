/* Cells of one grid: a byte a cell by column and row. Drawn from the pixels' side, so the time does not grow with the cells. */
(function () {
  "use strict";
  const MESH = 24;

  function terms(x, y, degree, out) {
    let k = 0;
    for (let s = 0; s <= degree; s += 1) for (let b = 0; b <= s; b += 1) out[k++] = Math.pow(x, s - b) * Math.pow(y, b);
    return out;
  }

  C15.Lattice = class {
    constructor(told) {
      Object.assign(this, told);
      this.room = new Float64Array(((this.degree + 1) * (this.degree + 2)) / 2);
    }

    /* Column and row, fractions included, of degrees. */
    grid_of(lon, lat) { return this.apply(this.to_grid, this.degrees, lon, lat); }

    /* Degrees of column and row. */
    degrees_of(col, row) { return this.apply(this.to_degrees, this.grid, col, row); }

    apply(weights, frame, a, b) {
      const t = terms((a - frame[0]) / frame[2], (b - frame[1]) / frame[3], this.degree, this.room);
      let x = 0, y = 0;
      for (let k = 0; k < t.length; k += 1) { x += weights[0][k] * t[k]; y += weights[1][k] * t[k]; }
      return [x, y];
    }
  };

  C15.unpackLattice = function (told) {
    const lattice = new C15.Lattice(told.lattice), { cols, rows } = lattice;
    const cells = { count: told.cells, lattice, steps: told.steps, classes: told.classes };
    if (told.held) {
      cells.people = C15.testerCity.people;
      cells.klass = cells.people.classes(told.breaks.map((b) => b * (1 - 1e-6)));
    } else if (told.steps) {
      const populated = C15.blocks["cell.populated"], fine = C15.blocks["cell.step"];
      const klassOf = told.step_counts.flatMap((count, k) => new Array(count).fill(1 + k));
      cells.step = new Uint8Array(cols * rows);
      cells.klass = new Uint8Array(cols * rows);
      for (let n = 0, at = 0; n < cols * rows; n += 1) {
        if (!(populated[n >> 3] & (128 >> (n & 7)))) continue;
        cells.step[n] = fine[at];
        cells.klass[n] = klassOf[fine[at++]];
      }
    } else {
      cells.klass = C15.blocks["cell.class"];
      const raw = C15.blocks["cell.residents"], n = told.cells;
      cells.residents = new Int32Array(n);
      for (let k = 0; k < n; k += 1) cells.residents[k] = raw[k] | (raw[n + k] << 8) | (raw[2 * n + k] << 16) | (raw[3 * n + k] << 24);
      cells.before = new Int32Array(rows + 1); // populated cells before each row
      for (let r = 0, sum = 0; r < rows; r += 1) {
        for (let c = r * cols; c < (r + 1) * cols; c += 1) sum += cells.klass[c] ? 1 : 0;
        cells.before[r + 1] = sum;
      }
    }
    cells.levels = [{ cols, rows, klass: cells.klass }];
    return cells;
  };

  /* The densest class of 2 x 2, again and again, so that a dense cell is never hidden at small scales. */
  function level(cells, n) {
    while (cells.levels.length <= n) {
      const below = cells.levels[cells.levels.length - 1];
      const cols = Math.ceil(below.cols / 2), rows = Math.ceil(below.rows / 2), klass = new Uint8Array(cols * rows);
      for (let r = 0; r < below.rows; r += 1) {
        const from = r * below.cols, to = (r >> 1) * cols;
        for (let c = 0; c < below.cols; c += 1) if (below.klass[from + c] > klass[to + (c >> 1)]) klass[to + (c >> 1)] = below.klass[from + c];
      }
      cells.levels.push({ cols, rows, klass });
    }
    return cells.levels[n];
  }

  function rgba(hex) {
    const n = parseInt(hex.slice(1), 16);
    return (0xff000000 | ((n & 255) << 16) | (n & 0xff00) | (n >> 16)) >>> 0;
  }

  C15.drawLattice = function (ctx, view, cells, palette, classOf) {
    const width = ctx.canvas.width, height = ctx.canvas.height, { lattice } = cells;
    if (!width || !height) return;
    const across = Math.ceil(width / MESH) + 1, down = Math.ceil(height / MESH) + 1;
    const col = new Float64Array(across * down), row = new Float64Array(across * down);
    for (let j = 0; j < down; j += 1) {
      const lat = C15.latOf((j * MESH - view.dy) / view.scale);
      for (let i = 0; i < across; i += 1) {
        const [c, r] = lattice.grid_of(C15.lonOf((i * MESH - view.dx) / view.scale), lat);
        col[j * across + i] = c + 0.5;
        row[j * across + i] = r + 0.5;
      }
    }
    const coarse = Math.max(Math.hypot(col[1] - col[0], row[1] - row[0]), Math.hypot(col[across] - col[0], row[across] - row[0])) / MESH;
    const n = Math.max(0, Math.round(Math.log2(Math.max(1, coarse)))), part = 1 / (1 << n), data = level(cells, n);
    const colours = Uint32Array.from([0, ...cells.classes.map((_, k) => rgba(palette[classOf(k)]))]);
    const image = ctx.createImageData(width, height), pixels = new Uint32Array(image.data.buffer);
    for (let y = 0; y < height; y += 1) {
      const j = Math.floor(y / MESH), v = (y + 0.5) / MESH - j;
      for (let i = 0; i + 1 < across; i += 1) {
        const a = j * across + i, b = a + across;
        const c0 = (col[a] * (1 - v) + col[b] * v) * part, c1 = (col[a + 1] * (1 - v) + col[b + 1] * v) * part;
        const r0 = (row[a] * (1 - v) + row[b] * v) * part, r1 = (row[a + 1] * (1 - v) + row[b + 1] * v) * part;
        if ((c0 < 0 && c1 < 0) || (r0 < 0 && r1 < 0) || (c0 > data.cols && c1 > data.cols) || (r0 > data.rows && r1 > data.rows)) continue;
        const dc = (c1 - c0) / MESH, dr = (r1 - r0) / MESH, end = Math.min(width, (i + 1) * MESH);
        for (let x = i * MESH, c = c0 + dc / 2, r = r0 + dr / 2; x < end; x += 1, c += dc, r += dr) {
          if (c >= 0 && r >= 0 && c < data.cols && r < data.rows) pixels[y * width + x] = colours[data.klass[(r | 0) * data.cols + (c | 0)]];
        }
      }
    }
    ctx.putImageData(image, 0, 0);
  };

  /* What a cell holds at a place: residents (tenths), people per km², exact or from the fine step; null where nobody lives. */
  C15.latticeAt = function (cells, lon, lat) {
    const { lattice } = cells, [x, y] = lattice.grid_of(lon, lat), col = Math.round(x), row = Math.round(y);
    if (col < 0 || row < 0 || col >= lattice.cols || row >= lattice.rows || !cells.klass[row * lattice.cols + col]) return null;
    const [w, e] = [lattice.degrees_of(col - 0.5, row), lattice.degrees_of(col + 0.5, row)];
    const [s, n] = [lattice.degrees_of(col, row - 0.5), lattice.degrees_of(col, row + 0.5)];
    const [mx, my] = C15.metresPerDegree(lat);
    const km2 = (Math.abs((e[0] - w[0]) * (n[1] - s[1]) - (e[1] - w[1]) * (n[0] - s[0])) * mx * my) / 1e6;
    if (cells.people) return { residents: cells.people.peopleOf(col, row), density: cells.people.cellDensity(lon, lat), exact: true };
    if (cells.steps) {
      const k = cells.step[row * lattice.cols + col], density = Math.sqrt(cells.steps[k] * (cells.steps[k + 1] || cells.steps[k]));
      return { residents: density * km2, density, exact: false };
    }
    let at = cells.before[row];
    for (let c = row * lattice.cols; c < row * lattice.cols + col; c += 1) at += cells.klass[c] ? 1 : 0;
    const residents = cells.residents[at] / 10;
    return { residents, density: residents / km2, exact: true };
  };
})();
