/* The verdict as people read it: the sentence, what decides with clause and quotation, figures, neighbours, all rules. */
(function () {
  "use strict";
  const el = C15.el, J = C15.judge;
  const LOOK = {
    refuse: ["bad", "M4.5 4.5 11.5 11.5M11.5 4.5 4.5 11.5", "square"], refuse_in_principle: ["bad", "M4.5 4.5 11.5 11.5M11.5 4.5 4.5 11.5", "square"],
    review: ["check", "M8 6v4.2M8 12.2v.6", "triangle"], case_by_case: ["case", "M5 8h6M8 5v6", "diamond"],
    admit: ["good", "M4.6 8.3 7 10.8 11.6 5.4", "circle"], priority: ["good", "M4.6 8.3 7 10.8 11.6 5.4", "circle"], admit_all: ["good", "M4.6 8.3 7 10.8 11.6 5.4", "circle"],
  };
  const OUTLINES = { square: "M1 1h14v14H1z", triangle: "M8 .8 15.6 14.6H.4z", diamond: "M8 .2 15.8 8 8 15.8.2 8z", circle: "M8 .6a7.4 7.4 0 1 0 .01 0z" };
  const COUNTED = ["institutions", "beds", "stations", "physicians"]; // units in which a count and its change are one
  const SHOWN = 8, LOOSE_M = 100;
  C15.verdictLook = (conclusion) => LOOK[conclusion] || LOOK.review;

  /* Shape and sign tell the conclusion without colour. */
  C15.verdictIcon = function (conclusion, size) {
    const [cls, sign, outline] = C15.verdictLook(conclusion);
    const icon = C15.svg("svg", { viewBox: "0 0 16 16", width: size, height: size, "aria-hidden": "true", class: "t-icon t-" + cls });
    icon.append(C15.svg("path", { d: OUTLINES[outline], class: "t-shape" }), C15.svg("path", { d: sign, class: "t-sign" }));
    return icon;
  };

  C15.verdictView = function (verdict, { word, num, city, onRetire, onFind, ms }) {
    const { site, row, findings, near } = verdict, { plan } = city;
    const deciding = findings.filter((f) => verdict.decided_by.includes(f.rule_id) && f.ground !== J.CHECKLIST);
    const cards = findings.filter((f) => f.ground === J.CHECKLIST), tested = findings.filter((f) => f.ground !== J.CHECKLIST);
    const unsure = findings.some((f) => f.notes.includes("check_on_site") || f.notes.includes("position_check"));
    const classTitle = (id) => (plan.classes.find((c) => c.id === id) || { title: word("density_class." + (id || "none")) }).title;
    const shown = (v, unit) => (unit === "share" ? num(100 * v, 1) + "%" : word("verdict.figure", { value: num(v, 2), unit: word("unit." + unit) }).trim());

    function counts(f) {
      if (f.observed === null) return null;
      const { today } = f.figures, moved = COUNTED.includes(f.unit) && Number.isFinite(today) && today !== f.observed;
      const observed = word(moved ? "verdict.after" : "verdict.now", { observed: shown(f.observed, f.unit), today: shown(today, f.unit) });
      if (f.limit === null) return word("verdict.counted_open", { observed });
      return word("verdict.counted", { observed, bound: word("bound." + f.bound), limit: shown(f.limit, f.unit) });
    }

    function note(f, id) {
      const slots = { border_m: "–", beyond_observed: "–", beyond_limit: "–", beyond: "–", position_accuracy_m: "–", density_per_km2: "–", beyond_density_per_km2: "–" };
      for (const [key, value] of Object.entries(f.figures)) slots[key] = typeof value === "number" ? num(value, 2) : value;
      return word("note." + id, slots);
    }

    function chip(f) {
      return el("span", { cls: "chip " + (f.lifted_by.length ? "" : f.outcome), text: word("outcome." + f.outcome) });
    }

    function because(f) {
      return el("div", { cls: "t-because" }, [
        el("p", { cls: "t-rule" }, [chip(f), el("b", { text: f.rule.title })]),
        counts(f) ? el("p", { cls: "t-counts", text: word("ground." + f.ground) + (f.ground_name ? " " + f.ground_name : "") + " · " + counts(f) }) : null,
        el("blockquote", { text: f.rule.quote }),
        el("p", { cls: "t-clause", text: word("verdict.clause", { clause: f.rule.clause, force: word("force." + f.force) }) }),
        ...f.notes.filter((n) => n !== "density_disagrees").map((n) => el("p", { cls: "t-note", text: note(f, n) })),
      ]);
    }

    function rule(f) {
      const needs = C15.WORKBENCH.includes(f.kind) || !J.decides(f.rule, city);
      return el("details", { cls: "finding" }, [
        el("summary", {}, [f.ground === J.CHECKLIST ? null : chip(f), el("span", { cls: "rule", text: f.rule.title }),
          f.ground === J.CHECKLIST && needs ? el("small", { cls: "t-needs", text: word("rules.needs_data") }) : null]),
        counts(f) ? el("p", { cls: "figures", text: (f.ground_name ? f.ground_name + " · " : "") + counts(f) }) : null,
        f.lifted_by.length ? el("p", { cls: "note", text: word("rules.lifted") }) : null,
        f.effect && f.effect !== "exempt" ? el("p", { cls: "note", text: word("effect." + f.effect) }) : null,
        ...f.notes.map((n) => el("p", { cls: "note", text: note(f, n) })),
        f.rule.note ? el("p", { cls: "note", text: f.rule.note }) : null,
        el("p", { cls: "clause", text: word("verdict.clause", { clause: f.rule.clause, force: word("force." + f.force) }) }),
        el("blockquote", { text: f.rule.quote }),
      ]);
    }

    function fact(name, value, ...more) {
      return el("div", { cls: "t-fact" }, [el("dt", { text: name }), el("dd", {}, [el("b", { text: value }), ...more.filter(Boolean).map((text) => el("small", { text }))])]);
    }

    /* What is said beside the straight circle where the page has streets (tester_ways.js). */
    const walk = verdict.walk ? C15.walkWords(verdict, { word, num, city }) : { residents: "", others: "", snap: "", alert: "", head: [], cell: () => [] };

    function facts() {
      const unit = plan.density_unit, density = row["density_" + unit + "_per_km2"], per = (v) => (Number.isFinite(v) ? num(v) : word("none"));
      const own = near.filter((n) => n.service === site.service).sort((a, b) => a.distance_m - b.distance_m);
      const place = [row.district_name, row.township_name].filter(Boolean).join(" ");
      return el("dl", { cls: "t-facts" }, [
        fact(word("fact.residents"), word("people", { count: num(row.residents_within) }), word("fact.land", { count: num(row.circle_land_km2, 2) }), walk.residents),
        fact(word("fact.others"), word("fact.count", { count: num(row.others_within) }), own.length ? word("fact.nearest", { metres: num(own[0].distance_m, 1) }) : word("fact.none_near"), walk.others),
        fact(word("fact.density"), Number.isFinite(density) ? word("per_km2", { count: num(density) }) : word("none"), word("fact.unit." + unit) + word("join") + classTitle(row.density_class)),
        fact(word("fact.place"), place || word("none"), word("fact.all_units", { place: per(row.density_place_per_km2), circle: per(row.density_circle_per_km2), cell: per(row.density_cell_per_km2) }), walk.snap),
      ]);
    }

    function neighbours() {
      const reach = plan.radius_m, slack = (n) => n.accuracy_m + site.accuracy_m;
      const all = near.filter((n) => n.service === site.service && n.distance_m <= reach + slack(n) + 1e-6).sort((a, b) => a.distance_m - b.distance_m);
      const title = el("h3", { text: word("near.title") });
      if (!all.length) return [title, el("p", { cls: "quiet", text: word("near.empty", { radius: num(reach) }) })];
      const line = (n, at) => {
        const edge = Math.abs(n.distance_m - reach) <= slack(n) + 1e-6, outside = n.distance_m > reach + 1e-6, name = n.name || n.id;
        const marks = [edge ? word(outside ? "near.outside" : "near.edge") : "", n.would_exceed && !outside ? word("near.exceed") : "", n.added ? word("near.added") : "", n.accuracy_m >= LOOSE_M ? word("near.loose", { metres: num(n.accuracy_m) }) : ""].filter(Boolean);
        return el("tr", { cls: (outside ? "t-outside " : "") + (at < SHOWN ? "" : "t-rest") }, [
          el("td", { text: String(at + 1) }),
          el("td", {}, [el("button", { type: "button", cls: "t-link", text: name, on: { click: () => onFind(n) } }), ...marks.map((m) => el("small", { cls: "t-mark", text: m }))]),
          el("td", { cls: "t-number", text: n.distance_m.toFixed(1) }),
          ...walk.cell(n),
          el("td", {}, [n.added ? null : el("button", { type: "button", cls: "t-small", text: word("near.retire"), "aria-label": word("near.retire_of", { name }), on: { click: () => onRetire(n) } })]),
        ]);
      };
      const table = el("table", { cls: "t-near" }, [
        el("thead", {}, [el("tr", {}, [...["number", "name", "distance"].map((k) => el("th", { scope: "col", text: word("near." + k) })), ...walk.head, el("th", {}, [el("span", { cls: "t-hidden", text: word("near.retire") })])])]),
        el("tbody", {}, all.map(line)),
      ]);
      const more = all.length > SHOWN ? el("button", { type: "button", cls: "more", text: word("near.more", { count: all.length - SHOWN }), on: { click: () => { table.classList.add("t-all"); more.remove(); } } }) : null;
      return [title, table, more].filter(Boolean);
    }

    const [cls] = C15.verdictLook(verdict.conclusion), first = deciding[0];
    return [
      el("div", { cls: "t-verdict t-" + cls, role: "status" }, [
        C15.verdictIcon(verdict.conclusion, 30),
        el("div", {}, [
          el("strong", { text: word("verdict." + verdict.conclusion) }),
          el("p", { text: [word("service." + site.service), row.township_name || word("verdict.nowhere")].join(" · ") }),
          el("p", { cls: "t-where", text: word("verdict.where", { lon: site.lon.toFixed(6), lat: site.lat.toFixed(6), accuracy: num(site.accuracy_m, 1) }) }),
        ]),
      ]),
      unsure ? el("p", { cls: "t-alert", text: word("verdict.borderline", { accuracy: num(site.accuracy_m, 1) }) }) : null,
      walk.alert ? el("p", { cls: "t-alert", text: walk.alert }) : null,
      first ? el("h3", { text: word("verdict.because") }) : null,
      first ? because(first) : null,
      deciding.length > 1 ? el("p", { cls: "t-quiet", text: word("verdict.more", { count: deciding.length - 1 }) }) : null,
      el("p", { cls: "t-quiet", text: word("verdict.by_page", { count: tested.length }) + (cards.length ? " " + word("verdict.open", { count: cards.length }) : "") }),
      facts(),
      ...neighbours(),
      verdict.collisions.length ? el("details", { cls: "t-group", open: true }, [
        el("summary", { text: word("rules.collisions") }),
        ...verdict.collisions.map((c) => el("div", {}, [el("p", { cls: "t-note", text: word("collision." + c.kind) }), ...c.quotes.map((q, n) => el("blockquote", { text: c.clauses[n] + " " + q }))])),
      ]) : null,
      el("details", { cls: "t-group" }, [el("summary", { text: word("rules.checked", { count: tested.length }) }), ...tested.map(rule)]),
      cards.length ? el("details", { cls: "t-group" }, [el("summary", { text: word("rules.workbench", { count: cards.length }) }), el("p", { cls: "t-note", text: word("rules.workbench_note") }), ...cards.map(rule)]) : null,
      el("p", { cls: "t-quiet t-screen", text: word("verdict.ms", { ms: ms.toFixed(1) }) }),
    ].filter(Boolean);
  };
})();
