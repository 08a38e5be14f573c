/* Small maps of the districts, one for each figure of the table: shade, name and figure, a link to the district's page. */
(function () {
  "use strict";
  const WIDTH = 300, HEIGHT = 250, el = C15.el, word = (id, slots) => C15.word(id, slots);

  /* Whole steps of 1, 2 or 5 that cut the range in four. */
  function rounded(most) {
    if (!(most > 0)) return [1, 2, 3];
    const raw = most / 4, power = Math.pow(10, Math.floor(Math.log10(raw)));
    const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= raw);
    return [step, 2 * step, 3 * step];
  }

  const PURPLE = ["#f2f0f7", "#cbc9e2", "#9e9ac8", "#6a51a3"], RED = ["#fee5d9", "#fcae91", "#fb6a4a", "#b2182b"], NONE = "#e3e3e0";
  const cut = (value, breaks) => breaks.filter((b) => value >= b).length;

  /* What each map shows: value of a district's figures, class, names of the classes. */
  C15.smallMaps = function (service, rows) {
    const target = C15.data.targets[service].share, goal = Number((100 * target).toFixed(1)) + "%", steps = rounded(Math.max(0, ...rows.map((r) => r.uncovered || 0)));
    const scale = (colours, names) => colours.map((c, k) => [c, names[k]]);
    const between = (breaks, show) => [...breaks.map((b, k) => (k ? show(breaks[k - 1]) + "–" + show(b) : "< " + show(b))), "≥ " + show(breaks[breaks.length - 1])];
    const thousands = (v) => C15.number(v), percent = (v) => Math.round(100 * v) + "%";
    return [
      { id: "share", value: (r) => r.share, shown: (r) => C15.percent(r.share), key: scale(["#fee8c8", "#fdbb84", "#9ecae1", "#2171b5"], ["< 50%", "50–80%", "80–" + goal, "≥ " + goal]), klass: (v) => cut(v + 1e-9, [0.5, 0.8, target]) },
      { id: "uncovered", value: (r) => r.uncovered, shown: (r) => C15.number(r.uncovered), key: scale(PURPLE, between(steps, thousands)), klass: (v) => cut(v, steps) },
      { id: "headroom", value: (r) => r.headroom, shown: (r) => (r.headroom > 0 ? "+" : "") + C15.number(r.headroom), key: scale(["#b2182b", "#f4a582", "#d1e5f0", "#4393c3"], ["over", "full", "some", "ample"].map((k) => word("quota.class_" + k))), klass: (v) => (v < 0 ? 0 : v === 0 ? 1 : v < 3 ? 2 : 3) },
      { id: "over_share", value: (r) => r.over_share, shown: (r) => C15.percent(r.over_share), key: scale(RED, between([0.25, 0.5, 0.75], percent)), klass: (v) => cut(v, [0.25, 0.5, 0.75]) },
    ];
  };

  function frame(shapes) {
    let w = Infinity, s = Infinity, e = -Infinity, n = -Infinity;
    for (const [lon, lat] of shapes.flat(2)) { w = Math.min(w, lon); e = Math.max(e, lon); s = Math.min(s, lat); n = Math.max(n, lat); }
    const narrow = Math.cos(((s + n) / 2) * (Math.PI / 180));
    const scale = Math.min((WIDTH - 12) / ((e - w) * narrow), (HEIGHT - 12) / (n - s));
    const left = (WIDTH - (e - w) * narrow * scale) / 2, top = (HEIGHT - (n - s) * scale) / 2;
    return ([lon, lat]) => [left + (lon - w) * narrow * scale, top + (n - lat) * scale];
  }

  const dark = (hex) => { const n = parseInt(hex.slice(1), 16); return 0.3 * (n >> 16) + 0.59 * ((n >> 8) & 255) + 0.11 * (n & 255) < 130; };

  C15.drawSmallMap = function (map, rows, districts, shapes) {
    const known = rows.some((r) => map.value(r) !== null && map.value(r) !== undefined);
    const title = el("h2", { text: word("index.map_" + map.id) });
    if (!known || !districts.length) return el("figure", { cls: "small" }, [title, el("p", { cls: "note", text: word("index.map_none") })]);
    const flat = frame(shapes), svg = C15.svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": word("index.map_" + map.id) });
    const used = new Array(map.key.length).fill(0), names = C15.svg("g", { class: "names", "aria-hidden": "true" }), free = C15.Labels();
    districts.forEach((d, n) => {
      const value = map.value(rows[n]), has = value !== null && value !== undefined, klass = has ? map.klass(value) : -1;
      if (has) used[klass] += 1;
      const colour = has ? map.key[klass][0] : NONE;
      const path = C15.svg("path", { d: shapes[n].map((ring) => "M" + ring.map((p) => flat(p).map((v) => v.toFixed(1)).join(" ")).join(" ") + "Z").join(""), fill: colour });
      const told = d.name + " " + (has ? map.shown(rows[n]) : word("none"));
      const hint = C15.svg("title");
      hint.textContent = told;
      path.append(hint);
      if (d.link) svg.append(C15.svg("a", { href: d.link, "aria-label": told }, [path])); else svg.append(path);
      const [x, y] = flat([d.spot[0] / 1e6, d.spot[1] / 1e6]), wide = Math.max(14 * d.name.length, 40);
      if (!free(x - wide / 2, y - 15, wide, 30)) return;
      for (const [text, dy, cls] of [[d.name, -2, "place"], [has ? map.shown(rows[n]) : word("none"), 13, "figure"]]) {
        const node = C15.svg("text", { x: x.toFixed(1), y: (y + dy).toFixed(1), class: cls + (dark(colour) ? " on-dark" : "") });
        node.textContent = text;
        names.append(node);
      }
    });
    svg.append(names);
    const key = el("p", { cls: "key" }, map.key.map(([colour, text], k) => {
      const box = el("i");
      box.style.background = colour;
      return el("span", {}, [box, el("span", { text: text + " (" + used[k] + ")" })]);
    }));
    return el("figure", { cls: "small" }, [title, svg, key]);
  };
})();
