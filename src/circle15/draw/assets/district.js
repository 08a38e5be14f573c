/* The page of one district or of the whole city: reads its data, then builds map, panel and legend.

   What another part of the page may rely on. A part is a PagePart (draw/map.py): its scripts run before this one, its
   blocks stand in C15.blocks by name (Uint8Array), its words join C15.word. One that defines a global function
   `mountTester(root, state)` (or C15.mountTester) gets a view of its own: `root` is its <section> in the side panel,
   called once; `state` is C15.state:
     state.data      the page's values after prepare.js: district {id, name, level}, radius_m, services, assessed,
                     site [{id, name, service, level, address, lon, lat, inside, …}], siteById, places, townships, plan, …
     state.map       the Leaflet map
     state.lang      "zh" | "en" (changes; listen to "lang")
     state.service   service in view (listen to "service"); C15.setService(s) changes it
     state.tab       "figures" | "table" | "quota" | "tester"; C15.setTab("tester") shows the part
     state.pick      null, or a function (lon, lat, event) that takes clicks on the map while the part wants them; it
                     returns true where it used the click, else the page handles it
     state.on(event, handler)     "service", "lang", "tab", "layers", "filters", "select", "print"
     state.layer(name, zIndex, draw(ctx, view))   a canvas of its own over the map, with redraw(); view.x(u), view.y(v)
     state.block(name)            C15.blocks[name]
*/
(function () {
  "use strict";
  C15.FONT = '"Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei", sans-serif';
  const changed = (event) => { refresh(); C15.tell(event); };

  C15.setService = function (service) {
    C15.state.service = service;
    C15.state.shown[service] = true;
    changed("service");
  };
  C15.setBase = (base) => { C15.state.base = base; changed("layers"); };
  C15.setShow = function (layer, on) {
    C15.state.show[layer] = on;
    if (layer === "online") C15.showBasemap(C15.map);
    changed("layers");
  };
  C15.setShown = (service, on) => { C15.state.shown[service] = on; changed("filters"); };
  C15.setLevel = function (level, on) {
    if (on) C15.state.hiddenLevels.delete(level); else C15.state.hiddenLevels.add(level);
    changed("filters");
  };
  C15.setTab = function (tab) {
    C15.state.tab = tab;
    layout();
    changed("tab");
  };
  C15.setLang = function (lang) {
    C15.state.lang = lang;
    const selected = C15.state.selected;
    document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
    label();
    if (selected) {
      if (selected.site) C15.selectSite(C15.map, selected.site, false);
      if (selected.gap) C15.selectGap(C15.map, selected.gap);
    } else C15.map.closePopup();
    changed("lang");
    const button = document.getElementById("language");
    if (button) button.focus();
  };

  function label() {
    document.title = C15.word("title", { place: C15.data.district.name });
    document.getElementById("ribbon").textContent = C15.data.city.simulated ? C15.word("simulated") : "";
    document.getElementById("panel").setAttribute("aria-label", C15.word("panel_label", { place: C15.data.district.name }));
    C15.map.getContainer().setAttribute("aria-label", C15.word("map_label", { place: C15.data.district.name }));
    document.querySelectorAll("[data-word]").forEach((node) => { node.title = C15.word(node.dataset.word); node.setAttribute("aria-label", node.title); });
    const paper = document.getElementById("paper");
    paper.textContent = [C15.data.district.name, C15.word("product"), C15.data.internal ? C15.word("internal") : "", C15.word(C15.data.plan.approval ? "foot.approval" : "foot.no_approval", { number: C15.data.plan.approval })].filter(Boolean).join(" · ");
  }

  /* Lists are wide, figures are not: the map gets what is left and keeps its middle. */
  function layout() {
    const wide = C15.state.tab === "table";
    const page = document.getElementById("page");
    if (page.classList.contains("wide") === wide) return;
    page.classList.toggle("wide", wide);
    const home = C15.isHome(C15.map);
    C15.map.invalidateSize({ animate: false });
    if (home) C15.home(C15.map);
  }

  function refresh() {
    const held = document.activeElement, key = held && (held.name || held.id) ? [held.name, held.id, held.type] : null;
    C15.fillPanel();
    C15.fillLegend();
    C15.redraw();
    if (!key) return;
    const again = key[0]
      ? [...document.querySelectorAll("#legend input")].find((i) => i.name === key[0] && (i.type !== "radio" || i.checked))
      : document.getElementById(key[1]);
    if (again && again !== document.activeElement) again.focus();
  }

  function firstState(data) {
    const service = data.assessed.includes("pharmacy") ? "pharmacy" : data.assessed[0];
    return {
      data, lang: data.lang, service, base: "density", selected: null, tab: "figures", ruler: false, pick: null,
      show: { coverage: true, depth: false, over: true, gaps: true, without: true, townships: true, names: true, streets: false, online: false },
      shown: Object.fromEntries(data.services.map((s) => [s, s === service])),
      hiddenLevels: new Set(),
      table: { kind: "sites", text: "", sort: "", down: false, inView: false, most: 60 },
      on: C15.on, block: (name) => C15.blocks[name],
    };
  }

  let home = null;
  C15.home = function (map) {
    const [w, s, e, n] = C15.data.bounds;
    const legend = document.getElementById("legend"), size = map.getSize();
    const beside = legend && size.x > 700 ? legend.offsetWidth + 24 : 18;
    map.fitBounds([[s, w], [n, e]], { paddingTopLeft: [54, 30], paddingBottomRight: [beside, 24], animate: false });
    home = { zoom: map.getZoom(), centre: map.getCenter() };
  };
  C15.isHome = (map) => Boolean(home) && map.getZoom() === home.zoom && map.getCenter().distanceTo(home.centre) < 1;

  /* Paper is another size than the screen: the map is sized and drawn anew before the dialogue opens. */
  C15.print = () => window.print();
  function preparePrint(map) {
    let before = null, closed = [];
    const settle = () => {
      map.invalidateSize({ animate: false, pan: false });
      if (before === "home") C15.home(map); else map.fitBounds(before, { animate: false });
      C15.redraw();
    };
    const to = () => {
      before = C15.isHome(map) ? "home" : map.getBounds();
      document.body.classList.add("printing");
      closed = [...document.querySelectorAll("#panel details:not([open])")];
      for (const one of closed) one.open = true; // paper cannot be clicked
      settle();
      C15.tell("print", true);
    };
    const back = () => {
      document.body.classList.remove("printing");
      for (const one of closed) one.open = false;
      settle();
      C15.tell("print", false);
    };
    window.addEventListener("beforeprint", to);
    window.addEventListener("afterprint", back);
  }

  /* A button of our own in the corner of the map. */
  C15.mapButton = function (id, drawing, act) {
    const button = C15.el("button", { type: "button", "data-word": id, on: { click: act } }, [C15.svg("svg", { viewBox: "0 0 16 16", width: 15, height: 15, "aria-hidden": "true" }, drawing)]);
    const control = L.control({ position: "topleft" });
    control.onAdd = () => {
      const box = C15.el("div", { cls: "leaflet-bar home" }, [button]);
      L.DomEvent.disableClickPropagation(box);
      return box;
    };
    control.addTo(C15.map);
    return button;
  };

  function controls(map) {
    const zoom = L.control.zoom().addTo(map).getContainer();
    zoom.children[0].dataset.word = "zoom.in";
    zoom.children[1].dataset.word = "zoom.out";
    C15.mapButton("zoom.home", [C15.svg("path", { d: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4", fill: "none", stroke: "#1f2933", "stroke-width": 1.8 })], () => C15.home(map));
    L.control.scale({ imperial: false, maxWidth: 140 }).addTo(map);
    map.attributionControl.setPrefix("Leaflet");
  }

  function clicks(map) {
    map.on("click", (event) => {
      const { lat, lng } = event.latlng;
      if (C15.measuring()) { C15.measurePoint(lng, lat); return; }
      if (C15.state.tab === "tester" && C15.state.pick && C15.state.pick(lng, lat, event)) return;
      const site = C15.siteAt(map, event.containerPoint);
      if (site) C15.selectSite(map, site, false); else C15.selectGround(map, event.latlng);
    });
    map.on("mousemove", (event) => { map.getContainer().classList.toggle("over-site", !C15.measuring() && Boolean(C15.siteAt(map, event.containerPoint))); });
    map.on("popupclose", C15.closeSelected);
    map.on("moveend", () => { if (C15.refillTable) C15.refillTable(); C15.keepLink(); });
    for (const event of ["service", "lang", "tab", "layers", "filters", "select", "table"]) C15.on(event, C15.keepLink);
    C15.on("select", () => { if (C15.markTable) C15.markTable(); });
    window.addEventListener("hashchange", () => {
      const { view, chosen, tested } = C15.readLink();
      C15.setLang(C15.state.lang);
      layout();
      if (view) map.setView([view[0], view[1]], view[2], { animate: false });
      if (chosen) C15.openChosen(map, chosen);
      if (tested && C15.mounted) C15.tester.open(tested);
    });
  }

  function mountParts() {
    const mount = window.mountTester || C15.mountTester;
    C15.mounted = typeof mount === "function";
    if (!C15.mounted) { if (C15.state.tab === "tester") C15.state.tab = "figures"; return; }
    mount(document.getElementById("tester"), C15.state);
  }

  function start() {
    const shell = document.getElementById("page"), data = C15.readValues("values"), map = window[shell.dataset.map];
    C15.data = data;
    C15.map = map;
    if (C15.openTester) C15.testerCity = C15.openTester(C15.blocks); // the map draws from what the tester holds
    C15.prepare(data);
    C15.state = firstState(data);
    C15.state.map = map;
    C15.state.layer = (name, zIndex, draw) => C15.addBulk(map, name, zIndex, draw);
    C15.cells = data.counted.lattice ? C15.unpackLattice({ ...data.counted, breaks: data.breaks }) : C15.unpackCells(C15.readArrays("cells"));
    const { view, chosen, tested } = C15.readLink();
    document.documentElement.lang = C15.state.lang === "zh" ? "zh-CN" : "en";
    document.getElementById("needs").remove();
    shell.classList.add("ready");
    shell.classList.toggle("wide", C15.state.tab === "table");
    map.invalidateSize({ animate: false });
    C15.buildPanel(map, document.getElementById("panel"));
    C15.buildLegend(document.getElementById("legend"));
    C15.buildSearch(map, document.getElementById("search"));
    controls(map);
    C15.fillLegend();
    C15.home(map);
    map.setMinZoom(Math.max(3, map.getZoom() - 2));
    if (view) map.setView([view[0], view[1]], view[2], { animate: false });
    C15.buildBasemap(map);
    C15.buildLayers(map, C15.cells);
    C15.buildRuler(map, document.getElementById("stage"));
    mountParts();
    C15.fillPanel();
    label();
    clicks(map);
    preparePrint(map);
    if (chosen) C15.openChosen(map, chosen);
    if (tested && C15.mounted) C15.tester.open(tested);
    document.documentElement.dataset.ready = "yes";
  }

  start();
})();
