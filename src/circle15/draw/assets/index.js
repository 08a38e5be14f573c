/* Districts compared: one service at a time, a table to sort, small maps of the same figures, the worst gaps. */
(function () {
  "use strict";
  const el = C15.el, word = (id, slots) => C15.word(id, slots), num = (v, d) => C15.number(v, d);
  const data = (C15.data = C15.readValues("values"));
  const shapes = C15.readShapes(C15.readArrays("places"), (x, y) => [x / 1e6, y / 1e6]);
  const told = new URLSearchParams(location.hash.slice(1));
  const state = (C15.state = {
    lang: ["zh", "en"].includes(told.get("lang")) ? told.get("lang") : data.lang,
    service: data.services.includes(told.get("s")) ? told.get("s") : data.services[0],
    sort: told.get("sort") || "", down: told.get("down") === "1",
  });

  const signed = (v) => (v === null || v === undefined ? word("none") : (v > 0 ? "+" : "") + num(v));
  const COLUMNS = [
    ["share", (r) => r.share, (r) => C15.percent(r.share)],
    ...("share_walking" in data.total[data.services[0]] ? [["share_walking", (r) => r.share_walking, (r) => C15.percent(r.share_walking)]] : []), ["uncovered", (r) => r.uncovered, (r) => num(r.uncovered)],
    ["institutions", (r) => r.institutions, (r) => num(r.institutions)], ["cap", (r) => r.cap, (r) => (r.cap === null ? word("index.no_cap") : num(r.cap))],
    ["headroom", (r) => r.headroom, (r) => signed(r.headroom)], ["over", (r) => r.over_cap, (r) => num(r.over_cap)],
    ["over_share", (r) => r.over_share, (r) => C15.percent(r.over_share)],
    ["without", (r) => (r.townships ? r.without.length : null), (r) => (r.townships ? num(r.without.length) : word("none"))], ["gaps", (r) => r.gaps, (r) => num(r.gaps)],
  ];
  const mood = { headroom: (r) => (r.headroom < 0 ? "bad" : ""), over_share: (r) => (r.over_cap ? "bad" : ""), without: (r) => (r.without.length ? "warn" : "") };

  function keep() {
    const now = new URLSearchParams({ s: state.service, lang: state.lang });
    if (state.sort) { now.set("sort", state.sort); now.set("down", state.down ? "1" : "0"); }
    try { history.replaceState(null, "", "#" + now); } catch { /* a page in a frame may not */ }
  }

  function draw(focus) {
    document.documentElement.lang = state.lang === "zh" ? "zh-CN" : "en";
    document.title = word("index_title", { city: data.city.name });
    document.getElementById("page").replaceChildren(header(), el("main", {}, [tabs(), table(), maps(), worst()]), footer());
    keep();
    if (focus && document.getElementById(focus)) document.getElementById(focus).focus();
  }

  function header() {
    const other = state.lang === "zh" ? "en" : "zh";
    return el("header", {}, [
      el("div", { cls: "right" }, [
        data.city.simulated ? el("span", { cls: "stamp simulated", text: word("simulated") }) : null,
        data.internal ? el("span", { cls: "stamp", text: word("internal") }) : null,
        el("button", { type: "button", id: "language", cls: "plain", lang: other === "zh" ? "zh-CN" : "en", text: data.words[other].language, on: { click: () => { state.lang = other; draw("language"); } } }),
      ]),
      el("h1", { text: word("index_title", { city: data.city.name }) }),
      el("p", { cls: "intro" }, [
        el("span", { text: word("index.intro", { radius: num(data.radius_m) }) }),
        data.city_link ? el("a", { href: data.city_link, text: word("link.city") }) : null,
      ]),
    ]);
  }

  const tabs = () => C15.serviceTabs(data.services, state.service, (s, focus) => { state.service = s; draw(focus); }, { "aria-controls": "figures" });

  function bar(row) {
    const target = data.targets[state.service].share;
    const svg = C15.svg("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" }, [
      C15.svg("rect", { width: 100, height: 8, class: "empty" }), C15.svg("rect", { width: (100 * (row.share || 0)).toFixed(1), height: 8 }),
      C15.svg("rect", { x: 100 * target - 0.6, width: 1.2, height: 8, class: "goal" }),
    ]);
    return svg;
  }

  function sorted() {
    const rows = data.districts.map((d, n) => [d, data.rows[state.service][n]]);
    const column = COLUMNS.find(([k]) => k === state.sort);
    const sign = state.down ? -1 : 1, compare = new Intl.Collator(state.lang === "zh" ? "zh-CN" : "en").compare;
    if (state.sort === "district") rows.sort((a, b) => sign * compare(a[0].name, b[0].name));
    if (column) {
      rows.sort((a, b) => {
        const [x, y] = [column[1](a[1]), column[1](b[1])];
        if (x === null || y === null) return (x === null) - (y === null);
        return sign * (x - y);
      });
    }
    return rows;
  }

  function table() {
    const head = (k) => el("th", { scope: "col", "aria-sort": state.sort === k ? (state.down ? "descending" : "ascending") : "none" }, [
      el("button", { type: "button", cls: "plain", id: "sort-" + k, text: word("index." + k) + (state.sort === k ? (state.down ? " ▼" : " ▲") : ""), on: { click: () => { state.down = state.sort === k ? !state.down : k !== "district"; state.sort = k; draw("sort-" + k); } } }),
    ]);
    const cells = (r) => COLUMNS.map(([k, , show]) => el("td", { cls: (mood[k] ? mood[k](r) : "") }, [el("span", { text: show(r) }), k === "share" ? bar(r) : null]));
    const line = ([d, r]) => el("tr", {}, [el("th", { scope: "row" }, [d.link ? el("a", { href: d.link + "#s=" + state.service + "&lang=" + state.lang, text: d.name }) : el("span", { text: d.name })]), ...cells(r)]);
    const target = data.targets[state.service], goal = word(target.printed ? "tile.target" : "tile.reference", { target: C15.percent(target.share) });
    return el("section", { id: "figures", cls: "service", role: "tabpanel", "aria-labelledby": "tab-" + state.service }, [
      el("div", { cls: "wide" }, [el("table", {}, [
        el("thead", {}, [el("tr", {}, ["district", ...COLUMNS.map(([k]) => k)].map(head))]),
        el("tbody", {}, sorted().map(line)),
        el("tfoot", {}, [el("tr", {}, [el("th", { scope: "row", text: word("index.city_total") }), ...cells(data.total[state.service])])]),
      ])]),
      el("div", { cls: "below" }, [
        el("p", { cls: "note", text: goal + (target.quote ? " · " + target.clause + " " + target.quote : "") + word("stop") + word("index.share_note") }),
        el("span", {}, [
          el("button", { type: "button", cls: "button", id: "export", text: word("table.export"), on: { click: () => C15.exportIndex() } }),
          el("button", { type: "button", cls: "button", text: word("print"), on: { click: () => window.print() } }),
        ]),
      ]),
    ]);
  }

  C15.exportIndex = function () {
    const share = new Set(["share", "share_walking", "over_share"]);
    const head = [word("index.district"), ...COLUMNS.map(([k]) => word("index." + k) + (share.has(k) ? " %" : ""))];
    const values = (r) => COLUMNS.map(([k, value]) => { const v = value(r); return share.has(k) && v !== null && v !== undefined ? Math.round(1000 * v) / 10 : v; });
    const rows = [...sorted().map(([d, r]) => [d.name, ...values(r)]), [word("index.city_total"), ...values(data.total[state.service])]];
    const text = C15.csv([head, ...rows]);
    C15.save([data.city.name, word("short." + state.service)].join("_") + ".csv", text, "text/csv;charset=utf-8");
    return text;
  };

  function maps() {
    const rows = data.rows[state.service];
    return el("section", { cls: "maps", "aria-label": word("index.overview") }, C15.smallMaps(state.service, rows).map((m) => C15.drawSmallMap(m, rows, data.districts, shapes)));
  }

  function worst() {
    const items = data.worst[state.service].map((gap) => {
      const line = word("index.worst_line", { district: gap.district_name, township: gap.township_name, residents: num(gap.residents) });
      const more = gap.nearest_m === null ? "" : word("index.worst_nearest", { nearest: gap.nearest_name, km: num(gap.nearest_m / 1000, 1), new: num(gap.candidate_new_residents) });
      return el("li", {}, [gap.link ? el("a", { href: gap.link + "&lang=" + state.lang, text: line }) : el("b", { text: line }), el("small", { text: more })]);
    });
    return el("section", { cls: "worst" }, [el("h2", { text: word("index.worst") }), items.length ? el("ol", {}, items) : el("p", { cls: "note", text: word("index.worst_none") })]);
  }

  function footer() {
    const { plan } = data;
    return el("footer", {}, [
      el("p", { text: word("foot.plan", { title: plan.title, version: plan.version || word("none") }) }),
      el("p", { text: word("foot.method", { radius: num(data.radius_m) }) }),
      el("p", { text: plan.approval ? word("foot.approval", { number: plan.approval }) : word("foot.no_approval") }),
    ]);
  }

  document.getElementById("needs").remove();
  draw();
  document.documentElement.dataset.ready = "yes";
})();
