/* Where the site is: service, coordinates, addresses, arrow keys, what the application says. */
(function () {
  "use strict";
  const el = C15.el, DATUMS = ["wgs84", "cgcs2000", "gcj02", "bd09"], STEPS = [1, 10, 50], FOUND = 8;

  C15.testerForm = function (T) {
    const { word, city } = T, id = (name) => "tester-" + name;
    const services = city.values.service_order.filter((s) => city.plan.rules.some((r) => r.services.includes(s)));
    const message = el("p", { cls: "t-message", role: "alert", hidden: true });
    const say = (text, kind) => {
      message.hidden = !text;
      message.textContent = text || "";
      message.className = "t-message" + (kind ? " t-" + kind : "");
    };

    const service = el("select", { id: id("service"), on: { change: () => T.setService(service.value) } }, services.map((s) => el("option", { value: s, text: word("service." + s) })));
    service.value = T.service;
    const coordinates = el("input", { id: id("coordinates"), type: "text", inputmode: "text", autocomplete: "off", spellcheck: "false", placeholder: word("position.hint") });
    const datum = el("select", { id: id("datum"), "aria-label": word("position.datum") }, DATUMS.map((d) => el("option", { value: d, text: word("datum." + d) })));
    datum.value = T.datum;
    const accuracy = el("input", { id: id("accuracy"), type: "number", min: "0", max: "1000", step: "any", value: String(T.accuracy) });

    function readAccuracy() {
      const value = Number(accuracy.value);
      if (accuracy.value.trim() === "" || !(value >= 0 && value <= 1000)) { say(word("coordinates.accuracy"), "fault"); return false; }
      T.accuracy = value;
      return true;
    }
    const typed = (event) => {
      event.preventDefault();
      if (!readAccuracy()) return;
      T.datum = datum.value;
      const read = C15.readCoordinates(coordinates.value, city.box);
      if (read.fault) { say(word(read.fault), "fault"); return; }
      const [lon, lat] = C15.geo.toWgs84(read.lon, read.lat, datum.value);
      if (!T.place(lon, lat, { typed: coordinates.value })) return;
      say(read.swapped ? word("coordinates.swapped", { lon: String(read.lon), lat: String(read.lat) }) : "", "notice");
      T.centre();
    };
    accuracy.addEventListener("change", () => { if (readAccuracy()) { say(""); T.again(); } });
    datum.addEventListener("change", () => { T.datum = datum.value; T.showCoordinates(); });

    /* addresses, names, codes, townships */
    const list = el("ul", { id: id("found"), cls: "t-found", role: "listbox", hidden: true, "aria-label": word("position.search") });
    const query = el("input", {
      id: id("query"), type: "search", autocomplete: "off", spellcheck: "false", role: "combobox", "aria-expanded": "false", "aria-controls": id("found"),
      "aria-autocomplete": "list", placeholder: word("position.search_hint"),
    });
    let found = [], at = -1;
    const close = () => { list.hidden = true; at = -1; query.setAttribute("aria-expanded", "false"); query.removeAttribute("aria-activedescendant"); };
    const choose = (one) => { close(); query.value = one.title; if (T.place(one.lon, one.lat, {})) { say(""); T.centre(); } };
    const mark = () => [...list.children].forEach((item, n) => { item.setAttribute("aria-selected", String(n === at)); if (n === at) { query.setAttribute("aria-activedescendant", item.id); item.scrollIntoView({ block: "nearest" }); } });
    const look = () => {
      const wanted = query.value.trim().toLowerCase();
      if (!wanted) { close(); return; }
      found = T.entries().filter((e) => e.text.includes(wanted)).sort((a, b) => a.title.toLowerCase().indexOf(wanted) - b.title.toLowerCase().indexOf(wanted) || a.n - b.n).slice(0, FOUND);
      at = found.length ? 0 : -1;
      list.replaceChildren(...found.map((e, n) => el("li", { id: id("found-" + n), role: "option", on: { pointerdown: (event) => { event.preventDefault(); choose(e); } } }, [
        e.service ? C15.glyph(e.service, 13) : C15.shapeSvg("square", "#8a929e", 11), el("span", {}, [el("span", { text: e.title }), el("small", { text: e.sub })]),
      ])));
      if (!found.length) list.append(el("li", { cls: "quiet", text: word("position.nothing") }));
      list.hidden = false;
      query.setAttribute("aria-expanded", "true");
      mark();
    };
    query.addEventListener("input", look);
    query.addEventListener("blur", close);
    query.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
      if (event.key === "Enter" && !list.hidden && found[at]) { choose(found[at]); event.preventDefault(); }
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step || !found.length) return;
      at = (at + step + found.length) % found.length;
      mark();
      event.preventDefault();
    });

    /* arrow keys */
    const pad = el("div", { cls: "t-pad", tabindex: "0", role: "group", "aria-label": word("position.keys_hint", { step: T.step, big: 10 * T.step }), title: word("position.keys_hint", { step: T.step, big: 10 * T.step }) }, [
      el("span", { text: word("position.keys") }),
      ...[["ArrowLeft", "←"], ["ArrowUp", "↑"], ["ArrowDown", "↓"], ["ArrowRight", "→"]].map(([key, sign]) => el("button", { type: "button", tabindex: "-1", text: sign, "aria-label": key, on: { click: () => T.move(key, 1) } })),
    ]);
    const step = el("select", { "aria-label": word("position.keys"), on: { change: () => { T.step = Number(step.value); } } }, STEPS.map((s) => el("option", { value: String(s), text: word("metres", { count: s }) })));
    step.value = String(T.step);
    pad.addEventListener("keydown", (event) => {
      if (event.target !== step && T.move(event.key, event.shiftKey ? 10 : 1)) event.preventDefault();
    });
    pad.append(step);

    const form = el("form", { cls: "t-form", novalidate: true, on: { submit: typed } }, [
      el("label", { for: id("service"), text: word("service") }), service,
      el("label", { for: id("coordinates"), text: word("position.label") }),
      el("div", { cls: "t-row" }, [coordinates, datum]),
      el("div", { cls: "t-row t-tight" }, [el("label", { for: id("accuracy"), text: word("position.accuracy") }), accuracy, el("button", { type: "submit", cls: "t-go", text: word("position.go") })]),
      el("label", { for: id("query"), text: word("position.search") }), el("div", { cls: "t-search" }, [query, list]),
      el("label", { cls: "t-check" }, [T.clickBox, el("span", { text: word("position.click") })]), pad,
      applicant(T),
      message,
    ]);
    T.showCoordinates = () => {
      if (!T.site) return;
      const [lon, lat] = C15.geo.fromWgs84(T.site.lon, T.site.lat, T.datum);
      coordinates.value = lon.toFixed(6) + ", " + lat.toFixed(6);
    };
    T.say = say;
    return form;
  };

  /* What the application says, as far as a rule of the service asks for it. */
  function applicant(T) {
    const { word, city } = T, box = el("details", { cls: "t-applicant" });
    const rules = city.plan.rules.filter((r) => r.services.includes(T.service));
    const tags = [...new Set(rules.flatMap((r) => [...(r.tags || []), ...(r.excludes || [])]))].sort();
    const named = (t) => (T.has("tag." + t) ? word("tag." + t) : t);
    const levels = rules.some((r) => r.levels || r.kind === "mix" || (r.applicant || []).some((a) => a.attribute === "level"));
    const beds = rules.some((r) => r.of === "beds" || r.kind === "mix");
    if (!tags.length && !levels && !beds) return null;
    const chosen = new Set((T.bid.tags || "").split(";").filter(Boolean));
    const said = () => { T.bid.tags = [...chosen].sort().join(";"); T.again(); };
    box.append(el("summary", { text: word("applicant.title") }));
    if (tags.length) {
      box.append(el("fieldset", {}, [el("legend", { text: word("applicant.tags") }), ...tags.map((t) => {
        const input = el("input", { type: "checkbox", checked: chosen.has(t), on: { change: () => { if (input.checked) chosen.add(t); else chosen.delete(t); said(); } } });
        return el("label", { cls: "t-check" }, [input, el("span", { text: named(t) })]);
      })]));
    }
    if (levels) {
      const level = el("select", { on: { change: () => { T.bid.level = level.value; T.again(); } } }, [el("option", { value: "", text: word("applicant.unknown") }), ...["tertiary", "secondary", "primary", "ungraded"].map((l) => el("option", { value: l, text: word("level." + l) }))]);
      level.value = T.bid.level || "";
      box.append(el("label", { cls: "t-line" }, [el("span", { text: word("applicant.level") }), level]));
    }
    if (beds) {
      const input = el("input", { type: "number", min: "0", step: "1", value: Number.isFinite(T.bid.beds) ? String(T.bid.beds) : "", on: { change: () => { const n = Number(input.value); T.bid.beds = input.value.trim() === "" || !(n >= 0) ? NaN : n; T.again(); } } });
      box.append(el("label", { cls: "t-line" }, [el("span", { text: word("applicant.beds") }), input]));
    }
    return box;
  }
})();
