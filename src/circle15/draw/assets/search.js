/* Search by name, code, address or township; arrows, Enter and Escape work. */
(function () {
  "use strict";
  const el = C15.el, word = (id, slots) => C15.word(id, slots), SHOWN = 10;

  function entries() {
    const { data } = C15, list = [];
    for (const p of [...data.inner, ...data.townships]) list.push({ title: p.name, sub: () => word("search." + p.level), text: [p.name, p.id], act: (map) => C15.selectPlace(map, p) });
    for (const s of data.site) {
      list.push({
        title: s.name || s.id, sub: () => [s.id, s.township_name, s.address].filter(Boolean).join(" · "), service: s.service,
        text: [s.name, s.id, s.address, s.township_name], act: (map) => C15.selectSite(map, s, true),
      });
    }
    for (const e of list) e.text = e.text.map((t) => t.toLowerCase());
    return list;
  }

  /* 0 whole, 1 beginning, 2 inside the name or code, 3 elsewhere; -1 not at all. */
  function rank(entry, query) {
    let best = -1;
    entry.text.forEach((text, n) => {
      const at = text.indexOf(query);
      if (at < 0) return;
      const r = text === query ? 0 : n > 1 ? 3 : at === 0 ? 1 : 2;
      if (best < 0 || r < best) best = r;
    });
    return best;
  }

  C15.buildSearch = function (map, box) {
    const all = entries();
    const relabel = () => {
      input.placeholder = word("search.hint");
      input.setAttribute("aria-label", word("search.hint"));
      list.setAttribute("aria-label", word("search.found"));
    };
    const list = el("ul", { id: "found", role: "listbox", hidden: true });
    const input = el("input", {
      type: "search", id: "query", autocomplete: "off", spellcheck: "false", role: "combobox", "aria-expanded": "false",
      "aria-controls": "found", "aria-autocomplete": "list",
    });
    relabel();
    C15.on("lang", relabel);
    let found = [], at = -1;
    const close = () => { list.hidden = true; at = -1; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); };
    const choose = (entry) => { close(); entry.act(map); };
    const point = () => {
      [...list.children].forEach((item, n) => item.setAttribute("aria-selected", String(n === at)));
      if (at < 0) return;
      input.setAttribute("aria-activedescendant", "found-" + at);
      list.children[at].scrollIntoView({ block: "nearest" });
    };
    const look = () => {
      const query = input.value.trim().toLowerCase();
      if (!query) { close(); return; }
      const ranked = all.map((entry, n) => ({ entry, n, r: rank(entry, query) })).filter((e) => e.r >= 0).sort((a, b) => a.r - b.r || a.n - b.n);
      found = ranked.slice(0, SHOWN).map((e) => e.entry);
      at = found.length ? 0 : -1;
      list.replaceChildren(...found.map((entry, n) => el("li", { id: "found-" + n, role: "option", on: { pointerdown: (event) => { event.preventDefault(); choose(entry); } } }, [
        entry.service ? C15.glyph(entry.service, 14) : C15.shapeSvg("square", "#8a929e", 12),
        el("span", {}, [el("span", { text: entry.title }), el("small", { text: entry.sub() })]),
      ])));
      if (!found.length) list.append(el("li", { cls: "quiet", role: "option", "aria-disabled": "true", "aria-selected": "false", text: word("search.nothing") }));
      else if (ranked.length > SHOWN) list.append(el("li", { cls: "quiet", role: "option", "aria-disabled": "true", "aria-selected": "false", text: word("search.more", { count: ranked.length - SHOWN }) }));
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
      point();
    };
    input.addEventListener("input", look);
    input.addEventListener("focus", look);
    input.addEventListener("blur", close);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { close(); return; }
      if (event.key === "Enter" && found[at] && !list.hidden) { choose(found[at]); event.preventDefault(); return; }
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step || !found.length) return;
      at = (at + step + found.length) % found.length;
      point();
      event.preventDefault();
    });
    box.append(input, list);
  };
})();
