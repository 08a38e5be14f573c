/* A row of buttons of which one holds, as tabs; arrow keys move. `all` has [key, …what a button holds]. */
(function () {
  "use strict";
  C15.choice = function (id, label, all, chosen, take, about = {}) {
    const box = C15.el("div", { cls: "tabs", role: "tablist", "aria-label": label }, all.map(([key, ...inside]) => C15.el("button", {
      type: "button", role: "tab", id: id + "-" + key, "aria-selected": String(key === chosen), tabindex: key === chosen ? 0 : -1, on: { click: () => take(key, id + "-" + key) }, ...about,
    }, inside)));
    box.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key], keys = all.map(([k]) => k);
      if (!step) return;
      const key = keys[(keys.indexOf(chosen) + step + keys.length) % keys.length];
      take(key, id + "-" + key);
      event.preventDefault();
    });
    return box;
  };
  C15.serviceTabs = (services, chosen, take, about) => C15.choice("tab", C15.word("service_choice"),
    services.map((s) => [s, C15.glyph(s, 14), C15.el("span", { text: C15.word("service." + s) })]), chosen, take, about);
})();
