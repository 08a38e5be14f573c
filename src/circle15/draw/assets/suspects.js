/* The map of doubtful positions: list, filter and map of one page. Foreign text enters by textContent only. */
(function () {
  "use strict";
  const SHOWN = 400;
  const by = (id) => document.getElementById(id);

  function made(tag, text, name) {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (name) node.className = name;
    return node;
  }

  function ring(coded) {
    const out = [];
    let x = 0, y = 0;
    for (let n = 0; n < coded.length; n += 2) out.push([(y += coded[n + 1]) / 1e6, (x += coded[n]) / 1e6]);
    return out;
  }

  function start(data, map) {
    const say = (id, slots) => data.words[id].replace(/\{(\w+)\}/g, (all, k) => (k in slots ? String(slots[k]) : all));
    const off = new Set();
    const canvas = L.canvas({ padding: 0.3 });
    const marks = L.layerGroup().addTo(map);
    const halo = L.layerGroup().addTo(map);
    const findings = data.findings.map(([kind, x, y, name, code, address, sheet, row, told, lies, metres], at) =>
      ({ at, kind, lat: y / 1e6, lon: x / 1e6, name, code, address, sheet, row, told, lies, metres }));
    map.attributionControl.setPrefix("Leaflet");
    L.control.scale({ imperial: false }).addTo(map);

    for (const level of ["township", "district"]) {
      const thick = level === "district";
      for (const place of data.places.filter((p) => p.level === level)) {
        const shape = L.polygon(place.rings.map(ring), {
          renderer: canvas, interactive: false, fill: thick, fillColor: "#fff", fillOpacity: 0.35,
          color: thick ? "#5b6672" : "#b8b0a2", weight: thick ? 1.8 : 0.8,
        }).addTo(map);
        if (thick) {
          shape.bindTooltip(made("span", place.name), { permanent: true, direction: "center", className: "place", interactive: false });
        }
      }
    }
    for (let n = 0; n < data.dots.length; n += 2) {
      L.circleMarker([data.dots[n + 1] / 1e6, data.dots[n] / 1e6], {
        renderer: canvas, interactive: false, radius: 1.6, stroke: false, fillColor: "#5b6672", fillOpacity: 0.55,
      }).addTo(map);
    }

    function lines(f) {
      const out = [data.kinds[f.kind].name];
      if (f.told) out.push(say("told", { place: f.told }));
      if (f.lies) out.push(say("lies", { place: f.lies }));
      if (f.metres !== null) out.push(say("off", { metres: f.metres.toLocaleString("en-US") }));
      return out.join(" · ");
    }
    const where = (f) => [f.code, f.sheet, say("row", { row: f.row })].filter(Boolean).join(" · ");

    function card(f) {
      const box = made("div");
      box.append(made("b", f.name || f.code), made("small", where(f)), made("small", lines(f)));
      if (f.address) box.append(made("small", f.address));
      return box;
    }

    function choose(f, fly) {
      halo.clearLayers();
      if (f.metres) {
        L.circle([f.lat, f.lon], { renderer: canvas, interactive: false, radius: f.metres, color: data.kinds[f.kind].colour, weight: 1, fillOpacity: 0.08 }).addTo(halo);
      }
      if (fly) map.setView([f.lat, f.lon], Math.max(map.getZoom(), 13), { animate: false });
      L.popup({ autoPan: !fly }).setLatLng([f.lat, f.lon]).setContent(card(f)).openOn(map);
      for (const button of by("list").querySelectorAll("button")) {
        button.setAttribute("aria-current", String(Number(button.dataset.at) === f.at));
      }
    }

    function fillKinds() {
      data.kinds.forEach((kind, n) => {
        const label = made("label"), box = made("input"), dot = made("span", undefined, "dot");
        box.type = "checkbox";
        box.checked = kind.id !== "building";
        if (!box.checked) off.add(n);
        dot.style.setProperty("background", kind.colour);
        const count = findings.filter((f) => f.kind === n).length;
        box.addEventListener("change", () => { if (box.checked) off.delete(n); else off.add(n); refresh(); });
        label.append(box, dot, made("span", `${kind.name} ${count}`));
        by("kinds").append(label);
      });
    }

    function refresh() {
      const asked = by("search").value.trim().toLowerCase();
      const found = findings.filter((f) => !off.has(f.kind) && (!asked || `${f.name} ${f.code} ${f.address}`.toLowerCase().includes(asked)));
      marks.clearLayers();
      for (const f of [...found].reverse()) {
        L.circleMarker([f.lat, f.lon], { renderer: canvas, radius: 6, color: "#fff", weight: 1.2, fillColor: data.kinds[f.kind].colour, fillOpacity: 0.95 })
          .on("click", () => choose(f, false)).addTo(marks);
      }
      const items = found.slice(0, SHOWN).map((f) => {
        const item = made("li"), button = made("button"), dot = made("span", undefined, "dot");
        button.type = "button";
        button.dataset.at = f.at;
        dot.style.setProperty("background", data.kinds[f.kind].colour);
        button.append(dot, made("b", f.name || f.code), made("small", lines(f)), made("small", where(f)));
        button.addEventListener("click", () => choose(f, true));
        item.append(button);
        return item;
      });
      by("list").replaceChildren(...items);
      by("count").textContent = findings.length ? say("shown", { shown: items.length, total: found.length }) : data.words.none_found;
    }

    fillKinds();
    by("search").addEventListener("input", refresh);
    const [w, s, e, n] = data.bounds;
    const whole = () => { map.invalidateSize({ animate: false }); map.fitBounds([[s, w], [n, e]], { animate: false }); };
    whole();
    refresh();
    let seen = null;
    window.addEventListener("beforeprint", () => {
      seen = [map.getCenter(), map.getZoom()];
      document.body.classList.add("printing");
      whole();
    });
    window.addEventListener("afterprint", () => {
      document.body.classList.remove("printing");
      map.invalidateSize({ animate: false });
      map.setView(...seen, { animate: false });
    });
    document.body.dataset.ready = "yes";
  }

  start(JSON.parse(new TextDecoder().decode(C15.blocks.suspects)), window[by("page").dataset.map]);
})();
