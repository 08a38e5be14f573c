/* What stands on the map, from the ground up: cells, coverage, veil, borders, over-cap circles, gaps, institutions, names. */
(function () {
  "use strict";
  const CIRCLE_POINTS = 128;

  C15.prepare = function (data) {
    data.site = data.sites.id.map((id, n) => {
      const one = { n };
      for (const name of Object.keys(data.sites)) one[name] = data.sites[name][n];
      one.service = data.services[one.service];
      one.u = C15.u(one.lon);
      one.v = C15.v(one.lat);
      one.findings = data.site_findings[n];
      return one;
    });
    for (const shaped of [...data.places, ...data.gaps]) {
      shaped.lonlat = shaped.rings.map(C15.ring);
      shaped.flat = shaped.lonlat.map(C15.flat);
      delete shaped.rings;
    }
    for (const place of data.places) place.box = boundsOf(place.lonlat);
    data.placeById = new Map(data.places.map((p) => [p.id, p]));
    data.districtPlace = data.placeById.get(data.district.id);
    data.townships = data.places.filter((p) => p.own && p.level === "township");
  };

  function boundsOf(rings) {
    const all = rings.flat();
    const xs = all.map((p) => p[0]), ys = all.map((p) => p[1]);
    const least = (v) => v.reduce((a, b) => Math.min(a, b), Infinity), most = (v) => v.reduce((a, b) => Math.max(a, b), -Infinity);
    return [least(xs), least(ys), most(xs), most(ys)];
  }

  C15.circleOf = function (site) {
    if (!site.circle) site.circle = C15.flat(C15.circle(site.lon, site.lat, C15.data.radius_m, CIRCLE_POINTS));
    return site.circle;
  };

  C15.classOf = (density) => C15.data.breaks.filter((b) => density >= b * (1 - 1e-6)).length;

  C15.buildLayers = function (map, cells) {
    C15.ground = C15.addBulk(map, "ground", 300, (ctx, view) => drawGround(ctx, view, cells), { sharp: false });
    C15.middle = C15.addBulk(map, "middle", 350, drawMiddle);
    C15.front = C15.addBulk(map, "front", 450, drawFront);
  };
  C15.redraw = function () {
    for (const layer of [C15.ground, C15.middle, C15.front]) layer.redraw();
  };

  function drawGround(ctx, view, cells) {
    const { base } = C15.state, dense = C15.data.breaks.indexOf(C15.data.dense) + 1;
    if (base === "density") C15.drawCells(ctx, view, cells, C15.RAMP, (k) => k);
    if (base === "dense") C15.drawCells(ctx, view, cells, C15.TWO, (k) => (k >= dense ? 1 : 0));
    if (base !== "township") return;
    for (const place of C15.data.townships) {
      if (place.density === null) continue;
      ctx.beginPath();
      place.flat.forEach((ring) => C15.trace(ctx, view, ring));
      ctx.fillStyle = C15.RAMP[C15.classOf(place.density)];
      ctx.fill("evenodd");
    }
  }

  function drawMiddle(ctx, view) {
    const { show, service } = C15.state;
    if (show.coverage) drawCoverage(ctx, view, service);
    drawVeil(ctx, view);
    drawBorders(ctx, view);
    if (show.over) drawOver(ctx, view, service);
    if (show.gaps) drawGaps(ctx, view, service);
  }

  /* A circle with as many of its points as its size on the screen needs (0.1 px), grown by some pixels. */
  function traceCircle(ctx, view, site, grow) {
    const flat = C15.circleOf(site), x0 = view.x(site.u), y0 = view.y(site.v);
    const radius = Math.abs(view.y(flat[1]) - y0) || 1, factor = ((radius + grow) / radius) * view.scale;
    const needed = Math.PI * Math.sqrt(radius / 0.2);
    let step = 1;
    while (step < 8 && CIRCLE_POINTS / (2 * step) >= needed) step *= 2;
    for (let n = 0; n < CIRCLE_POINTS; n += step) {
      const x = x0 + (flat[2 * n] - site.u) * factor, y = y0 + (flat[2 * n + 1] - site.v) * factor;
      if (n) ctx.lineTo(x, y); else ctx.moveTo(x, y);
    }
    ctx.closePath();
  }

  let mask = null;
  function fillCircles(ctx, view, sites, grow) {
    for (const site of sites) {
      ctx.beginPath();
      traceCircle(ctx, view, site, grow);
      ctx.fill();
    }
  }

  /* One shape: wide circles, their inside rubbed out (a rim is left), then the inside once and translucent, so that
     overlaps do not darken. Circle by circle: a single path of hundreds is many times slower. */
  function drawCoverage(ctx, view, service) {
    const sites = C15.data.site.filter((s) => s.service === service && near(view, s));
    if (!sites.length) return;
    mask = mask || document.createElement("canvas");
    mask.width = ctx.canvas.width;
    mask.height = ctx.canvas.height;
    const pen = mask.getContext("2d");
    pen.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    pen.fillStyle = ctx.fillStyle = C15.MARKS[service].colour;
    fillCircles(pen, view, sites, 0);
    fillCircles(ctx, view, sites, 1.6);
    ctx.save();
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.globalCompositeOperation = "destination-out";
    ctx.drawImage(mask, 0, 0);
    ctx.globalCompositeOperation = "destination-over";
    ctx.globalAlpha = 0.15;
    ctx.drawImage(mask, 0, 0);
    ctx.restore();
  }

  function near(view, site) {
    const x = view.x(site.u), y = view.y(site.v);
    const reach = (C15.data.radius_m / 20000000) * view.scale;
    return x > -reach && y > -reach && x < view.width + reach && y < view.height + reach;
  }

  function drawVeil(ctx, view) {
    ctx.beginPath();
    ctx.rect(0, 0, view.width, view.height);
    C15.data.districtPlace.flat.forEach((ring) => C15.trace(ctx, view, ring));
    ctx.fillStyle = "rgba(246, 246, 243, 0.68)";
    ctx.fill("evenodd");
  }

  function line(ctx, view, places, width, colour, dash) {
    ctx.beginPath();
    for (const place of places) place.flat.forEach((ring) => C15.trace(ctx, view, ring));
    ctx.lineJoin = "round";
    ctx.lineWidth = width;
    ctx.strokeStyle = colour;
    ctx.setLineDash(dash || []);
    ctx.stroke();
    ctx.setLineDash([]);
  }

  function drawBorders(ctx, view) {
    const { show, service } = C15.state, data = C15.data;
    if (show.townships) line(ctx, view, data.townships, 0.9, "rgba(43, 51, 64, 0.5)");
    if (show.without && data.summary[service]) {
      const lacking = data.summary[service].without.map((id) => data.placeById.get(id)).filter(Boolean);
      ctx.save();
      for (const place of lacking) {
        ctx.beginPath();
        place.flat.forEach((ring) => C15.trace(ctx, view, ring));
        ctx.globalAlpha = 0.22;
        ctx.fillStyle = C15.hatch(ctx, "#4a4a4a");
        ctx.fill("evenodd");
      }
      ctx.restore();
    }
    line(ctx, view, data.places.filter((p) => p.level === "district" && !p.own), 1.2, "rgba(43, 51, 64, 0.45)");
    line(ctx, view, [data.districtPlace], 4.5, "rgba(255, 255, 255, 0.85)");
    line(ctx, view, [data.districtPlace], 2.2, C15.LINE);
  }

  function drawOver(ctx, view, service) {
    const over = C15.data.site.filter((s) => s.service === service && s.over_cap && near(view, s));
    const crowded = over.length > 60;
    ctx.lineWidth = crowded ? 0.9 : 1.1;
    ctx.setLineDash(crowded ? [] : [4, 3]); // dashes of hundreds of circles are slow to draw and not seen
    ctx.strokeStyle = C15.OVER;
    for (const site of over) {
      ctx.globalAlpha = (site.inside ? 1 : 0.4) * (crowded ? 0.45 : 0.9);
      ctx.beginPath();
      traceCircle(ctx, view, site, 0);
      ctx.stroke();
    }
    ctx.setLineDash([]);
    ctx.globalAlpha = 1;
  }

  function drawGaps(ctx, view, service) {
    for (const gap of C15.data.gaps) {
      if (gap.service !== service) continue;
      ctx.beginPath();
      gap.flat.forEach((ring) => C15.trace(ctx, view, ring));
      const chosen = C15.state.selected && C15.state.selected.gap === gap;
      ctx.globalAlpha = 0.5;
      ctx.fillStyle = C15.hatch(ctx, C15.GAP);
      ctx.fill("evenodd");
      ctx.globalAlpha = 1;
      ctx.lineWidth = chosen ? 3.2 : 1.5;
      ctx.strokeStyle = C15.GAP;
      ctx.stroke();
    }
  }

  function drawFront(ctx, view) {
    const place = C15.Labels();
    drawSites(ctx, view);
    C15.drawSelected(ctx, view);
    if (C15.state.show.gaps) drawGapLabels(ctx, view, place);
    if (C15.state.show.names) drawNames(ctx, view, place);
  }

  C15.markSize = (zoom) => Math.max(2.6, Math.min(7.5, 2.6 + (zoom - 10) * 0.95));

  function drawSites(ctx, view) {
    const { service, shown } = C15.state, r = C15.markSize(view.zoom);
    const rank = (s) => (s.service === service ? 2 : 0) + (s.inside ? 1 : 0);
    const sites = C15.data.site.filter((s) => shown[s.service] && near(view, s)).sort((a, b) => rank(a) - rank(b));
    for (const site of sites) {
      const x = view.x(site.u), y = view.y(site.v), mark = C15.MARKS[site.service];
      const size = site.service === service ? r : r * 0.8;
      ctx.globalAlpha = site.inside ? 1 : 0.42;
      if (site.over_cap && C15.state.show.over && site.service === service) {
        ctx.beginPath();
        ctx.arc(x, y, size + 2.2, 0, 2 * Math.PI);
        ctx.fillStyle = C15.OVER;
        ctx.fill();
      }
      ctx.beginPath();
      C15.shapePath(ctx, mark.shape, x, y, size);
      ctx.lineWidth = size > 4 ? 2.4 : 1.6;
      ctx.strokeStyle = "#ffffff";
      ctx.stroke();
      ctx.fillStyle = mark.colour;
      ctx.fill();
    }
    ctx.globalAlpha = 1;
  }

  C15.siteAt = function (map, point) {
    const { shown, service } = C15.state, reach = C15.markSize(map.getZoom()) + 5;
    let best = null, least = Infinity;
    for (const site of C15.data.site) {
      if (!shown[site.service]) continue;
      const at = map.latLngToContainerPoint([site.lat, site.lon]);
      const away = Math.hypot(at.x - point.x, at.y - point.y) - (site.service === service ? 1.5 : 0);
      if (away <= reach && away < least) { best = site; least = away; }
    }
    return best;
  };

  function drawGapLabels(ctx, view, place) {
    const r = C15.markSize(view.zoom);
    ctx.font = "600 11px " + C15.FONT;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    const gaps = C15.data.gaps.filter((g) => g.service === C15.state.service && g.candidate && g.own);
    const most = view.zoom < 10.5 ? 8 : view.zoom < 11.5 ? 16 : view.zoom < 12.5 ? 40 : gaps.length; // in rank order
    for (const gap of gaps.slice(0, most)) {
      const x = view.x(C15.u(gap.candidate[0] / 1e6)), y = view.y(C15.v(gap.candidate[1] / 1e6));
      const text = String(gap.rank), w = Math.max(17, ctx.measureText(text).width + 9);
      const detailed = view.zoom >= 12.5;
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
      ctx.roundRect(x - w / 2, top, w, 17, 8.5);
      ctx.lineWidth = 2;
      ctx.strokeStyle = "#ffffff";
      ctx.stroke();
      ctx.fillStyle = C15.GAP;
      ctx.fill();
      ctx.fillStyle = "#ffffff";
      ctx.fillText(text, x, top + 9);
    }
  }

  function drawNames(ctx, view, place) {
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    const write = (one, size, weight, colour) => {
      ctx.font = weight + " " + size + "px " + C15.FONT;
      const x = view.x(C15.u(one.spot[0] / 1e6)), y = view.y(C15.v(one.spot[1] / 1e6));
      const w = ctx.measureText(one.name).width + 6;
      if (x < -w || y < -20 || x > view.width + w || y > view.height + 20) return;
      if (!place(x - w / 2, y - size / 2 - 3, w, size + 6)) return;
      ctx.lineWidth = 3.6;
      ctx.strokeStyle = "rgba(255, 255, 255, 0.92)";
      ctx.strokeText(one.name, x, y);
      ctx.fillStyle = colour;
      ctx.fillText(one.name, x, y);
    };
    const { data } = C15;
    data.places.filter((p) => p.level === "district" && !p.own).forEach((p) => write(p, 13, 600, "#6b7280"));
    if (!data.townships.length || view.zoom < 8.5) write(data.districtPlace, 15, 700, C15.LINE);
    if (view.zoom >= 8.5) data.townships.forEach((p) => write(p, 12, 600, C15.LINE));
  }
})();
