/* The panel beside the map and the legend that is also the layer control. */
(function () {
  "use strict";
  const el = C15.el, word = (id, slots) => C15.word(id, slots), num = (v, d) => C15.number(v, d);
  const TOP_GAPS = 8;

  C15.buildPanel = function (map, panel) {
    const { data } = C15;
    panel.append(
      el("header", {}, [
        el("p", { cls: "over", text: [data.city.name, word("product")].filter(Boolean).join(" · ") }),
        el("h1", { text: data.district.name }),
        el("p", { cls: "stamps" }, [
          data.city.simulated ? el("span", { cls: "stamp simulated", text: word("simulated") }) : null,
          el("span", { cls: "stamp", text: word("internal") }),
        ]),
      ]),
      el("div", { cls: "search", id: "search" }),
      el("div", { cls: "tabs", role: "tablist", "aria-label": word("service_choice") }, data.assessed.map((s) => el("button", {
        type: "button", role: "tab", id: "tab-" + s, "aria-controls": "figures", on: { click: () => C15.setService(s) },
      }, [C15.glyph(s, 13), el("span", { text: word("short." + s) })]))),
      el("section", { id: "figures", role: "tabpanel" }),
      el("footer", {}, footer()),
    );
    panel.querySelector(".tabs").addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = data.assessed[(data.assessed.indexOf(C15.state.service) + step + data.assessed.length) % data.assessed.length];
      C15.setService(next);
      document.getElementById("tab-" + next).focus();
      event.preventDefault();
    });
    C15.fillPanel = () => fillFigures(map, document.getElementById("figures"));
  };

  function footer() {
    const { data } = C15;
    return [
      el("p", { text: word("foot.plan", { title: data.plan.title, version: data.plan.version || word("none") }) }),
      el("p", { text: word("foot.method", { radius: num(data.radius_m) }) }),
      data.sources.length ? el("details", {}, [
        el("summary", { text: word("foot.sources") }),
        el("ul", {}, data.sources.map((s) => el("li", { text: C15.maybeWord("role." + s.role, s.role) + "：" + s.file + " · " + s.sha256 }))),
      ]) : null,
      data.plan.approval ? el("p", { text: word("foot.approval", { number: data.plan.approval }) }) : null,
      el("button", { type: "button", cls: "print", text: word("print"), on: { click: () => C15.print() } }),
    ];
  }

  function tile(name, value, note, cls) {
    return el("div", { cls: "tile " + (cls || "") }, [el("span", { cls: "name", text: name }), el("b", { text: value }), note ? el("small", { text: note }) : null]);
  }

  function fillFigures(map, box) {
    const { data } = C15, { service } = C15.state, sum = data.summary[service];
    for (const s of data.assessed) {
      const tab = document.getElementById("tab-" + s);
      tab.setAttribute("aria-selected", String(s === service));
      tab.tabIndex = s === service ? 0 : -1;
    }
    const breach = sum.cap !== null && sum.institutions > sum.cap;
    box.replaceChildren(
      el("div", { cls: "lead" }, [
        el("span", { cls: "name", text: word("tile.share", { radius: num(data.radius_m) }) }),
        el("b", { text: C15.percent(sum.share) }),
        el("small", { text: word("tile.covered", { covered: num(sum.covered), residents: num(sum.residents) }) }),
        depthBar(sum.depth),
      ]),
      el("div", { cls: "tiles" }, [
        tile(word("tile.uncovered"), num(sum.uncovered), sum.share === null ? null : word("tile.people", { share: C15.percent(1 - sum.share) })),
        tile(word("tile.institutions"), num(sum.institutions), sum.cap === null ? word("tile.no_cap") : word("tile.cap", { cap: num(sum.cap) }), breach ? "bad" : ""),
        tile(word("tile.over"), num(sum.over_cap), sum.with_limit ? word("tile.of_circles", { count: num(sum.with_limit) }) : word("tile.no_circle_cap"), sum.over_cap ? "bad" : ""),
        tile(word("tile.without"), num(sum.without.length), word("tile.of_townships", { count: num(sum.townships) }), sum.without.length ? "warn" : ""),
      ]),
      ...gapList(map, sum, service),
      ...withoutList(map, sum, service),
      ...findingList(service),
    );
  }

  function depthBar(depth) {
    const total = depth.reduce((a, b) => a + (b || 0), 0);
    if (!total) return null;
    const colours = ["#c9ccd1", "#f6c7a6", "#ef9a63", "#c2551a"], blue = C15.MARKS[C15.state.service].colour;
    const alpha = ["", "55", "99", "ff"];
    const bar = el("div", { cls: "depth", role: "img", "aria-label": depth.map((d, k) => word("depth." + k) + " " + C15.percent(d / total)).join(", ") });
    const names = el("div", { cls: "depth-names" });
    depth.forEach((people, k) => {
      const part = el("span", { title: word("depth." + k) + " " + word("people", { count: num(people) }) });
      part.style.flexGrow = String((people || 0) / total);
      part.style.background = k ? blue + alpha[k] : colours[0];
      bar.append(part);
      const swatch = el("i");
      swatch.style.background = k ? blue + alpha[k] : colours[0];
      names.append(el("span", {}, [swatch, document.createTextNode(word("depth." + k) + " " + C15.percent((people || 0) / total))]));
    });
    return el("div", {}, [bar, names]);
  }

  function gapList(map, sum, service) {
    const gaps = C15.data.gaps.filter((g) => g.service === service && g.own);
    const title = el("h2", { text: word("gap.heading", { count: gaps.length }) });
    if (!gaps.length) return [title, el("p", { cls: "quiet", text: word("gap.none") })];
    const item = (gap) => el("li", {}, [el("button", { type: "button", on: { click: () => C15.selectGap(map, gap) } }, [
      el("span", { cls: "badge", text: String(gap.rank) }),
      el("span", { cls: "what" }, [
        el("span", { text: gap.township_name || gap.gap_id }),
        el("small", { text: gap.nearest_m === null ? word("gap.no_nearest") : word("gap.away", { km: num(gap.nearest_m / 1000, 1) }) }),
      ]),
      el("b", { text: word("people", { count: num(gap.residents) }) }),
    ])]);
    const list = el("ol", { cls: "gaps" }, gaps.slice(0, TOP_GAPS).map(item));
    const more = gaps.length > TOP_GAPS ? el("button", {
      type: "button", cls: "more", text: word("gap.more", { count: gaps.length - TOP_GAPS }),
      on: { click: () => { list.append(...gaps.slice(TOP_GAPS).map(item)); more.remove(); } },
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
    const order = ["breached", "review", "no_data", "met"];
    const mine = C15.data.place_findings
      .filter((f) => { const first = C15.data.rules[f.rule].id.split(".")[0]; return first === service || !(first in C15.MARKS); })
      .sort((a, b) => (a.ground === "district" ? 0 : 1) - (b.ground === "district" ? 0 : 1) || order.indexOf(a.outcome) - order.indexOf(b.outcome));
    if (!mine.length) return [];
    const open = mine.filter((f) => f.ground === "district" || f.outcome !== "met"), met = mine.filter((f) => !open.includes(f));
    return [
      el("h2", { text: word("finding.heading", { count: mine.length }) }),
      ...open.map((f) => C15.findingCard(f, false)),
      met.length ? el("details", { cls: "rest" }, [el("summary", { text: word("finding.met_rest", { count: met.length }) }), ...met.map((f) => C15.findingCard(f, false))]) : null,
    ].filter(Boolean);
  }
})();
