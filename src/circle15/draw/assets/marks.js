/* A shape and a colour for each service (Okabe and Ito's palette; two of its colours merge for some eyes, shapes do not). */
(function () {
  "use strict";
  C15.MARKS = {
    pharmacy: { colour: "#d55e00", shape: "circle" },
    outpatient: { colour: "#0072b2", shape: "square" },
    inpatient: { colour: "#cc4f97", shape: "triangle" },
    ltc_home: { colour: "#009e73", shape: "diamond" },
    ltc_facility: { colour: "#e69f00", shape: "pentagon" },
  };
  C15.GAP = "#5e1a8b";
  C15.CLOSED = "#1b6e3c";
  C15.OVER = "#a50f15";
  C15.LINE = "#2b3340";

  const corners = (count, turn) => Array.from({ length: count }, (_, n) => {
    const angle = turn + (2 * Math.PI * n) / count;
    return [Math.sin(angle), -Math.cos(angle)];
  });
  const SHAPES = {
    square: corners(4, Math.PI / 4).map(([x, y]) => [x * 1.2, y * 1.2]),
    triangle: corners(3, 0).map(([x, y]) => [x * 1.25, y * 1.25 + 0.15]),
    diamond: corners(4, 0).map(([x, y]) => [x * 1.2, y * 1.2]),
    pentagon: corners(5, 0).map(([x, y]) => [x * 1.15, y * 1.15]),
    star: Array.from({ length: 10 }, (_, n) => {
      const r = n % 2 ? 0.55 : 1.35, angle = (Math.PI * n) / 5;
      return [r * Math.sin(angle), -r * Math.cos(angle)];
    }),
  };

  C15.shapePath = function (ctx, shape, x, y, r) {
    if (shape === "circle") { ctx.moveTo(x + r, y); ctx.arc(x, y, r, 0, 2 * Math.PI); return; }
    SHAPES[shape].forEach(([a, b], n) => (n ? ctx.lineTo(x + a * r, y + b * r) : ctx.moveTo(x + a * r, y + b * r)));
    ctx.closePath();
  };

  /* A mark with its white rim, drawn once a size and then copied. */
  const stamps = new Map();
  C15.stamp = function (ctx, mark, x, y, size) {
    const key = mark.shape + size.toFixed(2) + mark.colour, side = Math.ceil(2 * (1.35 * size + 3));
    if (!stamps.has(key)) {
      if (stamps.size > 60) stamps.clear();
      const tile = document.createElement("canvas"), ratio = 2;
      tile.width = tile.height = side * ratio;
      const pen = tile.getContext("2d");
      pen.scale(ratio, ratio);
      pen.beginPath();
      C15.shapePath(pen, mark.shape, side / 2, side / 2, size);
      pen.lineWidth = size > 4 ? 2.4 : 1.6;
      pen.strokeStyle = "#ffffff";
      pen.stroke();
      pen.fillStyle = mark.colour;
      pen.fill();
      stamps.set(key, tile);
    }
    ctx.drawImage(stamps.get(key), x - side / 2, y - side / 2, side, side);
  };

  const SVG = "http://www.w3.org/2000/svg";
  C15.svg = function (tag, attributes, children) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    for (const child of children || []) node.append(child);
    return node;
  };

  C15.glyph = function (service, size) {
    const mark = C15.MARKS[service] || { colour: "#444444", shape: "circle" };
    return C15.shapeSvg(mark.shape, mark.colour, size || 14);
  };
  C15.shapeSvg = function (shape, colour, size) {
    const look = { fill: colour, stroke: "#ffffff", "stroke-width": "0.9" };
    const node = shape === "circle"
      ? C15.svg("circle", { cx: 8, cy: 8, r: 5.4, ...look })
      : C15.svg("polygon", { points: SHAPES[shape].map(([x, y]) => (8 + 5.4 * x).toFixed(2) + "," + (8 + 5.4 * y).toFixed(2)).join(" "), ...look });
    return C15.svg("svg", { viewBox: "0 0 16 16", width: size, height: size, "aria-hidden": "true", class: "glyph" }, [node]);
  };

  /* Diagonal lines for areas that must read without colour; made once a colour. */
  /* Hatching that stands still on the ground, however much of it is drawn at a time. */
  const hatches = {}, HATCH = 9;
  C15.hatch = function (ctx, view, colour) {
    if (!hatches[colour]) {
      const tile = document.createElement("canvas");
      tile.width = tile.height = HATCH;
      const pen = tile.getContext("2d");
      pen.strokeStyle = colour;
      pen.lineWidth = 1.1;
      pen.beginPath();
      for (const shift of [-9, 0, 9]) { pen.moveTo(shift - 1, 10); pen.lineTo(shift + 10, -1); }
      pen.stroke();
      hatches[colour] = tile;
    }
    const pattern = ctx.createPattern(hatches[colour], "repeat");
    pattern.setTransform(new DOMMatrix([1, 0, 0, 1, view.dx % HATCH, view.dy % HATCH]));
    return pattern;
  };

  /* Boxes already taken by labels, so that no two overlap. */
  C15.Labels = function () {
    const taken = [];
    return function (x, y, w, h) {
      for (const b of taken) if (x < b[0] + b[2] && b[0] < x + w && y < b[1] + b[3] && b[1] < y + h) return false;
      taken.push([x, y, w, h]);
      return true;
    };
  };
})();
