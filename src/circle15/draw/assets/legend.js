/* Layer control and legend in one: a row is a switch, a sign, a word and a count. */
(function () {
  "use strict";
  const el = C15.el, word = (id, slots) => C15.word(id, slots), num = (v, d) => C15.number(v, d);
  const BASES = ["density", "dense", "township", "none", "quota", "share"];

  C15.buildLegend = function (box) {
    const body = el("div", { cls: "legend-body" });
    const title = el("summary"), stamp = el("p", { cls: "stamp simulated" });
    box.append(el("details", { open: window.innerWidth > 860 }, [title, body]));
    if (C15.data.city.simulated) box.prepend(stamp);
    C15.fillLegend = () => {
      title.textContent = word("legend.title");
      stamp.textContent = word("simulated");
      body.replaceChildren(...[bases(), classes(), overlays(), institutions(), levels(), online()].filter(Boolean));
    };
  };

  function group(name, children) {
    return el("fieldset", {}, [el("legend", { text: name }), ...children]);
  }

  function row(type, name, checked, change, sign, text, count) {
    const input = el("input", { type, name, checked, on: { change } });
    return el("label", { cls: checked ? "row" : "row off" }, [input, sign, el("span", { cls: "text", text }), count === undefined ? null : el("span", { cls: "count", text: count })]);
  }

  function bases() {
    return group(word("legend.base"), [el("div", { cls: "bases" }, BASES.map((b) => row("radio", "base", C15.state.base === b, () => C15.setBase(b), null, word("base." + b))))]);
  }

  function swatch(colour) {
    const box = el("i", { cls: "swatch" });
    box.style.background = colour;
    return box;
  }

  function themed(base) {
    const { data, state } = C15, values = base === "quota" ? data.left[state.service] : data.share[state.service];
    const target = data.targets[state.service].share, places = C15.themePlaces(values);
    const klass = (p) => (base === "quota" ? C15.leftClass(values.get(p.id)) : C15.shareClass(values.get(p.id), target));
    const names = base === "quota"
      ? C15.LEFT.map(([colour, id]) => [colour, word("quota.class_" + id)])
      : [["#fee8c8", "< 50%"], ["#fdbb84", "50–80%"], ["#9ecae1", "80–" + C15.percent(target)], ["#2171b5", "≥ " + C15.percent(target)]];
    const lines = names.map(([colour, text], k) => el("div", { cls: "row" }, [swatch(colour), el("span", { cls: "text", text }), el("span", { cls: "count", text: num(places.filter((p) => klass(p) === k).length) })]));
    return [el("div", { cls: "unit" }, [el("span", { text: word("base." + base) }), el("span", { text: word("legend.places") })]), ...lines];
  }

  function classes() {
    const { data, state } = C15, breaks = data.breaks, dense = breaks.indexOf(data.dense) + 1;
    const list = el("div", { cls: "classes" });
    if (state.base === "none") return list;
    if (state.base === "quota" || state.base === "share") { list.append(...themed(state.base)); return list; }
    const people = data.counted.classes.map((c) => c.residents);
    const sum = (from, to) => people.slice(from, to).reduce((a, b) => a + b, 0);
    const line = (colour, text, count) => el("div", { cls: "row" }, [swatch(colour), el("span", { cls: "text", text }), el("span", { cls: "count", text: count })]);
    const mark = () => el("div", { cls: "threshold", text: word("legend.threshold", { dense: num(data.dense) }) });
    list.append(el("div", { cls: "unit" }, [el("span", { text: word("legend.unit") }), el("span", { text: word(state.base === "township" ? "legend.townships" : "legend.residents") })]));
    if (state.base === "dense") {
      list.append(line(C15.TWO[1], word("legend.dense"), num(sum(dense))), mark(), line(C15.TWO[0], word("legend.sparse"), num(sum(0, dense))));
      return list;
    }
    for (let k = breaks.length; k >= 0; k -= 1) {
      const text = k === breaks.length ? word("legend.above", { low: num(breaks[k - 1]) }) : num(k ? breaks[k - 1] : 0) + "–" + num(breaks[k]);
      const townships = data.townships.filter((p) => p.density !== null && C15.classOf(p.density) === k).length;
      list.append(line(C15.RAMP[k], text, num(state.base === "township" ? townships : people[k])));
      if (k === dense) list.append(mark());
    }
    if (data.counted.points) list.append(line("#8a8a8a", word("legend.points"), ""));
    return list;
  }

  function sign(kind) {
    const colour = C15.MARKS[C15.state.service].colour;
    const shapes = {
      depth: [C15.svg("circle", { cx: 6, cy: 8, r: 5.5, fill: colour, "fill-opacity": 0.4 }), C15.svg("circle", { cx: 10, cy: 8, r: 5.5, fill: colour, "fill-opacity": 0.6 })],
      coverage: [C15.svg("circle", { cx: 8, cy: 8, r: 6.5, fill: colour, "fill-opacity": 0.22, stroke: colour, "stroke-width": 1.6 })],
      over: [C15.svg("circle", { cx: 8, cy: 8, r: 6.5, fill: "none", stroke: C15.OVER, "stroke-width": 1.3, "stroke-dasharray": "2.6 2" }), C15.svg("circle", { cx: 8, cy: 8, r: 3.6, fill: C15.OVER }), C15.svg("circle", { cx: 8, cy: 8, r: 2, fill: "#ffffff" })],
      gaps: [C15.svg("rect", { x: 1, y: 1, width: 14, height: 14, rx: 2, fill: "none", stroke: C15.GAP, "stroke-width": 1.5 }), C15.svg("path", { d: "M1 9 9 1M1 15 15 1M7 15l8-8", stroke: C15.GAP, "stroke-width": 1 })],
      townships: [C15.svg("path", { d: "M0 8h16", stroke: C15.LINE, "stroke-width": 1, "stroke-opacity": 0.6 })],
      without: [C15.svg("path", { d: "M1 9 9 1M1 15 15 1M7 15l8-8", stroke: "#777777", "stroke-width": 1 })],
      names: [C15.svg("text", { x: 8, y: 12.5, "font-size": 12, "text-anchor": "middle", fill: C15.LINE, "font-weight": 600 })],
    };
    if (kind === "streets") shapes.streets = [C15.svg("path", { d: "M1 11h14M6 1v14M6 5h9", fill: "none", stroke: colour, "stroke-width": 1.8 })];
    if (kind === "names") shapes.names[0].textContent = word("legend.letter");
    return C15.svg("svg", { viewBox: "0 0 16 16", width: 15, height: 15, class: "glyph", "aria-hidden": "true" }, shapes[kind]);
  }

  function overlays() {
    const { data, state } = C15, sum = data.summary[state.service];
    const gaps = C15.whatIf && C15.whatIf.has(state.service) ? C15.gapsOf(state.service).filter((g) => g.own && !g.closed).length : sum.gaps;
    const counts = {
      coverage: C15.percent(C15.tested(state.service) ? C15.shareAfter.get(state.service) : sum.share), over: num(sum.over_cap), gaps: num(gaps), without: num(sum.without.length),
      townships: num(data.townships.length), streets: "share_walking" in sum ? C15.percent(sum.share_walking) : undefined,
    };
    const kinds = ["coverage", "depth", "over", "gaps", "without", "townships", "names"];
    if (data.streets.has(state.service)) kinds.push("streets");
    const rows = kinds.map((k) => row(
      "checkbox", k, state.show[k], (event) => C15.setShow(k, event.target.checked), sign(k), word("layer." + k, { radius: num(data.radius_m) }), counts[k]));
    const extra = el("div", { cls: "row sub" }, [C15.shapeSvg("star", C15.GAP, 15), el("span", { cls: "text", text: word("layer.candidate") })]);
    if (state.show.gaps) rows.splice(4, 0, extra);
    if (state.show.depth) rows.splice(2, 0, el("div", { cls: "row sub depth-key" }, [1, 2, 3].map((k) => {
      const box = swatch(C15.MARKS[state.service].colour);
      box.style.opacity = String(C15.DEPTH_ALPHA[k] / 255);
      return el("span", {}, [box, el("span", { text: word("depth." + k) })]);
    })));
    if (C15.tested(state.service)) rows.push(el("p", { cls: "quiet", text: word(C15.whatIf.has(state.service) ? "what_if.legend" : "what_if.legend_share") }));
    return group(word("legend.layers", { service: word("short." + state.service) }), rows);
  }

  function institutions() {
    const { data, state } = C15;
    const rows = data.services.map((s) => {
      const count = data.site.filter((one) => one.service === s && one.inside).length;
      return row("checkbox", s, state.shown[s], (event) => C15.setShown(s, event.target.checked), C15.glyph(s, 15), word("service." + s), num(count));
    });
    const faded = C15.data.site.some((s) => !s.inside);
    if (faded) rows.push(el("p", { cls: "quiet", text: word("legend.faded", { km: num((2 * data.radius_m) / 1000, 1) }) }));
    return group(word("legend.institutions"), rows);
  }

  /* Filter by level, where the chosen services have several. */
  function levels() {
    const { data, state } = C15, counts = new Map();
    for (const s of data.site) if (s.inside && state.shown[s.service]) counts.set(s.level, (counts.get(s.level) || 0) + 1);
    const held = data.levels.filter((level) => counts.has(level) || state.hiddenLevels.has(level));
    if (held.length < 2 && !state.hiddenLevels.size) return null;
    const rows = held.map((level) => {
      const name = level ? C15.maybeWord("level." + level, level) : word("level.none");
      return row("checkbox", "level-" + (level || "none"), !state.hiddenLevels.has(level), (event) => C15.setLevel(level, event.target.checked), null, name, num(counts.get(level) || 0));
    });
    return group(word("legend.levels"), [el("div", { cls: "bases" }, rows)]);
  }

  function online() {
    if (!C15.data.basemap) return null;
    const told = row("checkbox", "online", C15.state.show.online, (event) => C15.setShow("online", event.target.checked), null, word("basemap." + C15.data.basemap.name));
    return group(word("legend.online"), [told, el("p", { cls: "quiet", text: word("basemap.note") })]);
  }
})();
