/* Words on the map: ranks of gaps with their candidate points, names of places; none over another. */
(function () {
  "use strict";

  function pill(ctx, x, y, w, h) {
    const r = h / 2;
    ctx.moveTo(x + r, y);
    ctx.lineTo(x + w - r, y);
    ctx.arc(x + w - r, y + r, r, -Math.PI / 2, Math.PI / 2);
    ctx.lineTo(x + r, y + h);
    ctx.arc(x + r, y + r, r, Math.PI / 2, -Math.PI / 2);
  }

  C15.drawGapLabels = function (ctx, view, place) {
    const r = C15.markSize(view.zoom);
    ctx.font = "600 11px " + C15.FONT;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    const gaps = C15.gapsOf(C15.state.service).filter((g) => g.candidate && g.own);
    const most = view.zoom < 10.5 ? 8 : view.zoom < 11.5 ? 16 : view.zoom < 12.5 ? 40 : gaps.length; // in rank order
    for (const gap of gaps.slice(0, most)) {
      const x = view.x(C15.u(gap.candidate[0])), y = view.y(C15.v(gap.candidate[1]));
      if (x < -40 || y < -40 || x > view.width + 40 || y > view.height + 40) continue;
      const text = String(gap.label || gap.rank), colour = gap.closed ? C15.CLOSED : C15.GAP, w = Math.max(17, ctx.measureText(text).width + 9);
      const detailed = view.zoom >= 12.5 && !gap.label;
      if (detailed) {
        ctx.beginPath();
        C15.shapePath(ctx, "star", x, y, r);
        ctx.lineWidth = 2.4;
        ctx.strokeStyle = "#ffffff";
        ctx.stroke();
        ctx.fillStyle = C15.GAP;
        ctx.fill();
        place(x - r, y - r, 2 * r, 2 * r);
      }
      const top = detailed ? y - r - 21 : y - 9;
      if (!place(x - w / 2, top, w, 17)) continue;
      ctx.beginPath();
      pill(ctx, x - w / 2, top, w, 17);
      ctx.lineWidth = 2;
      ctx.strokeStyle = "#ffffff";
      ctx.stroke();
      ctx.fillStyle = colour;
      ctx.fill();
      ctx.fillStyle = "#ffffff";
      ctx.fillText(text, x, top + 9);
    }
  };

  const BESIDE = [[0, 0], [0, -1], [0, 1], [1, 0], [-1, 0]]; // where a name stands, and where else if that is taken

  C15.drawNames = function (ctx, view, place) {
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    const write = (one, size, weight, colour) => {
      ctx.font = weight + " " + size + "px " + C15.FONT;
      const x = view.x(C15.u(one.spot[0] / 1e6)), y = view.y(C15.v(one.spot[1] / 1e6));
      const w = ctx.measureText(one.name).width + 6;
      if (x < -w || y < -20 || x > view.width + w || y > view.height + 20) return;
      const spot = BESIDE.map(([across, down]) => [x + across * (w / 2 + 12), y + down * (size + 8)]).find(([a, b]) => place(a - w / 2, b - size / 2 - 3, w, size + 6));
      if (!spot) return;
      ctx.lineWidth = 3.6;
      ctx.strokeStyle = "rgba(255, 255, 255, 0.92)";
      ctx.strokeText(one.name, ...spot);
      ctx.fillStyle = colour;
      ctx.fillText(one.name, ...spot);
    };
    const { data } = C15;
    data.beside.forEach((p) => write(p, 13, 600, "#6b7280"));
    const near = view.zoom >= (data.inner.length ? 9.25 : 8.5);
    if (data.inner.length) data.inner.forEach((p) => write(p, 15, 700, C15.LINE));
    else if (!data.townships.length || !near) write(data.districtPlace, 15, 700, C15.LINE);
    if (near) data.townships.forEach((p) => write(p, 12, 600, C15.LINE));
  };
})();
