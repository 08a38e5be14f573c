/* A ruler: points by click (or Enter at the middle of the map), geodesic metres, Escape puts it away. */
(function () {
  "use strict";
  const el = C15.el, word = (id, slots) => C15.word(id, slots);
  const length = (m) => (m < 10000 ? C15.number(m, 1) + " m" : C15.number(m / 1000, 3) + " km");
  let points = [], told = null, button = null;

  C15.measuring = () => Boolean(C15.state.ruler);
  C15.measured = () => points.slice(1).reduce((sum, p, n) => sum + C15.geodesic(...points[n], ...p), 0);

  C15.setRuler = function (on) {
    C15.state.ruler = on;
    points = [];
    button.setAttribute("aria-pressed", String(on));
    C15.map.getContainer().classList.toggle("measuring", on);
    if (on) C15.map.closePopup();
    say();
  };

  C15.measurePoint = function (lon, lat) { points.push([lon, lat]); say(); };

  function say() {
    told.hidden = !C15.state.ruler;
    const legs = points.length;
    told.replaceChildren(
      el("b", { text: legs > 1 ? word("ruler.total", { length: length(C15.measured()) }) : word("ruler.start") }),
      el("small", { text: legs > 2 ? word("ruler.last", { length: length(C15.geodesic(...points[legs - 2], ...points[legs - 1])) }) : word("ruler.hint") }),
      el("span", {}, [
        el("button", { type: "button", cls: "plain", text: word("ruler.clear"), on: { click: () => { points = []; say(); } } }),
        el("button", { type: "button", cls: "plain", text: word("close"), on: { click: () => { C15.setRuler(false); button.focus(); } } }),
      ]),
    );
    C15.front.redraw();
  }

  C15.buildRuler = function (map, stage) {
    told = el("div", { id: "ruler", hidden: true, role: "status" });
    stage.append(told);
    button = C15.mapButton("ruler.name", [C15.svg("path", { d: "M1.5 11 11 1.5l3.5 3.5L5 14.5zM4 8.5l1.6 1.6M6.2 6.3l2.4 2.4M8.6 4l1.6 1.6", fill: "none", stroke: "#1f2933", "stroke-width": 1.5 })], () => C15.setRuler(!C15.state.ruler));
    button.id = "measure";
    button.setAttribute("aria-pressed", "false");
    C15.on("lang", say);
    map.getContainer().addEventListener("keydown", (event) => {
      if (!C15.state.ruler) return;
      if (event.key === "Enter" && event.target === map.getContainer()) { const c = map.getCenter(); C15.measurePoint(c.lng, c.lat); }
    });
    document.addEventListener("keydown", (event) => { if (event.key === "Escape" && C15.state.ruler) C15.setRuler(false); });
  };

  C15.drawRuler = function (ctx, view) {
    if (!C15.state.ruler || !points.length) return;
    const at = points.map(([lon, lat]) => [view.x(C15.u(lon)), view.y(C15.v(lat))]);
    for (const [colour, width] of [["#ffffff", 5], ["#111111", 2.2]]) {
      ctx.beginPath();
      at.forEach(([x, y], n) => (n ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
      ctx.strokeStyle = colour;
      ctx.lineWidth = width;
      ctx.stroke();
    }
    for (const [x, y] of at) {
      ctx.beginPath();
      ctx.arc(x, y, 4, 0, 2 * Math.PI);
      ctx.fillStyle = "#ffffff";
      ctx.fill();
      ctx.lineWidth = 2;
      ctx.stroke();
    }
  };
})();
