/* The site tester of the page. mountTester(root, state) fills a section of the panel and puts itself on the map.

   state: map (Leaflet), lang, service, data { district { id }, gaps [{ service, rank, gap_id, residents, township_name,
   lonlat }] }; the page calls state.pick(lon, lat, event) at a click on the map while the tester is in view, and tells
   a change of language through state.on("lang", …). Without `on` the tester listens to the map itself.
   Blocks "tester" and "tester.arrays" stand in C15.blocks. Mounting again keeps site and set. */
(function () {
  "use strict";
  const el = C15.el;
  C15.WORKBENCH = ["replace", "batch_limit"]; // of indicators and ledgers, whatever the page can say of them
  const kept = { site: null, service: "", datum: "wgs84", accuracy: null, step: 10, bid: { tags: "", level: "", beds: NaN }, history: [], takes: true, retiring: false };
  const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const NAMES = 12;

  C15.openTester = function (blocks) {
    const values = JSON.parse(new TextDecoder().decode(blocks["tester"]));
    return new C15.TesterCity(values, C15.unpackTester(blocks["tester.arrays"], values.index));
  };

  C15.mountTester = function (root, state) {
    const city = C15.testerCity || (C15.testerCity = C15.openTester(C15.blocks)), words = city.values.words[state.lang];
    const { map, data } = state, T = { ...kept, city, leastGap: city.values.least_gap, after: new Map() };
    T.byId = new Map(city.institutions.map((o) => [o.id, o]));
    T.has = (id) => id in words;
    T.word = (id, slots) => (words[id] === undefined ? id : words[id].replace(/\{(\w+)\}/g, (all, name) => (slots && name in slots ? String(slots[name]) : all)));
    T.num = (v, digits) => (v === null || v === undefined || Number.isNaN(v) ? T.word("none") : v.toLocaleString("en-US", { maximumFractionDigits: digits || 0 }));
    if (T.accuracy === null) T.accuracy = city.values.accuracy_m;
    const offered = city.values.service_order.filter((s) => city.plan.rules.some((r) => r.services.includes(s)));
    if (!offered.includes(T.service)) T.service = offered.includes(state.service) ? state.service : offered.includes("pharmacy") ? "pharmacy" : offered[0];
    T.scopes = city.places.filter((p) => p.place_id === data.district.id);
    if (!T.scopes.length) T.scopes = city.within; // of a region: its cities, or its districts
    T.scopeName = data.district.name || T.scopes.map((p) => p.name).join(" ");
    T.clickBox = el("input", { type: "checkbox", checked: T.takes, on: { change: () => { T.takes = T.clickBox.checked; } } });
    T.retireBox = el("input", { type: "checkbox", checked: T.retiring, on: { change: () => { T.retiring = T.retireBox.checked; } } });
    const form = el("div"), verdict = el("div", { cls: "t-result" }), set = el("div", { cls: "t-whatif" });
    root.classList.add("tester");
    root.replaceChildren(el("h2", { text: T.word("title") }), el("p", { cls: "t-quiet t-screen", text: T.word("lead") }), form, verdict, set);

    /* ── site ── */

    const layer = L.layerGroup().addTo(map);
    T.place = function (lon, lat, { quiet } = {}) {
      if (!city.reaches(lon, lat)) { T.say(T.word("coordinates.outside"), "fault"); return false; }
      T.site = city.last = { lon, lat };
      if (!quiet) T.say("");
      T.again();
      return true;
    };
    T.current = () => ({ id: "proposed", ...T.bid, lon: T.site.lon, lat: T.site.lat, service: T.service, accuracy_m: T.accuracy, attributes: said(T.bid) });
    T.again = function () {
      if (!T.site) return;
      const start = performance.now(), found = city.judge(T.current()), ms = performance.now() - start;
      T.verdict = found;
      T.showCoordinates();
      verdict.replaceChildren(...C15.verdictView(found, { word: T.word, num: T.num, city, ms, onRetire: (n) => T.retire(n), onFind: (n) => map.panTo([n.lat, n.lon]) }),
        el("button", { type: "button", cls: "t-add", text: T.word("set.add"), on: { click: () => T.addToSet() } }));
      draw();
      if (state.on) C15.keepLink();
    };
    T.move = function (key, times) {
      if (!KEYS[key]) return false;
      const centre = map.getCenter(), at = T.site || { lon: centre.lng, lat: centre.lat }, [dx, dy] = KEYS[key], metres = T.step * times;
      const [lon, lat] = C15.geo.move(at.lon, at.lat, (Math.atan2(dx, dy) * 180) / Math.PI, T.site ? metres : 0);
      T.place(lon, lat);
      if (T.site && !map.getBounds().contains([T.site.lat, T.site.lon])) T.centre();
      return true;
    };
    T.centre = function () {
      const radius = city.plan.radius_m * 1.3, [e] = [90, 0].map((a) => C15.geo.move(T.site.lon, T.site.lat, a, radius));
      const up = C15.geo.move(T.site.lon, T.site.lat, 0, radius)[1] - T.site.lat, side = e[0] - T.site.lon;
      map.fitBounds([[T.site.lat - up, T.site.lon - side], [T.site.lat + up, T.site.lon + side]], { animate: false, maxZoom: 16 });
    };
    T.setService = function (service) {
      T.service = service;
      T.bid = { tags: "", level: "", beds: NaN };
      fillForm();
      T.again();
    };
    T.entries = function () {
      if (!T.listed) {
        const spots = city.places.filter((p) => p.level === "township" || p.level === "community").map((p) => ({ title: p.name, sub: T.word("position.town"), ...middle(p.outline), text: (p.name + " " + p.place_id).toLowerCase() }));
        const all = city.institutions.filter((o) => o.name).map((o) => ({ title: o.name, sub: [o.id, o.address].filter(Boolean).join(" · "), lon: o.lon, lat: o.lat, service: o.service, text: (o.name + " " + o.id + " " + o.address).toLowerCase() }));
        T.listed = [...spots, ...all];
        T.listed.forEach((e, n) => { e.n = n; });
      }
      return T.listed;
    };

    /* ── set ── */

    const snapshot = () => ({ added: city.added.map((o) => ({ ...o })), retired: [...city.retired] });
    const restore = (one) => {
      city.retired = new Set(one.retired);
      city.setAdded(one.added);
    };
    const change = function (act) {
      T.history.push(snapshot());
      if (T.history.length > 100) T.history.shift();
      act();
      T.setChanged();
    };
    T.touched = () => [...new Set([...city.added, ...[...city.retired].map((id) => T.byId.get(id)).filter(Boolean)].map((o) => o.service))];
    T.setChanged = function () {
      const after = (s) => (city.people.lattice ? C15.gapsAfter(city, s, data.gaps.filter((g) => g.service === s), T.leastGap) : null);
      T.after = new Map(T.touched().map((s) => [s, after(s)]).filter(([, found]) => found));
      T.effects = new Map(T.touched().map((s) => [s, C15.effectOf(T, s)]));
      if (C15.shape) {
        C15.whatIf = new Map([...T.after].map(([s, found]) => [s, C15.gapsShownAfter(city, s, data.gaps, found)]));
        C15.shareAfter = new Map([...T.effects].map(([s, { share }]) => [s, share]));
        C15.redraw();
        C15.fillLegend();
      }
      set.replaceChildren(...C15.setView(T));
      set.classList.toggle("t-screen", !city.added.length && !city.retired.size);
      if (T.site) T.again(); else draw();
    };
    T.addToSet = () => change(() => {
      const ids = new Set(city.added.map((o) => o.id));
      let n = 1;
      while (ids.has("site-" + n)) n += 1;
      city.setAdded([...city.added, { ...T.current(), id: "site-" + n, name: "" }]);
      T.site = null;
      verdict.replaceChildren();
    });
    T.retire = (o) => change(() => city.retire(o.id, true));
    T.restore = (o) => change(() => city.retire(o.id, false));
    T.removeItem = (o) => change(() => city.setAdded(city.added.filter((a) => a !== o)));
    T.clear = () => change(() => restore({ added: [], retired: [] }));
    T.undo = () => { restore(T.history.pop()); T.setChanged(); };
    T.showItem = function (o) {
      const found = city.judge(o), ms = 0;
      T.site = null;
      verdict.replaceChildren(...C15.verdictView(found, { word: T.word, num: T.num, city, ms, onRetire: (n) => T.retire(n), onFind: (n) => map.panTo([n.lat, n.lon]) }));
      map.panTo([o.lat, o.lon]);
      verdict.scrollIntoView({ block: "nearest" });
      draw();
    };
    T.coverage = function (service) {
      const rows = T.scopes.map((p) => city.values.coverage.find((c) => c.service === service && c.place_id === p.place_id));
      const sum = (key) => rows.reduce((a, row) => a + row[key], 0);
      return rows.length && rows.every(Boolean) ? { residents: sum("residents"), covered: sum("covered") } : null;
    };
    T.gapAt = (service, lon, lat) => data.gaps.find((g) => g.service === service && (g.outline || (g.outline = new C15.Outline(g.lonlat.map((r) => Float64Array.from(r.flat()))))).holds(lon, lat) >= 0);
    const rows = (verdicts) => [
      ...city.added.map((o, n) => ({ action: "add", service: o.service, id: o.id, name: o.name || "", lon: o.lon, lat: o.lat, position_accuracy_m: o.accuracy_m, tags: o.tags, level: o.level, beds: Number.isNaN(o.beds) ? null : o.beds,
        conclusion: verdicts[n].conclusion, clauses: [...new Set(verdicts[n].findings.filter((f) => verdicts[n].decided_by.includes(f.rule_id)).map((f) => f.rule.clause))].join("; ") })),
      ...[...city.retired].map((id) => T.byId.get(id)).filter(Boolean).map((o) => ({ action: "retire", service: o.service, id: o.id, name: o.name, lon: o.lon, lat: o.lat, position_accuracy_m: o.accuracy_m })),
    ];
    T.exportCsv = (verdicts) => C15.download(T.word("set.file") + ".csv", "text/csv;charset=utf-8", C15.setAsCsv(rows(verdicts)));
    T.exportJson = function (verdicts) {
      const all = rows(verdicts), { id, title, version } = city.plan;
      const told = { schema: 1, plan: { id, title, version }, datum: "wgs84", added: all.filter((r) => r.action === "add"), retired: all.filter((r) => r.action === "retire") };
      C15.download(T.word("set.file") + ".json", "application/json", JSON.stringify(told, null, 1));
    };
    T.importFile = async function (input) {
      const chosen = input.files[0];
      if (!chosen) return;
      const { added, retired, faults } = C15.readSet(await chosen.text(), { services: offered, known: T.byId });
      input.value = "";
      if (faults.length) {
        T.say(faults.slice(0, NAMES).map(([row, id, value]) => (row ? T.word("import.row", { row, text: T.word(id, { value }) }) : T.word(id, { value }))).join(" "), "fault");
        return;
      }
      change(() => { city.retired = new Set(retired); city.setAdded(added.map((s, n) => ({ ...s, id: "site-" + (n + 1) }))); });
      T.say(T.word("set.applied", { added: added.length, retired: retired.length }), "notice");
    };

    /* ── map ── */

    const icon = (cls, child) => L.divIcon({ className: "t-pin " + cls, html: child, iconSize: [26, 26], iconAnchor: [13, 13] });
    function circleAt(lon, lat, cls) {
      const ring = C15.geo.outline(lon, lat, city.plan.radius_m, 128).map(([x, y]) => [y, x]);
      L.polygon(ring, { className: "t-circle " + cls, smoothFactor: 0, interactive: false, weight: 2.2, color: "#1f2933", dashArray: "6 4", fillColor: "#ffffff", fillOpacity: 0.18 }).addTo(layer);
    }
    /* Light under dark, so that streets are seen on any ground. */
    function walkable(lines) {
      for (const [color, weight] of [["#ffffff", 5], ["#0b5c41", 2.6]]) L.polyline(lines, { className: "t-walk", color, weight, opacity: 0.85, smoothFactor: 0, interactive: false }).addTo(layer);
    }
    function draw() {
      layer.clearLayers();
      for (const id of city.retired) {
        const o = T.byId.get(id);
        if (o) L.marker([o.lat, o.lon], { icon: icon("t-gone", cross()), interactive: false, keyboard: false }).addTo(layer);
      }
      city.added.forEach((o, n) => {
        circleAt(o.lon, o.lat, "t-member");
        L.marker([o.lat, o.lon], { icon: icon("t-number", el("span", { cls: "badge t-badge", text: String(n + 1) })), keyboard: false }).on("click", () => T.showItem(o)).addTo(layer);
      });
      if (!T.site) return;
      const { lon, lat } = T.site, found = T.verdict;
      circleAt(lon, lat, "t-" + C15.verdictLook(found.conclusion)[0]);
      if (city.ways) walkable(city.ways.lines(T.site));
      for (const n of found.near) {
        if (n.service !== T.service || n.distance_m > city.plan.radius_m + n.accuracy_m + T.accuracy) continue;
        const inside = n.distance_m <= city.plan.radius_m + 1e-6;
        L.polyline([[lat, lon], [n.lat, n.lon]], { color: "#1f2933", weight: inside ? 1.2 : 0.9, opacity: 0.75, dashArray: inside ? null : "2 4", smoothFactor: 0, interactive: false }).addTo(layer);
      }
      const pin = L.marker([lat, lon], { icon: icon("t-site", C15.verdictIcon(found.conclusion, 26)), draggable: true, keyboard: false, title: T.word("position.marker"), alt: T.word("position.marker"), zIndexOffset: 1000 }).addTo(layer);
      pin.on("drag", () => dragged(pin));
      pin.on("dragend", () => { const at = pin.getLatLng(); T.place(at.lng, at.lat); });
    }
    let asked = 0;
    function dragged(pin) {
      if (asked) return;
      asked = requestAnimationFrame(() => {
        asked = 0;
        const at = pin.getLatLng(), found = city.judge({ ...T.current(), lon: at.lng, lat: at.lat });
        verdict.replaceChildren(...C15.verdictView(found, { word: T.word, num: T.num, city, ms: 0, onRetire: () => {}, onFind: () => {} }));
      });
    }
    const cross = () => C15.svg("svg", { viewBox: "0 0 16 16", width: 22, height: 22 }, [C15.svg("path", { d: "M3 3 13 13M13 3 3 13", stroke: "#a50f15", "stroke-width": 3, fill: "none" })]);

    function pick(lon, lat, event) {
      if (T.retiring) {
        const one = nearestTo(map, city.institutions.filter((o) => o.service === T.service), event.containerPoint);
        if (one) { if (city.retired.has(one.id)) T.restore(one); else T.retire(one); return true; }
      }
      if (T.takes) T.place(lon, lat);
      return T.takes;
    }
    const clicked = (event) => pick(event.latlng.lng, event.latlng.lat, event);

    function fillForm() {
      form.replaceChildren(C15.testerForm(T));
      T.showCoordinates();
    }
    fillForm();
    T.setChanged();
    if (city.ways) setTimeout(() => city.ways.net); // made before the first site is tested
    if (T.site) T.again();
    state.pick = pick;
    if (!state.on) map.on("click", clicked);
    const mounted = {
      city,
      /* The site under test, for the address bar; and one from there. */
      tested: () => T.site && { lon: T.site.lon, lat: T.site.lat, service: T.service, accuracy: T.accuracy },
      open({ lon, lat, service, accuracy }) {
        if (offered.includes(service)) T.setService(service);
        if (accuracy >= 0 && accuracy <= 1000) T.accuracy = accuracy;
        fillForm();
        if (T.place(lon, lat)) T.centre();
      },
      unmount() {
        for (const key of Object.keys(kept)) kept[key] = T[key];
        map.off("click", clicked);
        layer.remove();
        root.replaceChildren();
      },
    };
    if (state.on && !state.testerHears) {
      state.testerHears = true;
      state.on("lang", () => { C15.tester.unmount(); C15.mountTester(root, state); });
    }
    C15.tester = mounted;
    return mounted;
  };

  const said = (bid) => ({ ...(bid.tags ? { tags: bid.tags } : {}), ...(bid.level ? { level: bid.level } : {}), ...(Number.isNaN(bid.beds) ? {} : { beds: bid.beds }) });

  function middle(outline) {
    const [w, s, e, n] = outline.box;
    let best = { lon: (w + e) / 2, lat: (s + n) / 2 };
    if (outline.holds(best.lon, best.lat) > 0) return best;
    for (let k = 1; k < 400; k += 1) {
      const x = w + (e - w) * ((k * 0.618) % 1), y = s + (n - s) * ((k * 0.414) % 1);
      if (outline.holds(x, y) > 0) { best = { lon: x, lat: y }; break; }
    }
    return best;
  }

  function nearestTo(map, institutions, point) {
    let best = null, least = 14;
    for (const o of institutions) {
      const at = map.latLngToContainerPoint([o.lat, o.lon]), away = Math.hypot(at.x - point.x, at.y - point.y);
      if (away < least) { least = away; best = o; }
    }
    return best;
  }
})();
