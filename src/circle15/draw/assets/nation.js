/* Counties of a province or the nation: one service at a time, a shaded map beside a table to sort and search. */
(function () {
  "use strict";
  const el = C15.el, word = (id, slots) => C15.word(id, slots), num = (v, d) => C15.number(v, d), SHOWN = 100, FEW = 12; // a short table leaves room below it for the gaps
  const data = (C15.data = C15.readValues("values"));
  const shapes = C15.readShapes(C15.readArrays("places"), (x, y) => [x / 1e6, y / 1e6]);
  const told = new URLSearchParams(location.hash.slice(1));
  const within = (all, value) => (all.includes(value) ? value : all[0]);
  const has = (v) => v !== null && v !== undefined;

  const ORANGE_BLUE = ["#b35806", "#f1a340", "#f7e3c4", "#92c5de", "#2166ac"], PURPLE = ["#f2f0f7", "#cbc9e2", "#9e9ac8", "#756bb1", "#54278f"];
  const GREEN = ["#edf8e9", "#bae4b3", "#74c476", "#31a354", "#006d2c"], BLUE = ["#eff3ff", "#bdd7e7", "#6baed6", "#3182bd", "#08519c"], NONE = "#ffffff";
  const percent = (v) => C15.percent(v), whole = (v) => Math.round(100 * v) + "%";
  const MEASURES = [
    { id: "share", colours: ORANGE_BLUE, value: (r) => r.share, show: percent, edge: whole, breaks: () => [0.2, 0.4, 0.6, 0.8] },
    { id: "uncovered", colours: PURPLE, value: (r) => r.uncovered, show: (v) => num(v), breaks: fifths },
    { id: "per_10k", colours: GREEN, value: (r) => r.per_10k, show: (v) => num(v, 2), breaks: fifths },
    { id: "density", colours: BLUE, value: (r) => r.density, show: (v) => num(v), breaks: () => [100, 500, 1500, 3000] },
  ];
  const COLUMNS = [
    ["residents", (v) => num(v)], ["density", (v) => num(v)], ["institutions", (v) => num(v)], ["per_10k", (v) => num(v, 2)], ["share", percent], ["uncovered", (v) => num(v)],
  ];
  const state = (C15.state = {
    lang: within([data.lang, "zh", "en"], told.get("lang")), service: within(data.services, told.get("s")), measure: within(MEASURES.map((m) => m.id), told.get("m")),
    sort: told.get("sort") || "uncovered", down: told.get("down") !== "0", find: "", picked: data.places.id.indexOf(told.get("sel")), all: false,
  });
  let map = null, rows = [];

  /* Bounds that leave about a fifth of the counties in each class, of two digits. */
  function fifths(values) {
    const known = values.filter(has).sort((a, b) => a - b), round = (v) => (v > 0 ? Number(v.toPrecision(2)) : 0);
    return [...new Set([0.2, 0.4, 0.6, 0.8].map((q) => round(known[Math.floor(q * known.length)] || 0)))].filter((b) => b > 0);
  }
  const measure = () => MEASURES.find((m) => m.id === state.measure);

  function rowsOf(service) {
    const figures = C15.rowsOf(data.figures[service]);
    return C15.rowsOf(data.places).map((p, at) => ({ at, ...p, ...figures[at], per_10k: p.residents > 0 ? (1e4 * figures[at].institutions) / p.residents : null }));
  }
  function total() {
    const sum = (k) => rows.reduce((all, r) => all + (r[k] || 0), 0), residents = sum("residents"), uncovered = sum("uncovered"), institutions = sum("institutions");
    return { residents, uncovered, institutions, density: data.density, share: residents > 0 ? 1 - uncovered / residents : null, per_10k: residents > 0 ? (1e4 * institutions) / residents : null };
  }

  function keep() {
    const now = new URLSearchParams({ s: state.service, m: state.measure, sort: state.sort, down: state.down ? "1" : "0", lang: state.lang });
    if (state.picked >= 0) now.set("sel", data.places.id[state.picked]);
    try { history.replaceState(null, "", "#" + now); } catch { /* a page in a frame may not */ }
  }

  function draw(focus) {
    rows = rowsOf(state.service);
    document.documentElement.lang = state.lang === "zh" ? "zh-CN" : "en";
    document.title = word("title");
    map = C15.nationMap(shapes, { onPoint: read, onPick: (at) => pick(at), word, label: word("map", { service: word("service." + state.service) }) });
    document.getElementById("page").replaceChildren(header(), el("main", {}, [tabs(), tiles(), el("div", { cls: "both" }, [left(), right()])]), footer());
    paint();
    fillRows();
    pick(state.picked, { still: true });
    if (focus && document.getElementById(focus)) document.getElementById(focus).focus();
  }

  function header() {
    const other = state.lang === "zh" ? "en" : "zh";
    return el("header", {}, [
      el("div", { cls: "right" }, [
        data.simulated ? el("span", { cls: "stamp simulated", text: word("simulated") }) : null, data.internal ? el("span", { cls: "stamp", text: word("internal") }) : null,
        el("button", { type: "button", id: "language", cls: "plain", lang: other === "zh" ? "zh-CN" : "en", text: data.words[other].language, on: { click: () => { state.lang = other; draw("language"); } } }),
      ]),
      el("h1", { text: word("title") }),
      el("p", { cls: "intro", text: word("lead", { places: num(rows.length), residents: num(total().residents), radius: num(data.radius_m) }) }),
      data.as_of ? el("p", { cls: "intro", text: word("as_of", { day: data.as_of }) }) : null,
    ]);
  }

  const tabs = () => C15.serviceTabs(data.services, state.service, (s, focus) => { state.service = s; draw(focus); });

  function tiles() {
    const all = total(), low = rows.filter((r) => has(r.share) && r.share < 0.5).length;
    const tile = (id, text, more) => el("div", { cls: "tile" }, [el("dt", { text: word("tile." + id) }), el("dd", {}, [el("b", { text }), more ? el("small", { text: more }) : null])]);
    return el("dl", { cls: "tiles" }, [
      tile("share", percent(all.share), word("tile.by_residents")), tile("uncovered", num(all.uncovered)), tile("institutions", num(all.institutions), word("tile.per_10k", { count: num(all.per_10k, 2) })),
      tile("low", num(low), word("tile.of", { count: num(rows.length) })),
    ]);
  }

  function left() {
    return el("section", { cls: "left", "aria-label": word("map", { service: word("service." + state.service) }) }, [
      measures(), map.node, el("p", { id: "readout", cls: "readout", role: "status" }), el("p", { id: "key", cls: "key" }), rows.length > FEW ? gaps() : null,
    ]);
  }

  function measures() {
    const box = C15.choice("measure", word("measures"), MEASURES.map((m) => [m.id, el("span", { text: word("measure." + m.id) })]), state.measure, (id, focus) => {
      state.measure = id;
      box.replaceWith(measures());
      paint();
      keep();
      document.getElementById(focus).focus();
    });
    return box;
  }

  function paint() {
    const m = measure(), values = rows.map(m.value), breaks = m.breaks(values), klass = (v) => breaks.filter((b) => v >= b).length;
    const used = new Array(breaks.length + 1).fill(0), edge = m.edge || m.show;
    map.paint(values.map((v) => { if (!has(v)) return NONE; used[klass(v)] += 1; return m.colours[klass(v)]; }));
    const name = (k) => (k === 0 ? "< " + edge(breaks[0]) : k === breaks.length ? "≥ " + edge(breaks[k - 1]) : edge(breaks[k - 1]) + "–" + edge(breaks[k]));
    document.getElementById("key").replaceChildren(...(breaks.length ? used : []).map((count, k) => {
      const box = el("i");
      box.style.background = m.colours[k];
      return el("span", {}, [box, el("span", { text: name(k) + " (" + num(count) + ")" })]);
    }));
  }

  function read(at) {
    const r = rows[at >= 0 ? at : state.picked];
    document.getElementById("readout").textContent = r ? word("readout", { name: r.name, residents: num(r.residents), share: percent(r.share), uncovered: num(r.uncovered), institutions: num(r.institutions) }) : word("point");
  }

  function gaps() {
    const lines = data.gaps[state.service].map((g) => el("li", {}, [
      g.place >= 0 ? el("button", { type: "button", cls: "plain", text: g.name, on: { click: () => pick(g.place) } }) : el("b", { text: g.name }), el("span", { text: word("gap", { residents: num(g.residents), km2: num(g.km2, 1) }) }),
      g.best[0] === null ? null : el("span", { cls: "best", text: word("gap_best", { lon: g.best[0].toFixed(5), lat: g.best[1].toFixed(5), gain: num(g.best[2]) }) }),
    ]));
    return el("section", { cls: "worst" }, [el("h2", { text: word("gaps") }), lines.length ? el("ol", {}, lines) : el("p", { cls: "note", text: word("gaps_none") })]);
  }

  /* ── table ── */

  function found() {
    const wanted = state.find.trim().toLowerCase(), sign = state.down ? -1 : 1, compare = new Intl.Collator(state.lang === "zh" ? "zh-CN" : "en", { numeric: true }).compare;
    const some = wanted ? rows.filter((r) => (r.name + " " + r.id).toLowerCase().includes(wanted)) : [...rows];
    if (state.sort === "name") return some.sort((a, b) => sign * compare(a.name, b.name) || a.at - b.at);
    return some.sort((a, b) => {
      const x = a[state.sort], y = b[state.sort];
      return has(x) && has(y) ? sign * (x - y) || a.at - b.at : has(y) - has(x);
    });
  }

  function right() {
    const head = (k) => el("th", { scope: "col", "aria-sort": state.sort === k ? (state.down ? "descending" : "ascending") : "none" }, [
      el("button", { type: "button", cls: "plain", id: "sort-" + k, text: word("column." + k) + (state.sort === k ? (state.down ? " ▼" : " ▲") : ""), on: { click: () => { state.down = state.sort === k ? !state.down : k !== "name"; state.sort = k; again("sort-" + k); } } }),
    ]);
    const search = el("input", { id: "find", type: "search", value: state.find, placeholder: word("find"), "aria-label": word("find"), on: { input: () => { state.find = search.value; state.all = false; fillRows(); } } });
    const all = total();
    return el("section", { cls: "figures", "aria-label": word("table") }, [
      el("div", { cls: "above" }, [search, el("button", { type: "button", cls: "button", id: "export", text: word("table.export"), on: { click: () => C15.exportNation() } }), el("button", { type: "button", cls: "button", text: word("print"), on: { click: () => window.print() } })]),
      el("p", { id: "count", cls: "note", role: "status" }),
      el("div", { cls: "wide" }, [el("table", {}, [
        el("thead", {}, [el("tr", {}, ["name", ...COLUMNS.map(([k]) => k)].map(head))]), el("tbody", { id: "rows" }),
        el("tfoot", {}, [el("tr", {}, [el("th", { scope: "row", text: word("total") }), ...COLUMNS.map(([k, show]) => el("td", { text: show(all[k]) }))])]),
      ])]),
      el("button", { type: "button", id: "more", cls: "plain", on: { click: () => { state.all = true; fillRows(); } } }), rows.length > FEW ? null : gaps(),
    ]);
  }

  function again(focus) {
    document.querySelector(".figures").replaceWith(right());
    fillRows();
    document.getElementById(focus).focus();
  }

  function fillRows() {
    const some = found(), listed = state.all ? some : some.slice(0, SHOWN), more = document.getElementById("more");
    document.getElementById("rows").replaceChildren(...listed.map((r) => el("tr", { "data-at": r.at, cls: r.at === state.picked ? "chosen" : "" }, [
      el("th", { scope: "row" }, [el("button", { type: "button", cls: "plain", text: r.name || r.id, on: { click: () => pick(r.at) } }), el("small", { text: r.id })]), ...COLUMNS.map(([k, show]) => el("td", { text: show(r[k]) })),
    ])));
    document.getElementById("count").textContent = some.length ? word("count", { shown: num(listed.length), found: num(some.length) }) : word("nothing");
    more.hidden = listed.length === some.length;
    more.textContent = word("more", { count: num(some.length - listed.length) });
    keep();
  }

  /* One county on the map and in the table; `still` leaves the view as it is. */
  function pick(at, { still } = {}) {
    state.picked = at;
    map.pick(at);
    read(-1);
    if (at >= 0 && !still) map.goTo(at);
    const listed = () => document.querySelector(`#rows tr[data-at="${at}"]`);
    if (!listed() && found().some((r) => r.at === at)) {
      state.all = true;
      fillRows();
    }
    for (const row of document.querySelectorAll("#rows tr.chosen")) row.className = "";
    if (listed()) listed().className = "chosen";
    if (listed() && !still) listed().scrollIntoView({ block: "nearest" });
    keep();
  }

  C15.exportNation = function () {
    const scale = { share: (v) => (has(v) ? Math.round(1000 * v) / 10 : v), per_10k: (v) => (has(v) ? Math.round(100 * v) / 100 : v) }, value = (r, k) => (scale[k] ? scale[k](r[k]) : r[k]);
    const text = C15.csv([[word("column.id"), word("column.name"), ...COLUMNS.map(([k]) => word("column." + k) + (k === "share" ? " %" : ""))], ...found().map((r) => [r.id, r.name, ...COLUMNS.map(([k]) => value(r, k))])]);
    C15.save([word("title"), word("service." + state.service)].join("_") + ".csv", text, "text/csv;charset=utf-8");
    return text;
  };

  const footer = () => el("footer", {}, [
    el("p", { text: word("foot.plan", { title: data.plan.title, version: data.plan.version || word("none") }) }),
    el("p", { text: word("method", { radius: num(data.radius_m) }) }),
    el("p", { text: data.plan.approval ? word("foot.approval", { number: data.plan.approval }) : word("foot.no_approval") }),
  ]);

  document.getElementById("needs").remove();
  draw();
  document.documentElement.dataset.ready = "yes";
})();
