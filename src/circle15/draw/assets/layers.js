/* What stands on the map, from the ground up: cells or themes, coverage, streets on foot, veil, borders, over-cap circles, gaps, institutions. */
(function () {
  "use strict";
  const CIRCLE_POINTS = 128, MARGIN = 14; // pixels: half of the largest mark

  C15.circleOf = function (site) {
    if (!site.circle) site.circle = C15.flat(C15.circle(site.lon, site.lat, C15.data.radius_m, CIRCLE_POINTS));
    return site.circle;
  };

  /* How far a circle reaches north, as a share of the world. */
  function upOf(site) {
    if (!site.up) site.up = site.v - C15.v(site.lat + C15.upBy(site.lat, C15.data.radius_m));
    return site.up;
  }

  C15.buildLayers = function (map, cells) {
    C15.ground = C15.addBulk(map, "ground", 300, (ctx, view) => drawGround(ctx, view, cells), { sharp: false });
    C15.middle = C15.addBulk(map, "middle", 350, drawMiddle);
    C15.marks = C15.addBulk(map, "marks", 440, drawSites);
    C15.front = C15.addBulk(map, "front", 450, drawFront, { strips: false }); // words stand where there is room in the whole view
  };
  function drawGround(ctx, view, cells) {
    const { base, service } = C15.state, { data } = C15, dense = data.breaks.indexOf(data.dense) + 1;
    const draw = cells.lattice ? C15.drawLattice : C15.drawCells;
    if (base === "density") draw(ctx, view, cells, C15.RAMP, (k) => k);
    if (base === "dense") draw(ctx, view, cells, C15.TWO, (k) => (k >= dense ? 1 : 0));
    if (base === "township") theme(ctx, view, data.townships, (p) => (p.density === null ? null : C15.RAMP[C15.classOf(p.density)]));
    if (base === "quota") theme(ctx, view, C15.themePlaces(data.left[service]), (p) => C15.LEFT[C15.leftClass(data.left[service].get(p.id))][0]);
    if (base === "share") {
      const target = data.targets[service].share;
      theme(ctx, view, C15.themePlaces(data.share[service]), (p) => C15.SHARE[C15.shareClass(data.share[service].get(p.id), target)]);
    }
  }

  function theme(ctx, view, places, colourOf) {
    for (const place of places) {
      const colour = colourOf(place);
      if (!colour) continue;
      ctx.beginPath();
      place.flat.forEach((ring) => C15.trace(ctx, view, ring));
      ctx.fillStyle = colour;
      ctx.fill("evenodd");
    }
  }

  function drawMiddle(ctx, view) {
    const { show, service } = C15.state;
    const sites = C15.standing(service).filter(near(view));
    if (show.depth) drawDepth(ctx, view, service, sites);
    if (show.coverage) drawCoverage(ctx, view, service, sites, !show.depth);
    if (show.streets) drawStreets(ctx, view, service);
    drawVeil(ctx, view);
    drawBorders(ctx, view);
    if (show.over) drawOver(ctx, view, sites);
    if (show.gaps) drawGaps(ctx, view, service);
  }

  /* A circle with as many of its points as its size on the screen needs (0.1 px), grown by some pixels. */
  function traceCircle(ctx, view, site, grow) {
    const x0 = view.x(site.u), y0 = view.y(site.v), radius = upOf(site) * view.scale || 1;
    if (radius < 12) { ctx.moveTo(x0 + radius + grow, y0); ctx.arc(x0, y0, radius + grow, 0, 2 * Math.PI); return; } // the ellipse is round here to 0.01 px
    const flat = C15.circleOf(site), factor = ((radius + grow) / radius) * view.scale;
    const needed = Math.PI * Math.sqrt(radius / 0.2);
    let step = 1;
    while (step < 8 && CIRCLE_POINTS / (2 * step) >= needed) step *= 2;
    for (let n = 0; n < CIRCLE_POINTS; n += step) {
      const x = x0 + (flat[2 * n] - site.u) * factor, y = y0 + (flat[2 * n + 1] - site.v) * factor;
      if (n) ctx.lineTo(x, y); else ctx.moveTo(x, y);
    }
    ctx.closePath();
  }

  const spare = {};
  function scratch(name, ctx, options) {
    const canvas = (spare[name] = spare[name] || document.createElement("canvas"));
    if (canvas.width !== ctx.canvas.width || canvas.height !== ctx.canvas.height) {
      canvas.width = ctx.canvas.width;
      canvas.height = ctx.canvas.height;
    }
    const pen = canvas.getContext("2d", options);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.globalCompositeOperation = "source-over";
    pen.clearRect(0, 0, canvas.width, canvas.height);
    return pen;
  }

  function fillCircles(ctx, view, sites, grow) {
    for (const site of sites) {
      ctx.beginPath();
      traceCircle(ctx, view, site, grow);
      ctx.fill();
    }
  }

  /* One shape: wide circles, their inside rubbed out (a rim is left), then the inside once and translucent, so that
     overlaps do not darken. Circle by circle: a single path of hundreds is many times slower. */
  function drawCoverage(ctx, view, service, sites, filled) {
    if (!sites.length) return;
    const pen = scratch("mask", ctx), rim = scratch("rim", ctx);
    for (const [one, grow] of [[pen, 0], [rim, 1.6]]) {
      one.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
      one.fillStyle = C15.MARKS[service].colour;
      fillCircles(one, view, sites, grow);
      one.setTransform(1, 0, 0, 1, 0, 0);
    }
    rim.globalCompositeOperation = "destination-out";
    rim.drawImage(pen.canvas, 0, 0);
    ctx.save();
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.drawImage(rim.canvas, 0, 0);
    ctx.globalAlpha = 0.15;
    if (filled) ctx.drawImage(pen.canvas, 0, 0);
    ctx.restore();
  }

  /* How many circles reach each pixel: added up in the red channel, then coloured by 1, 2, 3 and more. */
  function drawDepth(ctx, view, service, sites) {
    if (!sites.length) return;
    const pen = scratch("depth", ctx, { willReadFrequently: true });
    pen.globalCompositeOperation = "lighter";
    pen.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    pen.fillStyle = "rgb(40, 0, 0)";
    fillCircles(pen, view, sites, 0);
    const image = pen.getImageData(0, 0, pen.canvas.width, pen.canvas.height), bytes = image.data;
    const mark = parseInt(C15.MARKS[service].colour.slice(1), 16), alpha = C15.DEPTH_ALPHA;
    for (let n = 0; n < bytes.length; n += 4) {
      if (!bytes[n + 3]) continue;
      const depth = Math.min(3, Math.max(1, Math.round(bytes[n] / 40)));
      bytes[n] = mark >> 16;
      bytes[n + 1] = (mark >> 8) & 255;
      bytes[n + 2] = mark & 255;
      bytes[n + 3] = alpha[depth];
    }
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.putImageData(image, 0, 0);
    ctx.save();
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.drawImage(pen.canvas, 0, 0);
    ctx.restore();
  }
  C15.DEPTH_ALPHA = [0, 50, 110, 190];

  /* Light under dark, so that they are seen on any ground; beyond the border the veil lies on them. */
  function drawStreets(ctx, view, service) {
    const lines = (C15.data.streets.get(service) || []).filter(({ uv }) => view.x(uv[2]) > 0 && view.y(uv[3]) > 0 && view.x(uv[0]) < view.width && view.y(uv[1]) < view.height);
    const width = Math.max(0.8, Math.min(4, 0.8 + (view.zoom - 10) * 0.5));
    ctx.save();
    ctx.lineCap = "round";
    ctx.lineJoin = "round";
    for (const [colour, wide] of [["rgba(255, 255, 255, 0.8)", width + 1.6], [C15.MARKS[service].colour, width]]) {
      ctx.strokeStyle = colour;
      ctx.lineWidth = wide;
      ctx.beginPath();
      for (const { flat } of lines) {
        ctx.moveTo(view.x(flat[0]), view.y(flat[1]));
        for (let n = 2; n < flat.length; n += 2) ctx.lineTo(view.x(flat[n]), view.y(flat[n + 1]));
      }
      ctx.stroke();
    }
    ctx.restore();
  }

  /* Which institutions have a circle that may reach the view. */
  function near(view) {
    const { scale, dx, dy } = view, reach = C15.data.radius_m / 20000000 + MARGIN / scale;
    const west = -dx / scale - reach, east = (view.width - dx) / scale + reach, north = -dy / scale - reach, south = (view.height - dy) / scale + reach;
    return ({ u, v }) => u > west && u < east && v > north && v < south;
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
      ctx.save();
      ctx.globalAlpha = 0.24;
      ctx.fillStyle = C15.hatch(ctx, view, "#4a4a4a");
      for (const place of data.summary[service].without.map((id) => data.placeById.get(id)).filter(Boolean)) {
        ctx.beginPath();
        place.flat.forEach((ring) => C15.trace(ctx, view, ring));
        ctx.fill("evenodd");
      }
      ctx.restore();
    }
    line(ctx, view, data.beside, 1.2, "rgba(43, 51, 64, 0.45)");
    if (data.inner.length > 1) line(ctx, view, data.inner, 1.6, "rgba(43, 51, 64, 0.8)");
    line(ctx, view, [data.districtPlace], 4.5, "rgba(255, 255, 255, 0.85)");
    line(ctx, view, [data.districtPlace], 2.2, C15.LINE);
  }

  function drawOver(ctx, view, sites) {
    const over = sites.filter((s) => s.over_cap);
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

  /* All patches as one path (they do not overlap); one too small to see its outline is a dot. */
  function drawGaps(ctx, view, service) {
    const chosen = C15.state.selected && C15.state.selected.gap;
    ctx.beginPath();
    const closed = [];
    for (const gap of C15.gapsOf(service)) {
      if (!gap.uv) continue;
      if (gap.closed) { closed.push(gap); continue; }
      const x0 = view.x(gap.uv[0]), y0 = view.y(gap.uv[1]), x1 = view.x(gap.uv[2]), y1 = view.y(gap.uv[3]);
      if (x1 < 0 || y1 < 0 || x0 > view.width || y0 > view.height) continue;
      if (x1 - x0 < 2 && y1 - y0 < 2) ctx.rect(x0, y0, 1.2, 1.2);
      else gap.flat.forEach((ring) => C15.trace(ctx, view, ring));
    }
    ctx.globalAlpha = 0.5;
    ctx.fillStyle = C15.hatch(ctx, view, C15.GAP);
    ctx.fill("evenodd");
    ctx.globalAlpha = 1;
    ctx.lineWidth = view.zoom < 10 ? 0.6 : view.zoom < 11 ? 1 : 1.5;
    ctx.strokeStyle = C15.GAP;
    ctx.stroke();
    ctx.beginPath();
    for (const gap of closed) gap.flat.forEach((ring) => C15.trace(ctx, view, ring));
    ctx.strokeStyle = C15.CLOSED;
    ctx.setLineDash([3, 3]);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.strokeStyle = C15.GAP;
    if (!chosen || chosen.service !== service) return;
    ctx.beginPath();
    chosen.flat.forEach((ring) => C15.trace(ctx, view, ring));
    ctx.lineWidth = 3.2;
    ctx.stroke();
  }

  function drawFront(ctx, view) {
    const place = C15.Labels();
    C15.drawSelected(ctx, view);
    C15.drawRuler(ctx, view);
    if (C15.state.show.gaps) C15.drawGapLabels(ctx, view, place);
    if (C15.state.show.names) C15.drawNames(ctx, view, place);
  }

  C15.markSize = (zoom) => Math.max(2.6, Math.min(7.5, 2.6 + (zoom - 10) * 0.95));

  function drawSites(ctx, view) {
    const { service } = C15.state, r = C15.markSize(view.zoom);
    const rank = (s) => (s.service === service ? 2 : 0) + (s.inside ? 1 : 0);
    const sites = C15.data.site.filter(near(view)).filter(C15.visible).sort((a, b) => rank(a) - rank(b));
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
      C15.stamp(ctx, mark, x, y, size);
    }
    ctx.globalAlpha = 1;
  }

  C15.siteAt = function (map, point) {
    const { service } = C15.state, reach = C15.markSize(map.getZoom()) + 5;
    const scale = 256 * Math.pow(2, map.getZoom()), origin = map.getPixelOrigin(), moved = L.DomUtil.getPosition(map.getPane("mapPane"));
    let best = null, least = Infinity;
    for (const site of C15.data.site) {
      const dx = site.u * scale - origin.x + moved.x - point.x, dy = site.v * scale - origin.y + moved.y - point.y;
      if (Math.abs(dx) > reach + 2 || Math.abs(dy) > reach + 2 || !C15.visible(site)) continue;
      const away = Math.hypot(dx, dy) - (site.service === service ? 1.5 : 0);
      if (away <= reach && away < least) { best = site; least = away; }
    }
    return best;
  };
})();
