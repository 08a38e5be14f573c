/* The panel beside the map: heading, search, views (overview, lists, head-room, site tester), figures of the chosen service. */
(function () {
  "use strict";
  const el = C15.el, word = (id, slots) => C15.word(id, slots), num = (v, d) => C15.number(v, d);
  const TOP_GAPS = 8;
  const views = () => ["figures", "table", "quota", ...(C15.mounted ? ["tester"] : [])];

  C15.buildPanel = function (map, panel) {
    const { data } = C15;
    const part = (id, tag, more) => el(tag || "div", { id, ...more });
    panel.append(
      part("heading", "header"), part("search", "div", { class: "search" }),
      part("views", "div", { class: "views", role: "tablist" }), part("services", "div", { class: "tabs", role: "tablist" }),
      ...["figures", "table", "quota", "tester"].map((id) => part(id, "section", { role: "tabpanel", "aria-labelledby": "view-" + id, hidden: id !== "figures" })),
      part("footing", "footer"),
    );
    arrows(panel.querySelector("#services"), () => data.assessed, (s) => { C15.setService(s); return "tab-" + s; }, () => C15.state.service);
    arrows(panel.querySelector("#views"), views, (v) => { C15.setTab(v); return "view-" + v; }, () => C15.state.tab);
    C15.fillPanel = () => {
      heading(document.getElementById("heading"));
      tabs();
      const { tab } = C15.state;
      for (const id of ["figures", "table", "quota", "tester"]) document.getElementById(id).hidden = id !== tab;
      document.getElementById("services").hidden = tab === "tester";
      if (tab === "figures") fillFigures(map, document.getElementById("figures"));
      if (tab === "table") C15.fillTable(map, document.getElementById("table"));
      if (tab === "quota") C15.fillQuota(map, document.getElementById("quota"));
      document.getElementById("footing").replaceChildren(...footer());
    };
  };

  function arrows(list, all, choose, now) {
    list.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const each = all(), id = choose(each[(each.indexOf(now()) + step + each.length) % each.length]);
      document.getElementById(id).focus();
      event.preventDefault();
    });
  }

  function heading(box) {
    const { data, state } = C15, other = state.lang === "zh" ? "en" : "zh";
    const link = (key) => (data.links[key] ? el("a", { href: "./" + encodeURIComponent(data.links[key]), text: word("link." + key) }) : null);
    const language = el("button", { type: "button", id: "language", cls: "plain", lang: other === "zh" ? "zh-CN" : "en", text: C15.data.words[other]["language"], on: { click: () => C15.setLang(other) } });
    box.replaceChildren(
      el("div", { cls: "top" }, [el("p", { cls: "over", text: [data.district.level === "district" ? data.city.name : "", word("product")].filter(Boolean).join(" · ") }), language]),
      el("h1", { text: data.district.name }),
      el("p", { cls: "stamps" }, [
        data.city.simulated ? el("span", { cls: "stamp simulated", text: word("simulated") }) : null,
        data.internal ? el("span", { cls: "stamp", text: word("internal") }) : null,
        data.plan.approval ? el("span", { cls: "stamp", text: word("foot.approval", { number: data.plan.approval }) }) : null,
        link("index"), data.district.level === "district" ? link("city") : null,
      ]),
    );
  }

  function tabs() {
    const { data, state } = C15;
    const viewsBox = document.getElementById("views"), box = document.getElementById("services");
    viewsBox.setAttribute("aria-label", word("view.choice"));
    viewsBox.replaceChildren(...views().map((v) => el("button", {
      type: "button", role: "tab", id: "view-" + v, "aria-controls": v, "aria-selected": String(v === state.tab), tabindex: v === state.tab ? 0 : -1,
      text: word("view." + v), on: { click: () => C15.setTab(v) },
    })));
    box.setAttribute("aria-label", word("service_choice"));
    box.replaceChildren(...data.assessed.map((s) => el("button", {
      type: "button", role: "tab", id: "tab-" + s, "aria-controls": state.tab, "aria-selected": String(s === state.service), tabindex: s === state.service ? 0 : -1,
      on: { click: () => C15.setService(s) },
    }, [C15.glyph(s, 13), el("span", { text: word("short." + s) })])));
  }

  function footer() {
    const { data } = C15;
    return [
      el("p", { text: word("foot.plan", { title: data.plan.title, version: data.plan.version || word("none") }) }),
      el("p", { text: word("foot.method", { radius: num(data.radius_m) }) }),
      data.sources.length ? el("details", {}, [
        el("summary", { text: word("foot.sources") }),
        el("ul", {}, data.sources.map((s) => el("li", { text: C15.maybeWord("role." + s.role, s.role) + word("colon") + s.file + " · " + s.sha256 }))),
      ]) : null,
      el("p", { text: data.plan.approval ? word("foot.approval", { number: data.plan.approval }) : word("foot.no_approval") }),
      el("div", { cls: "actions" }, [
        el("button", { type: "button", cls: "print", text: word("print"), on: { click: () => C15.print() } }),
        el("button", { type: "button", cls: "print", id: "copy-link", text: word("link.copy"), on: { click: (event) => C15.copyLink(event.currentTarget) } }),
      ]),
    ].filter(Boolean);
  }

  function tile(name, value, note, cls) {
    return el("div", { cls: "tile " + (cls || "") }, [el("span", { cls: "name", text: name }), el("b", { text: value }), note ? el("small", { text: note }) : null]);
  }

  function fillFigures(map, box) {
    const { data } = C15, { service } = C15.state, sum = data.summary[service], target = data.targets[service];
    const breach = sum.cap !== null && sum.institutions > sum.cap;
    const goal = el("small", { text: word(target.printed ? "tile.target" : "tile.reference", { target: C15.percent(target.share) }) });
    if (target.quote) goal.title = target.clause + " " + target.quote;
    box.replaceChildren(
      el("div", { cls: "lead" }, [
        el("span", { cls: "name", text: word("tile.share", { radius: num(data.radius_m) }) }),
        el("b", { text: C15.percent(sum.share) }),
        el("small", { text: word("tile.covered", { covered: num(sum.covered), residents: num(sum.residents) }) }),
        C15.tested(service) ? el("p", { cls: "walking" }, [el("b", { text: C15.percent(C15.shareAfter.get(service)) }), el("small", { text: word("what_if.after") })]) : null,
        "share_walking" in sum ? el("p", { cls: "walking" }, [el("b", { text: C15.percent(sum.share_walking) }), el("small", { text: word("tile.walking", { radius: num(data.radius_m), covered: num(sum.covered_walking) }) })]) : null,
        goal,
        depthBar(sum.depth),
      ]),
      ...C15.assessedNote(),
      el("div", { cls: "tiles" }, [
        tile(word("tile.uncovered"), num(sum.uncovered), sum.share === null ? null : word("tile.people", { share: C15.percent(1 - sum.share) })),
        tile(word("tile.institutions"), num(sum.institutions), sum.cap === null ? word("tile.no_cap") : word("tile.cap", { cap: num(sum.cap) }), breach ? "bad" : ""),
        tile(word("tile.over"), num(sum.over_cap), sum.with_limit ? word("tile.of_circles", { count: num(sum.with_limit) }) : word("tile.no_circle_cap"), sum.over_cap ? "bad" : ""),
        tile(word("tile.without"), sum.townships ? num(sum.without.length) : word("none"), sum.townships ? word("tile.of_townships", { count: num(sum.townships) }) : word("tile.no_townships"), sum.without.length ? "warn" : ""),
      ]),
      ...gapList(map, sum, service),
      ...withoutList(map, sum, service),
      ...findingList(service),
    );
  }

  /* Said beside figures that a what-if would change, where there is one. */
  C15.assessedNote = () => (C15.shareAfter && C15.shareAfter.size ? [el("p", { cls: "quiet assessed", text: word("what_if.assessed") })] : []);

  function depthBar(depth) {
    const total = depth.reduce((a, b) => a + (b || 0), 0);
    if (!total) return null;
    const colour = C15.MARKS[C15.state.service].colour, alpha = ["", "55", "99", "ff"];
    const bar = el("div", { cls: "depth", role: "img", "aria-label": depth.map((d, k) => word("depth." + k) + " " + C15.percent(d / total)).join(", ") });
    const names = el("div", { cls: "depth-names" });
    depth.forEach((people, k) => {
      const part = el("span", { title: word("depth." + k) + " " + word("people", { count: num(people) }) });
      part.style.flexGrow = String((people || 0) / total);
      part.style.background = k ? colour + alpha[k] : "#c9ccd1";
      bar.append(part);
      const swatch = el("i");
      swatch.style.background = k ? colour + alpha[k] : "#c9ccd1";
      names.append(el("span", {}, [swatch, document.createTextNode(word("depth." + k) + " " + C15.percent((people || 0) / total))]));
    });
    return el("div", {}, [bar, names]);
  }

  function gapList(map, sum, service) {
    const gaps = C15.data.gaps.filter((g) => g.service === service && g.own);
    const title = el("h2", { text: word("gap.heading", { count: num(gaps.length) }) });
    if (!gaps.length) return [title, el("p", { cls: "quiet", text: word("gap.none") })];
    const place = (gap) => [C15.data.inner.length ? gap.district_name : "", gap.township_name].filter(Boolean).join(" ") || gap.gap_id;
    const item = (gap) => el("li", {}, [el("button", { type: "button", on: { click: () => C15.selectGap(map, gap) } }, [
      el("span", { cls: "badge", text: String(gap.rank) }),
      el("span", { cls: "what" }, [
        el("span", { text: place(gap) }),
        el("small", { text: gap.nearest_m === null ? word("gap.no_nearest") : word("gap.away", { km: num(gap.nearest_m / 1000, 1) }) }),
      ]),
      el("b", { text: word("people", { count: num(gap.residents) }) }),
    ])]);
    const list = el("ol", { cls: "gaps" }, gaps.slice(0, TOP_GAPS).map(item));
    const more = gaps.length > TOP_GAPS ? el("button", {
      type: "button", cls: "more", text: word("gap.more", { count: num(gaps.length - TOP_GAPS) }),
      on: { click: () => { C15.state.table.kind = "gaps"; C15.setTab("table"); } },
    }) : null;
    return [title, list, more].filter(Boolean);
  }

  function withoutList(map, sum, service) {
    const places = sum.without.map((id) => C15.data.placeById.get(id)).filter(Boolean);
    if (!places.length) return [];
    return [
      el("h2", { text: word("without.heading", { service: word("short." + service), count: places.length }) }),
      el("ul", { cls: "places" }, places.map((p) => el("li", {}, [el("button", { type: "button", on: { click: () => C15.selectPlace(map, p) } }, [
        el("span", { text: p.name }), el("small", { text: word("people", { count: num(p.residents) }) }),
      ])]))),
    ];
  }

  function findingList(service) {
    const order = ["breached", "review", "no_data", "met"], level = { township: 1 };
    const mine = C15.data.place_findings
      .filter((f) => { const first = C15.data.rules[f.rule].id.split(".")[0]; return first === service || !(first in C15.MARKS); })
      .sort((a, b) => (level[a.ground] || 0) - (level[b.ground] || 0) || order.indexOf(a.outcome) - order.indexOf(b.outcome));
    if (!mine.length) return [];
    const open = mine.filter((f) => f.ground !== "township" || f.outcome !== "met"), met = mine.filter((f) => !open.includes(f));
    return [
      el("h2", { text: word("finding.heading", { count: mine.length }) }),
      ...open.map((f) => C15.findingCard(f, false)),
      met.length ? el("details", { cls: "rest" }, [el("summary", { text: word("finding.met_rest", { count: met.length }) }), ...met.map((f) => C15.findingCard(f, false))]) : null,
    ].filter(Boolean);
  }
})();
