/* The page of one district: reads its data, then builds map, panel and legend. */
(function () {
  "use strict";
  C15.FONT = '"Noto Sans CJK SC", "Source Han Sans SC", "PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei", sans-serif';

  C15.setService = function (service) {
    C15.state.service = service;
    C15.state.shown[service] = true;
    refresh();
  };
  C15.setBase = (base) => { C15.state.base = base; refresh(); };
  C15.setShow = (layer, on) => { C15.state.show[layer] = on; refresh(); };
  C15.setShown = (service, on) => { C15.state.shown[service] = on; refresh(); };

  function refresh() {
    const focused = document.activeElement && document.activeElement.name ? [document.activeElement.name, document.activeElement.type] : null;
    C15.fillPanel();
    C15.fillLegend();
    C15.redraw();
    if (focused) {
      const again = [...document.querySelectorAll("#legend input")].find((i) => i.name === focused[0] && (i.type !== "radio" || i.checked));
      if (again) again.focus();
    }
  }

  function firstState(data) {
    const service = data.assessed.includes("pharmacy") ? "pharmacy" : data.assessed[0];
    return {
      service, base: "density", selected: null,
      show: { coverage: true, over: true, gaps: true, without: true, townships: true, names: true },
      shown: Object.fromEntries(data.services.map((s) => [s, s === service])),
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
    let before = null;
    const settle = () => {
      map.invalidateSize({ animate: false, pan: false });
      if (before === "home") C15.home(map); else map.fitBounds(before, { animate: false });
      C15.redraw();
    };
    const to = () => {
      before = C15.isHome(map) ? "home" : map.getBounds();
      document.body.classList.add("printing");
      settle();
    };
    const back = () => {
      document.body.classList.remove("printing");
      settle();
    };
    window.addEventListener("beforeprint", to);
    window.addEventListener("afterprint", back);
  }

  function controls(map) {
    L.control.zoom({ zoomInTitle: C15.word("zoom.in"), zoomOutTitle: C15.word("zoom.out") }).addTo(map);
    const whole = L.control({ position: "topleft" });
    whole.onAdd = () => {
      const box = C15.el("div", { cls: "leaflet-bar home" }, [C15.el("button", {
        type: "button", title: C15.word("zoom.home"), "aria-label": C15.word("zoom.home"), on: { click: () => C15.home(map) },
      }, [C15.svg("svg", { viewBox: "0 0 16 16", width: 15, height: 15 }, [C15.svg("path", { d: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4", fill: "none", stroke: "#1f2933", "stroke-width": 1.8 })])])]);
      L.DomEvent.disableClickPropagation(box);
      return box;
    };
    whole.addTo(map);
    L.control.scale({ imperial: false, maxWidth: 140 }).addTo(map);
    map.attributionControl.setPrefix("Leaflet");
  }

  async function start() {
    const shell = document.getElementById("page");
    const [data, arrays] = await Promise.all([C15.readValues("data-values"), C15.readArrays("data-cells")]);
    C15.data = data;
    C15.prepare(data);
    C15.state = firstState(data);
    const cells = C15.unpackCells(arrays), map = window[shell.dataset.map];
    document.getElementById("needs").remove();
    shell.classList.add("ready");
    map.invalidateSize({ animate: false });
    C15.buildPanel(map, document.getElementById("panel"));
    C15.buildLegend(document.getElementById("legend"));
    C15.buildSearch(map, document.getElementById("search"));
    controls(map);
    C15.home(map);
    map.setMinZoom(Math.max(4, map.getZoom() - 2));
    C15.buildLayers(map, cells);
    C15.fillPanel();
    C15.fillLegend();
    map.on("click", (event) => {
      const site = C15.siteAt(map, event.containerPoint);
      if (site) C15.selectSite(map, site, false); else C15.selectGround(map, event.latlng, cells);
    });
    map.on("mousemove", (event) => { map.getContainer().classList.toggle("over-site", Boolean(C15.siteAt(map, event.containerPoint))); });
    map.on("popupclose", C15.closeSelected);
    map.getContainer().setAttribute("aria-label", C15.word("map_label", { place: data.district.name }));
    preparePrint(map);
    C15.map = map;
    C15.cells = cells;
    document.documentElement.dataset.ready = "yes";
  }

  if (typeof DecompressionStream === "undefined") return;
  start().catch((fault) => {
    const needs = document.getElementById("needs");
    if (needs) needs.hidden = false;
    document.documentElement.dataset.fault = String(fault && fault.message);
    throw fault;
  });
})();
