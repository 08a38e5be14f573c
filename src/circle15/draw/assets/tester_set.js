/* What if: several sites placed, institutions retired; verdicts, coverage and gaps of the set at once. */
(function () {
  "use strict";
  const el = C15.el;

  C15.setView = function (T) {
    const { word, num, city } = T, items = city.added, retired = [...city.retired].map((id) => T.byId.get(id)).filter(Boolean);
    const file = el("input", { type: "file", accept: ".csv,.json", hidden: true, "aria-label": word("set.import"), on: { change: () => T.importFile(file) } });
    const button = (text, click, off) => el("button", { type: "button", cls: "t-small", text: word(text), disabled: Boolean(off), on: { click } });
    const empty = !items.length && !retired.length;
    const verdicts = items.map((o) => city.judge(o));
    const line = (o, n) => {
      const verdict = verdicts[n];
      return el("li", {}, [
        el("span", { cls: "badge t-badge", text: String(n + 1) }), C15.glyph(o.service, 13),
        el("span", { cls: "t-what" }, [
          el("span", { text: o.name || word("set.site", { n: n + 1 }) }), el("small", { text: o.lon.toFixed(4) + ", " + o.lat.toFixed(4) }),
          el("span", { cls: "t-chip t-" + C15.verdictLook(verdict.conclusion)[0] }, [C15.verdictIcon(verdict.conclusion, 12), el("span", { text: word("verdict." + verdict.conclusion) })]),
        ]),
        button("set.show", () => T.showItem(o)), button("set.remove", () => T.removeItem(o)),
      ]);
    };
    const gone = (o) => el("li", {}, [
      C15.glyph(o.service, 13), el("span", { cls: "t-what" }, [el("s", { text: o.name || o.id }), el("small", { text: word("set.retired") + " · " + o.id })]),
      button("set.restore", () => T.restore(o)),
    ]);
    return [
      el("h3", { text: word("set.title") }),
      el("p", { cls: "t-quiet", text: empty ? word("set.lead") : "" }),
      el("label", { cls: "t-check" }, [T.retireBox, el("span", { text: word("set.retire_mode") })]),
      el("ol", { cls: "t-set" }, [...items.map(line), ...retired.map(gone)]),
      empty ? null : impact(T),
      el("div", { cls: "t-buttons" }, [
        button("set.undo", () => T.undo(), !T.history.length), button("set.clear", () => T.clear(), empty),
        button("set.csv", () => T.exportCsv(verdicts), empty), button("set.json", () => T.exportJson(verdicts), empty), button("set.import", () => file.click()), file,
      ]),
    ].filter(Boolean);
  };

  /* What the set does to the coverage of a service on the page: coverage as told (base), share after, residents gained on
     balance (net), residents newly left out (lost), and those gained by gap where gaps are not drawn anew. */
  C15.effectOf = function (T, service) {
    const base = T.coverage(service), byGap = new Map();
    let lost = 0;
    const change = T.city.change(service, T.scopes, (frame, people) => {
      if (people < 0) { lost -= people; return; }
      const gap = T.after.has(service) ? null : T.gapAt(service, frame.lon, frame.lat);
      if (gap) byGap.set(gap, (byGap.get(gap) || 0) + people);
    });
    const net = change.gained - change.lost;
    return { base, net, lost, byGap, share: base && base.residents > 0 ? (base.covered + net) / base.residents : null };
  };

  /* Coverage before and after, and what becomes of the gaps, for each service that the set touches. */
  function impact(T) {
    const { word, num, city } = T, rows = [], gaps = [], told = (share) => (share === null ? word("none") : num(100 * share, 2) + "%");
    for (const [service, { base, net, lost, byGap, share }] of T.effects) {
      rows.push(el("tr", {}, [
        el("th", { scope: "row" }, [C15.glyph(service, 12), el("span", { text: word("service." + service) })]),
        el("td", { cls: "t-number", text: share === null ? word("none") : told(base.covered / base.residents) + " → " + told(share) }),
        el("td", { cls: "t-number" + (net < -0.5 ? " t-worse" : ""), text: word("set.change", { sign: net >= 0 ? "+" : "−", people: num(Math.abs(net), 0) }) }),
      ]));
      const found = T.after.get(service) || { fresh: [], told: [...byGap].map(([gap, people]) => ({ gap, patches: [{ label: gap.rank, residents: gap.residents - people }] })) };
      gaps.push(...gapLines(T, found).map((text) => el("li", { text })));
      if (lost >= 0.5) gaps.push(el("li", { cls: "t-worse", text: word("service." + service) + word("join") + word("set.gap_new", { people: num(lost) }) }));
    }
    return el("div", { cls: "t-impact", "aria-live": "polite" }, [
      el("h4", { text: word("set.impact", { place: T.scopeName }) }),
      el("table", {}, [el("caption", { cls: "t-hidden", text: word("set.cover", { radius: num(city.plan.radius_m) }) }), el("tbody", {}, rows)]),
      el("ul", { cls: "t-gaps" }, gaps.length ? gaps : [el("li", { cls: "quiet", text: word("set.gap_none") })]),
      T.after.size === T.effects.size ? null : el("p", { cls: "t-quiet", text: word("set.gap_assessed") }),
    ]);
  }

  /* A sentence for each gap that is smaller, in parts, part of another or none any more, and for each new one. */
  function gapLines(T, { told, fresh }) {
    const { word, num } = T, lines = [];
    for (const { gap, patches, into } of told) {
      const slots = { rank: gap.rank, place: gap.township_name || gap.gap_id, before: num(gap.residents) };
      const left = patches.filter((p) => p.residents >= T.leastGap);
      if (into) lines.push(word("set.gap_merged", { ...slots, into: into.rank }));
      else if (!left.length) lines.push(word("set.gap_closed", slots));
      else if (left.length > 1 || Math.abs(left[0].residents - gap.residents) >= 0.5) {
        lines.push(...left.map((p) => word("set.gap", { ...slots, rank: p.label, after: num(p.residents) })));
      }
    }
    return [...lines, ...fresh.map((p) => word("set.gap_fresh", { label: p.label, place: T.city.placesAt(p.spot[0], p.spot[1]).township_name, people: num(p.residents) }))];
  }
})();
