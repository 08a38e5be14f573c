/* A light map of many counties: shaded, zoomed by wheel and buttons, moved by dragging, asked by pointing. */
(function () {
  "use strict";
  const el = C15.el, WIDTH = 900, EDGE = 6, MOST = 40;

  /* Drawing of rings in degrees; what it returns paints, marks one county and goes to it. */
  C15.nationMap = function (shapes, { onPoint, onPick, word, label }) {
    let w = Infinity, s = Infinity, e = -Infinity, n = -Infinity;
    for (const rings of shapes) for (const ring of rings) for (const [x, y] of ring) { w = Math.min(w, x); e = Math.max(e, x); s = Math.min(s, y); n = Math.max(n, y); }
    const narrow = Math.cos(((s + n) / 2) * (Math.PI / 180)), scale = (WIDTH - 2 * EDGE) / ((e - w) * narrow), height = (n - s) * scale + 2 * EDGE;
    const flat = ([x, y]) => [EDGE + (x - w) * narrow * scale, EDGE + (n - y) * scale];
    const ring = (points) => "M" + points.map((p) => flat(p).map((v) => v.toFixed(1)).join(" ")).join("L") + "Z";
    const paths = shapes.map((rings, at) => C15.svg("path", { d: rings.map(ring).join(""), "data-at": at }));
    const mark = C15.svg("path", { class: "picked", d: "" });
    const svg = C15.svg("svg", { class: "counties", role: "img", "aria-label": label }, [...paths, mark]);
    let view = [0, 0, WIDTH, height], drag = null;

    function show(x, y, wide) {
      const w0 = Math.min(WIDTH, Math.max(WIDTH / MOST, wide)), h0 = (w0 * height) / WIDTH;
      view = [Math.min(WIDTH - w0, Math.max(0, x)), Math.min(height - h0, Math.max(0, y)), w0, h0];
      svg.setAttribute("viewBox", view.map((v) => v.toFixed(2)).join(" "));
    }
    const about = (x, y, by) => show(x - (x - view[0]) * by, y - (y - view[1]) * by, view[2] * by);
    function place(event) {
      const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return [x, y];
    }
    const at = (event) => (event.target.dataset && event.target.dataset.at !== undefined ? Number(event.target.dataset.at) : -1);
    svg.addEventListener("wheel", (event) => { event.preventDefault(); about(...place(event), event.deltaY > 0 ? 1.25 : 0.8); }, { passive: false });
    svg.addEventListener("pointerdown", (event) => { drag = { from: [event.clientX, event.clientY], view: [...view], moved: false }; });
    svg.addEventListener("pointermove", (event) => {
      if (!drag) { onPoint(at(event)); return; }
      const dx = event.clientX - drag.from[0], dy = event.clientY - drag.from[1], unit = svg.getScreenCTM().a;
      if (!drag.moved && Math.hypot(dx, dy) < 4) return;
      if (!drag.moved) svg.setPointerCapture(event.pointerId);
      drag.moved = true;
      show(drag.view[0] - dx / unit, drag.view[1] - dy / unit, view[2]);
    });
    svg.addEventListener("pointerup", (event) => { if (drag && !drag.moved && at(event) >= 0) onPick(at(event)); drag = null; });
    svg.addEventListener("pointercancel", () => { drag = null; });
    svg.addEventListener("pointerleave", () => { if (!drag) onPoint(-1); });
    show(0, 0, WIDTH);

    const middle = (by) => () => about(view[0] + view[2] / 2, view[1] + view[3] / 2, by);
    const button = (text, id, act) => el("button", { type: "button", "aria-label": word(id), title: word(id), text, on: { click: act } });
    const node = el("div", { cls: "stage" }, [svg, el("div", { cls: "zoom" }, [button("+", "zoom_in", middle(0.6)), button("−", "zoom_out", middle(1 / 0.6)), button("⤢", "zoom_home", () => show(0, 0, WIDTH))])]);
    return {
      node,
      paint(colours) { paths.forEach((p, k) => p.setAttribute("fill", colours[k])); },
      pick(k) { mark.setAttribute("d", k < 0 ? "" : paths[k].getAttribute("d")); },
      goTo(k) {
        const box = paths[k].getBBox(), wide = Math.max(8 * box.width, (8 * box.height * WIDTH) / height);
        show(box.x + box.width / 2 - wide / 2, box.y + box.height / 2 - (wide * height) / WIDTH / 2, wide);
      },
    };
  };
})();
