/* Population cells: unpacked once, written as pixels where they are upright rectangles, as paths where they are not. */
(function () {
  "use strict";
  C15.RAMP = ["#fdf6d8", "#e9efb9", "#bfe0b4", "#7fb9d6", "#3f83bd", "#1d3f8a"];
  C15.TWO = ["#eef0e4", "#5b8fc0"];
  const NO_CLASS = "#8a8a8a";

  C15.unpackCells = function (arrays) {
    const [ringCounts, ringSizes, dx0, dy0, dx, dy, density, residents, classDeltas] = arrays;
    const cells = ringCounts.length, classes = C15.undelta(classDeltas);
    const starts = new Int32Array(cells + 1), ringStarts = new Int32Array(ringSizes.length + 1);
    const total = ringSizes.reduce((a, b) => a + b, 0);
    const lon = new Float64Array(total), lat = new Float64Array(total), uv = new Float64Array(2 * total);
    let at = 0, rest = 0, x0 = 0, y0 = 0;
    for (let r = 0; r < ringSizes.length; r += 1) {
      let x = (x0 += dx0[r]), y = (y0 += dy0[r]);
      for (let k = 0; k < ringSizes[r]; k += 1, at += 1) {
        if (k) { x += dx[rest]; y += dy[rest]; rest += 1; }
        lon[at] = x / 1e6;
        lat[at] = y / 1e6;
        uv[2 * at] = C15.u(lon[at]);
        uv[2 * at + 1] = C15.v(lat[at]);
      }
      ringStarts[r + 1] = at;
    }
    for (let c = 0; c < cells; c += 1) starts[c + 1] = starts[c] + ringCounts[c];
    return { cells, starts, ringStarts, lon, lat, uv, density, residents, classes, ...boxes(cells, starts, ringStarts, uv) };
  };

  function boxes(cells, starts, ringStarts, uv) {
    const box = new Float64Array(4 * cells), upright = new Uint8Array(cells);
    for (let c = 0; c < cells; c += 1) {
      let a = Infinity, b = Infinity, d = -Infinity, e = -Infinity, twice = 0;
      const from = ringStarts[starts[c]], to = ringStarts[starts[c + 1]];
      for (let n = from; n < to; n += 1) {
        const u = uv[2 * n], v = uv[2 * n + 1];
        if (u < a) a = u;
        if (u > d) d = u;
        if (v < b) b = v;
        if (v > e) e = v;
        const m = n + 1 < to ? n + 1 : from;
        twice += u * uv[2 * m + 1] - uv[2 * m] * v;
      }
      box.set([a, b, d, e], 4 * c);
      upright[c] = starts[c + 1] - starts[c] === 1 && to - from === 4 && Math.abs(twice) / 2 > 0.98 * (d - a) * (e - b) ? 1 : 0;
    }
    return { box, upright, order: null };
  }

  /* Drawn from the thinnest to the densest, so that at small scales a dense cell is never hidden. */
  function drawingOrder(data) {
    if (!data.order) data.order = Uint32Array.from({ length: data.cells }, (_, n) => n).sort((a, b) => data.density[a] - data.density[b] || a - b);
    return data.order;
  }

  function rgba(hex) {
    const n = parseInt(hex.slice(1), 16);
    return (0xff000000 | ((n & 255) << 16) | (n & 0xff00) | (n >> 16)) >>> 0;
  }

  C15.drawCells = function (ctx, view, data, palette, classOf) {
    const width = ctx.canvas.width, height = ctx.canvas.height;
    if (!width || !height) return;
    const image = ctx.createImageData(width, height), pixels = new Uint32Array(image.data.buffer);
    const colours = palette.map(rgba), none = rgba(NO_CLASS), paths = [];
    const { scale, dx, dy } = view, box = data.box;
    for (const c of drawingOrder(data)) {
      const x0 = box[4 * c] * scale + dx, x1 = box[4 * c + 2] * scale + dx;
      const y0 = box[4 * c + 1] * scale + dy, y1 = box[4 * c + 3] * scale + dy;
      if (x1 < 0 || y1 < 0 || x0 > width || y0 > height) continue;
      const k = data.classes[c] < 0 ? -1 : classOf(data.classes[c]);
      if (!data.upright[c] && x1 - x0 > 7) { paths.push(c); continue; }
      let left = Math.round(x0), right = Math.round(x1), top = Math.round(y0), bottom = Math.round(y1);
      if (k < 0) { left -= 1; top -= 1; right = left + 3; bottom = top + 3; }
      right = Math.min(width, Math.max(right, left + 1));
      bottom = Math.min(height, Math.max(bottom, top + 1));
      left = Math.max(0, left);
      const colour = k < 0 ? none : colours[k];
      for (let y = Math.max(0, top); y < bottom; y += 1) pixels.fill(colour, y * width + left, y * width + right);
    }
    ctx.putImageData(image, 0, 0);
    drawPaths(ctx, view, data, paths, palette, classOf);
  };

  function drawPaths(ctx, view, data, chosen, palette, classOf) {
    ctx.lineWidth = 0.8;
    for (let at = 0; at < chosen.length;) {
      const k = classOf(data.classes[chosen[at]]);
      ctx.beginPath();
      for (; at < chosen.length && classOf(data.classes[chosen[at]]) === k; at += 1) {
        const c = chosen[at];
        for (let r = data.starts[c]; r < data.starts[c + 1]; r += 1) {
          C15.trace(ctx, view, data.uv.subarray(2 * data.ringStarts[r], 2 * data.ringStarts[r + 1]));
        }
      }
      ctx.fillStyle = ctx.strokeStyle = palette[k];
      ctx.fill("evenodd");
      ctx.stroke();
    }
  }

  C15.cellAt = function (data, lon, lat) {
    const u = C15.u(lon), v = C15.v(lat);
    for (let c = 0; c < data.cells; c += 1) {
      if (u < data.box[4 * c] || u > data.box[4 * c + 2] || v < data.box[4 * c + 1] || v > data.box[4 * c + 3]) continue;
      const rings = [];
      for (let r = data.starts[c]; r < data.starts[c + 1]; r += 1) {
        const ring = [];
        for (let n = data.ringStarts[r]; n < data.ringStarts[r + 1]; n += 1) ring.push([data.lon[n], data.lat[n]]);
        rings.push(ring);
      }
      if (C15.inRings(lon, lat, rings)) return c;
    }
    return -1;
  };
})();
