/* The address bar holds what is seen, so that a link opens the same: view, service, layers, filters, selection, language. */
(function () {
  "use strict";
  const LAYERS = ["coverage", "depth", "over", "gaps", "without", "townships", "names", "streets", "online"];
  const BASES = ["density", "dense", "township", "none", "quota", "share"];

  C15.readLink = function () {
    const told = new URLSearchParams(location.hash.slice(1)), { state, data } = C15;
    const list = (key) => (told.has(key) ? told.get(key).split(".").filter(Boolean) : null);
    if (data.assessed.includes(told.get("s"))) state.service = told.get("s");
    if (BASES.includes(told.get("b"))) state.base = told.get("b");
    if (["zh", "en"].includes(told.get("lang"))) state.lang = told.get("lang");
    if (list("l")) for (const layer of LAYERS) state.show[layer] = list("l").includes(layer);
    const shown = list("i") || [state.service];
    for (const service of data.services) state.shown[service] = shown.includes(service);
    state.hiddenLevels = new Set((list("x") || []).map((v) => (v === "none" ? "" : v)).filter((v) => data.levels.includes(v)));
    const tab = told.get("t") || (told.has("site") ? "tester" : "");
    if (["figures", "table", "quota", "tester"].includes(tab)) state.tab = tab;
    if (["sites", "gaps", "places"].includes(told.get("k"))) state.table.kind = told.get("k");
    if (told.has("q")) state.table.text = told.get("q").slice(0, 200);
    const view = (told.get("v") || "").split(",").map(Number);
    const site = (told.get("site") || "").split(","), at = site.slice(0, 2).map(Number);
    const tested = site.length >= 2 && site[0] && site[1] && at.every(Number.isFinite) ? { lon: at[0], lat: at[1], service: site[2] || "", accuracy: site[3] ? Number(site[3]) : NaN } : null;
    return { tested, view: view.length === 3 && view.every(Number.isFinite) && Math.abs(view[0]) <= 85 && Math.abs(view[1]) <= 180 ? view : null, chosen: told.get("sel") || "" };
  };

  C15.openChosen = function (map, chosen) {
    const kind = chosen.slice(0, 1), id = chosen.slice(2), { data } = C15;
    const found = { s: data.siteById.get(id), g: data.gapById.get(id), p: data.placeById.get(id) }[kind];
    if (!found) return;
    if (kind === "s") C15.selectSite(map, found, false);
    if (kind === "g") C15.selectGap(map, found);
    if (kind === "p") { C15.state.selected = { place: found }; C15.tell("select"); }
  };

  function chosen(held) {
    if (!held) return "";
    return held.site ? "s:" + held.site.id : held.gap ? "g:" + held.gap.gap_id + " " + held.gap.service : held.place ? "p:" + held.place.id : "";
  }

  C15.linkNow = function () {
    const { state, map, data } = C15, told = new URLSearchParams(), centre = map.getCenter();
    if (!C15.isHome(map)) told.set("v", centre.lat.toFixed(5) + "," + centre.lng.toFixed(5) + "," + map.getZoom());
    told.set("s", state.service);
    told.set("b", state.base);
    told.set("l", LAYERS.filter((k) => state.show[k]).join("."));
    told.set("i", data.services.filter((s) => state.shown[s]).join("."));
    if (state.hiddenLevels.size) told.set("x", [...state.hiddenLevels].map((v) => v || "none").join("."));
    if (state.tab !== "figures") told.set("t", state.tab);
    if (state.tab === "table") told.set("k", state.table.kind);
    if (state.table.text) told.set("q", state.table.text);
    if (chosen(state.selected)) told.set("sel", chosen(state.selected));
    const tested = C15.tester && state.tab === "tester" ? C15.tester.tested() : null;
    if (tested) told.set("site", [tested.lon, tested.lat, tested.service, tested.accuracy].join(","));
    told.set("lang", state.lang);
    return "#" + told.toString();
  };

  let waiting = 0;
  C15.keepLink = function () {
    clearTimeout(waiting);
    waiting = setTimeout(() => { try { history.replaceState(null, "", C15.linkNow()); } catch { /* a page in a frame may not */ } }, 150);
  };

  C15.copyLink = async function (button) {
    const address = location.href.split("#")[0] + C15.linkNow();
    try { history.replaceState(null, "", C15.linkNow()); } catch { /* as above */ }
    let done = false;
    try { await navigator.clipboard.writeText(address); done = true; } catch {
      const box = C15.el("textarea", { cls: "off-screen", "aria-hidden": "true", tabindex: -1 });
      box.value = address;
      document.body.append(box);
      box.select();
      done = document.execCommand("copy");
      box.remove();
    }
    button.textContent = C15.word(done ? "link.copied" : "link.in_bar");
    setTimeout(() => { button.textContent = C15.word("link.copy"); }, 2500);
  };
})();
