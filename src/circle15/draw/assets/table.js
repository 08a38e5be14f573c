/* The table beside the map: institutions, gaps, townships or districts; filtered, sorted, chosen, exported as it shows. */
(function () {
  "use strict";
  const el = C15.el, word = (id, slots) => C15.word(id, slots), num = (v, d) => C15.number(v, d), STEP = 60;
  const district = () => C15.data.inner.length > 0;

  const kinds = {
    sites: {
      rows: () => C15.data.site.filter((s) => s.inside && C15.visible(s)),
      find: (s, q) => [s.name, s.id, s.address, s.township_name].some((t) => t.toLowerCase().includes(q)),
      at: (s) => [s.lon, s.lat], act: (map, s) => C15.selectSite(map, s, true), chosen: (s, held) => held.site === s,
      columns: () => [
        ["name", (s) => s.name || s.id], ["id", (s) => s.id], ["service", (s) => word("short." + s.service)],
        ["level", (s) => (s.level ? C15.maybeWord("level." + s.level, s.level) : "")],
        ...(district() ? [["district", (s) => s.district_name]] : []),
        ["township", (s) => s.township_name], ["address", (s) => s.address],
        ["in_circle", (s) => (s.others_within === null ? null : s.others_within + 1)], ["limit", (s) => s.circle_limit],
        ["residents", (s) => s.residents_within], ["over", (s) => (s.over_cap ? word("table.yes") : "")],
        ["lon", (s) => s.lon, 6], ["lat", (s) => s.lat, 6],
      ],
      shown: ["name", "township", "in_circle", "limit"],
    },
    gaps: {
      rows: () => C15.data.gaps.filter((g) => g.own && g.service === C15.state.service),
      find: (g, q) => [g.gap_id, g.township_name, g.district_name, g.nearest_name].some((t) => t.toLowerCase().includes(q)),
      at: (g) => g.candidate, act: (map, g) => C15.selectGap(map, g), chosen: (g, held) => held.gap === g,
      columns: () => [
        ["rank", (g) => g.rank], ["gap", (g) => g.gap_id], ["service", (g) => word("short." + g.service)],
        ...(district() ? [["district", (g) => g.district_name]] : []),
        ["township", (g) => g.township_name], ["residents_out", (g) => g.residents], ["area", (g) => g.area_km2, 2], ["density", (g) => g.density_per_km2],
        ["nearest", (g) => g.nearest_name], ["nearest_m", (g) => g.nearest_m], ["new", (g) => g.candidate_new_residents],
        ["lon", (g) => g.candidate && g.candidate[0], 6], ["lat", (g) => g.candidate && g.candidate[1], 6],
      ],
      shown: ["rank", "township", "residents_out", "nearest_m", "new"],
    },
    places: {
      rows: () => [...C15.data.inner, ...C15.data.townships],
      find: (p, q) => p.name.toLowerCase().includes(q) || p.id.includes(q),
      at: (p) => [p.spot[0] / 1e6, p.spot[1] / 1e6], act: (map, p) => C15.selectPlace(map, p), chosen: (p, held) => held.place === p,
      columns: () => {
        const { service } = C15.state, left = C15.data.left[service], share = C15.data.share[service];
        const of = (values, key) => (p) => (values.has(p.id) ? values.get(p.id)[key] : null);
        return [
          ["place", (p) => p.name], ["code", (p) => p.id], ["kind", (p) => word("search." + p.level)], ["residents_all", (p) => p.residents], ["density", (p) => p.density],
          ["count_of", (p) => p.n[service]], ["cap", of(left, "cap")], ["left", of(left, "left")],
          ["share", hundredths(of(share, "share")), 1],
          ...("share_walking" in C15.data.summary[service] ? [["share_walking", hundredths(of(share, "walking")), 1]] : []), ["uncovered", of(share, "uncovered")],
        ];
      },
      shown: ["place", "count_of", "cap", "share", "share_walking", "uncovered"],
    },
  };

  const hundredths = (value) => (p) => { const v = value(p); return v === null ? null : Math.round(1000 * v) / 10; };

  function found() {
    const { table } = C15.state, kind = kinds[table.kind], q = table.text.trim().toLowerCase();
    const view = table.inView ? C15.map.getBounds() : null;
    let rows = kind.rows();
    if (q) rows = rows.filter((r) => kind.find(r, q));
    if (view) rows = rows.filter((r) => { const at = kind.at(r); return at && view.contains([at[1], at[0]]); });
    const column = kind.columns().find(([k]) => k === table.sort);
    if (column) {
      const [, value] = column, sign = table.down ? -1 : 1, lang = C15.state.lang === "zh" ? "zh-CN" : "en";
      const compare = new Intl.Collator(lang, { numeric: true }).compare;
      rows = rows.map((r) => [value(r), r]).sort(([a], [b]) => {
        const [none, other] = [a === null || a === "" || a === undefined, b === null || b === "" || b === undefined];
        if (none || other) return none - other;
        return sign * (typeof a === "number" && typeof b === "number" ? a - b : compare(String(a), String(b)));
      }).map(([, r]) => r);
    }
    return rows;
  }

  const shows = (value, digits) => (typeof value === "number" ? num(value, digits) : value === null || value === undefined ? word("none") : value);

  C15.tableRows = found;
  C15.exportTable = function () {
    const { table, service } = C15.state, kind = kinds[table.kind], columns = kind.columns(), rows = found();
    const head = columns.map(([k]) => word("table." + k));
    const body = rows.map((r) => columns.map(([, value, digits]) => {
      const v = value(r);
      return typeof v === "number" ? Number(v.toFixed(digits || 3)) : v;
    }));
    const name = [C15.data.district.name, word("table.kind_" + table.kind), table.kind === "sites" ? "" : word("short." + service)].filter(Boolean).join("_") + ".csv";
    const text = C15.csv([head, ...body]);
    C15.save(name, text, "text/csv;charset=utf-8");
    return text;
  };

  C15.fillTable = function (map, box) {
    const { state } = C15, { table } = state;
    const again = () => { C15.fillPanel(); C15.tell("table"); };
    const pick = (k) => el("button", { type: "button", "aria-pressed": String(k === table.kind), text: word("table.kind_" + k), on: { click: () => { Object.assign(table, { kind: k, sort: "", down: false, most: STEP }); again(); } } });
    const text = el("input", { type: "search", id: "table-text", value: table.text, placeholder: word("table.filter"), "aria-label": word("table.filter"), on: { input: (event) => { table.text = event.target.value; table.most = STEP; fill(); } } });
    const inView = el("input", { type: "checkbox", checked: table.inView, on: { change: (event) => { table.inView = event.target.checked; fill(); } } });
    const body = el("div", { cls: "sheet" });
    const fill = () => body.replaceChildren(...sheet(map, fill));
    C15.refillTable = () => { if (state.tab === "table" && body.isConnected && table.inView) fill(); };
    C15.markTable = () => { if (state.tab === "table" && body.isConnected) mark(body); };
    fill();
    box.replaceChildren(
      el("div", { cls: "picks", role: "group", "aria-label": word("table.choice") }, ["sites", "gaps", "places"].map(pick)),
      el("div", { cls: "filters" }, [text, el("label", { cls: "row" }, [inView, el("span", { text: word("table.in_view") })])]),
      ...(table.kind === "sites" ? [el("p", { cls: "quiet", text: word("table.filter_note") })] : []),
      ...C15.assessedNote(),
      body,
    );
  };

  let current = [];
  function mark(body) {
    const held = C15.state.selected || {}, kind = kinds[C15.state.table.kind];
    body.querySelectorAll("tbody tr").forEach((row, n) => { if (current[n]) row.classList.toggle("chosen", Boolean(kind.chosen(current[n], held))); });
  }

  function sheet(map, fill) {
    const { table } = C15.state, kind = kinds[table.kind], rows = found(), held = C15.state.selected || {};
    const columns = kind.columns().filter(([k]) => kind.shown.includes(k));
    const numeric = new Set(columns.filter(([, value]) => rows.some((r) => typeof value(r) === "number")).map(([k]) => k));
    const turn = (k) => { table.down = table.sort === k ? !table.down : numeric.has(k) && k !== "rank"; table.sort = k; fill(); const again = document.getElementById("sort-" + k); if (again) again.focus(); };
    const head = el("tr", {}, columns.map(([k]) => el("th", { scope: "col", cls: numeric.has(k) ? "num" : "", "aria-sort": table.sort === k ? (table.down ? "descending" : "ascending") : "none" }, [
      el("button", { type: "button", cls: "plain", id: "sort-" + k, text: word("table." + k) + (table.sort === k ? (table.down ? " ▼" : " ▲") : ""), on: { click: () => turn(k) } }),
    ])));
    const line = (r) => el("tr", { cls: kind.chosen(r, held) ? "chosen" : "" }, columns.map(([k, value, digits], n) => {
      const told = shows(value(r), digits);
      if (n !== (table.kind === "gaps" ? 1 : 0)) return el("td", { cls: numeric.has(k) ? "num" : "", text: told });
      const glyph = table.kind === "sites" ? C15.glyph(r.service, 13) : null;
      return el("td", {}, [el("button", { type: "button", cls: "plain name-of", on: { click: () => { kind.act(map, r); mark(document.querySelector("#table .sheet")); } } }, [glyph, el("span", { text: told || word("none") })])]);
    }));
    current = rows.slice(0, table.most);
    const more = rows.length > table.most ? el("button", { type: "button", cls: "more", text: word("table.more", { count: num(rows.length - table.most) }), on: { click: () => { table.most += 5 * STEP; fill(); } } }) : null;
    return [
      el("div", { cls: "counts" }, [
        el("span", { role: "status", text: word("table.count", { count: num(rows.length) }) }),
        el("button", { type: "button", cls: "print", id: "export", text: word("table.export"), disabled: !rows.length, on: { click: () => C15.exportTable() } }),
      ]),
      rows.length ? el("table", { cls: "list" }, [el("thead", {}, [head]), el("tbody", {}, current.map(line))]) : el("p", { cls: "quiet", text: word("table.none") }),
      more,
    ].filter(Boolean);
  }
})();
