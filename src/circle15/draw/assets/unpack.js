/* Data blocks of the page, words and numbers for people, and the small tools that all parts use. */
window.C15 = window.C15 || { blocks: {} };
(function () {
  "use strict";
  C15.readValues = (name) => JSON.parse(new TextDecoder().decode(C15.blocks[name]));

  /* Int32 arrays: length, then the bytes of equal weight together. */
  C15.readArrays = function (name) {
    const bytes = C15.blocks[name], arrays = [];
    for (let at = 0; at < bytes.length;) {
      const size = new DataView(bytes.buffer, bytes.byteOffset + at, 4).getInt32(0, true);
      at += 4;
      const values = new Int32Array(size);
      for (let n = 0; n < size; n += 1) {
        values[n] = bytes[at + n] | (bytes[at + size + n] << 8) | (bytes[at + 2 * size + n] << 16) | (bytes[at + 3 * size + n] << 24);
      }
      arrays.push(values);
      at += 4 * size;
    }
    return arrays;
  };

  C15.undelta = function (values) {
    const out = new Int32Array(values.length);
    let sum = 0;
    for (let n = 0; n < values.length; n += 1) out[n] = sum += values[n];
    return out;
  };

  /* Packed polygons (pack.py) as rings of [x, y] for each shape; `place` turns whole numbers into degrees. */
  C15.readShapes = function (arrays, place) {
    const [counts, sizes, dx0, dy0, dx, dy] = arrays, shapes = [];
    let ring = 0, rest = 0, x0 = 0, y0 = 0;
    for (const count of counts) {
      const rings = [];
      for (let r = 0; r < count; r += 1, ring += 1) {
        let x = (x0 += dx0[ring]), y = (y0 += dy0[ring]);
        const points = [place(x, y)];
        for (let k = 1; k < sizes[ring]; k += 1, rest += 1) points.push(place((x += dx[rest]), (y += dy[rest])));
        rings.push(points);
      }
      shapes.push(rings);
    }
    return shapes;
  };

  /* Rows of a table held by columns. */
  C15.rowsOf = function (columns) {
    const names = Object.keys(columns).filter((k) => Array.isArray(columns[k]));
    return columns[names[0]].map((_, n) => Object.fromEntries(names.map((k) => [k, columns[k][n]])));
  };

  /* Words and numbers for people. Foreign text enters the page by textContent only. */
  const words = () => C15.data.words[C15.state ? C15.state.lang : C15.data.lang];
  C15.word = function (id, slots) {
    const text = words()[id];
    if (text === undefined) return id;
    return text.replace(/\{(\w+)\}/g, (all, name) => (slots && name in slots ? String(slots[name]) : all));
  };
  C15.maybeWord = (id, otherwise) => (words()[id] === undefined ? otherwise : words()[id]);

  C15.number = function (value, digits) {
    if (value === null || value === undefined || Number.isNaN(value)) return C15.word("none");
    return value.toLocaleString("en-US", { maximumFractionDigits: digits || 0 });
  };
  C15.percent = (share) => (share === null || share === undefined ? C15.word("none") : (100 * share).toFixed(1) + "%");

  C15.el = function (tag, options, children) {
    const node = document.createElement(tag);
    const { text, cls, on, ...attributes } = options || {};
    if (text !== undefined) node.textContent = text;
    if (cls) node.className = cls;
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    for (const [event, handler] of Object.entries(on || {})) node.addEventListener(event, handler);
    for (const child of children || []) if (child) node.append(child);
    return node;
  };

  /* Who wants to know of a change: C15.on("service" | "layers" | "filters" | "select" | "lang" | "tab", handler). */
  const wanting = {};
  C15.on = (event, handler) => { (wanting[event] = wanting[event] || []).push(handler); };
  C15.tell = (event, more) => { for (const handler of wanting[event] || []) handler(more); };

  /* A file out of the page. Cells that a spreadsheet would take for a formula get an apostrophe; UTF-8 with BOM. */
  const guarded = (value) => (typeof value === "string" && /^[\s\u00a0\ufeff]*[=+\-@\t\r|%]/.test(value) ? "'" + value : value);
  const quoted = (value) => {
    const text = value === null || value === undefined ? "" : String(guarded(value));
    return /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  };
  C15.csv = (rows) => "\ufeff" + rows.map((row) => row.map(quoted).join(",") + "\r\n").join("");
  C15.save = function (name, text, type) {
    const address = URL.createObjectURL(new Blob([text], { type }));
    const link = C15.el("a", { href: address, download: name.replace(/[\\/:*?"<>|\u0000-\u001f]/g, "_") });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(address), 2000);
  };
})();
