/* Data blocks of the page: base64, gzip, delta-coded integers. */
const C15 = {};
(function () {
  "use strict";

  function bytesOf(id) {
    const text = atob(document.getElementById(id).textContent.trim());
    const bytes = new Uint8Array(text.length);
    for (let n = 0; n < text.length; n += 1) bytes[n] = text.charCodeAt(n);
    return bytes;
  }

  async function unzip(id) {
    const stream = new Blob([bytesOf(id)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  C15.readValues = async (id) => JSON.parse(new TextDecoder().decode(await unzip(id)));

  /* Int32 arrays: length, then the bytes of equal weight together. */
  C15.readArrays = async function (id) {
    const bytes = await unzip(id);
    const arrays = [];
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
    const out = new Array(values.length);
    let sum = 0;
    for (let n = 0; n < values.length; n += 1) out[n] = sum += values[n];
    return out;
  };

  /* A ring x, y, dx, dy … in millionths of a degree as [lon, lat] pairs. */
  C15.ring = function (coded) {
    const out = [];
    let x = 0, y = 0;
    for (let n = 0; n < coded.length; n += 2) out.push([(x += coded[n]) / 1e6, (y += coded[n + 1]) / 1e6]);
    return out;
  };

  /* Words and numbers for people. Foreign text enters the page by textContent only. */
  C15.word = function (id, slots) {
    const text = C15.data.words[id];
    if (text === undefined) return id;
    return text.replace(/\{(\w+)\}/g, (all, name) => (slots && name in slots ? String(slots[name]) : all));
  };
  C15.maybeWord = (id, otherwise) => (C15.data.words[id] === undefined ? otherwise : C15.data.words[id]);

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
})();
