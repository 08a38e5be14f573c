/* Head-room under the caps by district and township: how many a place has, may have, and what is left. */
(function () {
  "use strict";
  const el = C15.el, word = (id, slots) => C15.word(id, slots), num = (v, d) => C15.number(v, d);

  function bar(held) {
    const most = Math.max(held.cap, held.count, 1), svg = C15.svg("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", class: "bar", "aria-hidden": "true" });
    const used = Math.min(held.count, held.cap);
    svg.append(C15.svg("rect", { width: (100 * held.cap) / most, height: 8, class: "empty" }), C15.svg("rect", { width: (100 * used) / most, height: 8 }));
    if (held.left < 0) svg.append(C15.svg("rect", { x: (100 * held.cap) / most, width: (100 * -held.left) / most, height: 8, class: "beyond" }));
    return svg;
  }

  C15.fillQuota = function (map, box) {
    const { data } = C15, { service } = C15.state, left = data.left[service];
    const rows = [data.districtPlace, ...data.inner, ...data.townships].filter((p) => left.has(p.id));
    const heading = el("h2", { text: word("quota.heading", { service: word("short." + service) }) });
    if (!rows.length) { box.replaceChildren(heading, el("p", { cls: "quiet", text: word("quota.none") })); return; }
    const small = rows.filter((p) => p.level === "township").sort((a, b) => left.get(a.id).left - left.get(b.id).left || (a.name < b.name ? -1 : 1));
    const line = (p) => {
      const held = left.get(p.id);
      return el("tr", { cls: held.left < 0 ? "bad" : held.left === 0 ? "warn" : "" }, [
        el("th", { scope: "row" }, [el("button", { type: "button", cls: "plain", text: p.name, on: { click: () => C15.selectPlace(map, p) } })]),
        el("td", { text: num(held.count) }), el("td", { text: num(held.cap) }),
        el("td", {}, [el("b", { text: (held.left > 0 ? "+" : "") + num(held.left) }), bar(held)]),
      ]);
    };
    const table = (list, caption) => (list.length ? el("table", { cls: "quota" }, [
      el("caption", { text: caption }),
      el("thead", {}, [el("tr", {}, ["place", "count", "cap", "left"].map((k) => el("th", { scope: "col", text: word("quota." + k) })))]),
      el("tbody", {}, list.map(line)),
    ]) : null);
    const uncapped = [...data.inner, ...data.townships].filter((p) => !left.has(p.id));
    box.replaceChildren(...[
      heading,
      el("p", { cls: "quiet", text: word("quota.note") }),
      ...C15.assessedNote(),
      el("button", { type: "button", cls: "print", text: word("quota.show"), on: { click: () => C15.setBase("quota") } }),
      table(rows.filter((p) => p.level !== "township"), word("quota.upper")),
      table(small, word("quota.townships", { count: small.length })),
      uncapped.length ? el("p", { cls: "quiet", text: word("quota.uncapped", { count: uncapped.length }) }) : null,
    ].filter(Boolean));
  };
})();
