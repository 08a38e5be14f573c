/* What a click shows: an institution with its circle and findings, a gap, or the ground itself. */
(function () {
  "use strict";
  const el = C15.el;

  C15.neighbours = function (site) {
    const reach = C15.data.radius_m + 1e-6;
    return C15.data.site
      .filter((s) => s !== site && s.service === site.service)
      .map((s) => ({ site: s, metres: C15.distance(site.lon, site.lat, s.lon, s.lat) }))
      .filter((s) => s.metres <= reach)
      .sort((a, b) => a.metres - b.metres || a.site.n - b.site.n);
  };

  C15.drawSelected = function (ctx, view) {
    const { selected } = C15.state;
    if (!selected || !selected.site) return;
    const { site } = selected, x = view.x(site.u), y = view.y(site.v);
    ctx.beginPath();
    C15.trace(ctx, view, C15.circleOf(site));
    ctx.lineWidth = 4;
    ctx.strokeStyle = "rgba(255, 255, 255, 0.9)";
    ctx.stroke();
    ctx.lineWidth = 2;
    ctx.setLineDash([7, 4]);
    ctx.strokeStyle = "#111111";
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.lineWidth = 1;
    for (const one of selected.neighbours) {
      ctx.beginPath();
      ctx.moveTo(x, y);
      ctx.lineTo(view.x(one.site.u), view.y(one.site.v));
      ctx.stroke();
    }
    ctx.beginPath();
    ctx.arc(x, y, C15.markSize(view.zoom) + 4, 0, 2 * Math.PI);
    ctx.lineWidth = 2.5;
    ctx.stroke();
  };

  function open(map, lat, lon, content, offset) {
    L.popup({ maxWidth: 340, minWidth: 300, maxHeight: Math.max(220, map.getSize().y - 150), autoPanPadding: [16, 16], offset: [0, offset || 0] })
      .setLatLng([lat, lon]).setContent(content).openOn(map);
    const close = document.querySelector(".leaflet-popup-close-button");
    if (close) { close.setAttribute("aria-label", word("close")); close.title = word("close"); }
  }

  C15.closeSelected = function () {
    if (!C15.state.selected) return;
    C15.state.selected = null;
    C15.middle.redraw();
    C15.front.redraw();
    C15.tell("select");
  };

  C15.selectSite = function (map, site, zoom) {
    if (zoom && site.service !== C15.state.service && C15.data.assessed.includes(site.service)) C15.setService(site.service);
    if (!C15.state.shown[site.service]) C15.setShown(site.service, true);
    if (C15.state.hiddenLevels.has(site.level)) C15.setLevel(site.level, true);
    if (zoom) map.setView([site.lat, site.lon], Math.max(map.getZoom(), 14.5), { animate: false });
    const neighbours = C15.neighbours(site);
    open(map, site.lat, site.lon, siteCard(site, neighbours), -4);
    C15.state.selected = { site, neighbours };
    C15.front.redraw();
    C15.tell("select");
  };

  C15.selectGap = function (map, gap) {
    if (gap.service !== C15.state.service) C15.setService(gap.service);
    if (!C15.state.show.gaps) C15.setShow("gaps", true);
    if (!gap.box) return;
    const [w, s, e, n] = gap.box;
    map.fitBounds([[s, w], [n, e]], { maxZoom: 14.5, padding: [70, 70], animate: false });
    const [lon, lat] = gap.candidate || [(w + e) / 2, (s + n) / 2];
    open(map, lat, lon, gapCard(gap), -22);
    C15.state.selected = { gap };
    C15.middle.redraw();
    C15.front.redraw();
    C15.tell("select");
  };

  C15.selectPlace = function (map, place) {
    const [w, s, e, n] = place.box;
    map.closePopup();
    map.fitBounds([[s, w], [n, e]], { padding: [24, 24], animate: false });
    C15.state.selected = { place };
    C15.tell("select");
  };

  C15.rows = (pairs) => el("dl", { cls: "rows" }, pairs.filter(Boolean).flatMap(([name, value]) => [
    el("dt", { text: name }), el("dd", { text: value }),
  ]));

  const word = (id, slots) => C15.word(id, slots), num = (v, d) => C15.number(v, d);

  function siteCard(site, neighbours) {
    const tags = site.tags.split(";").filter(Boolean).map((t) => C15.maybeWord("tag." + t, t));
    const level = site.level ? [C15.maybeWord("level." + site.level, site.level)] : [];
    const kinds = [word("service." + site.service), ...level, ...tags].join(" · ");
    const counted = site.others_within === null ? neighbours.length : site.others_within;
    const limit = site.circle_limit === null ? word("card.no_limit", { count: num(counted + 1) }) : word("card.of_limit", { count: num(counted + 1), limit: num(site.circle_limit) });
    const klass = site.density_class ? C15.maybeWord("class." + site.density_class, site.density_class) : "";
    return el("div", { cls: "card" }, [
      el("h3", {}, [C15.glyph(site.service, 16), el("span", { text: site.name || site.id })]),
      el("p", { cls: "kinds", text: kinds }),
      site.over_cap ? el("p", { cls: "chip breached", text: word("card.over_cap") }) : null,
      site.inside ? null : el("p", { cls: "chip", text: word("card.outside", { place: site.district_name || word("none") }) }),
      C15.rows([
        [word("card.code"), site.id],
        site.address ? [word("card.address"), site.address] : null,
        [word("card.township"), site.township_name || word("none")],
        [word("card.in_circle", { radius: num(C15.data.radius_m) }), limit],
        [word("card.nearest"), site.nearest_other_m === null ? word("none") : num(site.nearest_other_m, 1) + " m"],
        [word("card.residents"), word("people", { count: num(site.residents_within) })],
        [word("card.land"), num(site.circle_land_km2, 2) + " km²"],
        [word("card.d_circle"), per(site.density_circle_per_km2)],
        [word("card.d_place"), per(site.density_place_per_km2)],
        [word("card.d_cell"), per(site.density_cell_per_km2)],
        klass ? [word("card.class"), klass] : null,
      ]),
      ...site.findings.map((f) => C15.findingCard(f, true)),
      neighbourList(neighbours),
    ]);
  }

  const per = (value) => (value === null ? word("none") : word("per_km2", { count: num(value) }));

  function neighbourList(neighbours) {
    if (!neighbours.length) return null;
    return el("details", {}, [
      el("summary", { text: word("card.neighbours", { count: neighbours.length, radius: num(C15.data.radius_m) }) }),
      el("ol", { cls: "neighbours" }, neighbours.map((n) => el("li", {}, [
        el("span", { text: n.site.name || n.site.id }), el("b", { text: num(n.metres, 1) + " m" }),
      ]))),
    ]);
  }

  /* One finding: outcome, what was counted against what, clause and quotation. */
  C15.findingCard = function (finding, open) {
    const rule = C15.data.rules[finding.rule], unit = C15.maybeWord("unit." + finding.unit, finding.unit);
    const sign = finding.bound === "min" ? "≥" : "≤";
    const figures = [];
    if (finding.observed !== null) figures.push(word("finding.observed", { value: num(finding.observed, 2) + unit }));
    if (finding.limit !== null) figures.push(word("finding.limit", { value: sign + " " + num(finding.limit, 2) + unit }));
    return el("details", { cls: "finding", open }, [
      el("summary", {}, [
        el("span", { cls: "chip " + finding.outcome, text: word("outcome." + finding.outcome) }),
        el("span", { cls: "rule", text: (finding.ground === "township" ? finding.ground_name + " · " : "") + rule.title }),
      ]),
      figures.length ? el("p", { cls: "figures", text: figures.join(word("finding.join")) }) : null,
      ...finding.notes.map((note) => C15.maybeWord("note." + note, "")).filter(Boolean).map((note) => el("p", { cls: "note", text: note })),
      finding.borderline.length ? el("p", { cls: "note", text: word("finding.borderline", {
        list: finding.borderline.map((b) => b.name + " " + num(b.distance_m, 1) + " m").join(word("list_join")),
      }) }) : null,
      el("p", { cls: "clause", text: word("finding.clause", { clause: rule.clause, force: word("force." + rule.force) }) }),
      rule.quote ? el("blockquote", { text: rule.quote }) : null,
    ]);
  };

  function gapCard(gap) {
    const candidate = gap.candidate ? gap.candidate[0].toFixed(6) + ", " + gap.candidate[1].toFixed(6) : word("none");
    return el("div", { cls: "card" }, [
      el("h3", {}, [el("span", { cls: "badge", text: String(gap.rank) }), el("span", { text: word("gap.title", { place: gap.township_name || C15.data.district.name }) })]),
      el("p", { cls: "kinds", text: word("gap.kind", { service: word("service." + gap.service), id: gap.gap_id }) }),
      C15.rows([
        [word("gap.residents"), word("people", { count: num(gap.residents) })],
        [word("gap.area"), num(gap.area_km2, 2) + " km²"],
        [word("gap.density"), per(gap.density_per_km2)],
        [word("gap.nearest"), gap.nearest_name ? gap.nearest_name + " · " + num(gap.nearest_m) + " m" : word("none")],
        [word("gap.candidate"), candidate],
        [word("gap.new"), word("people", { count: num(gap.candidate_new_residents) })],
      ]),
      el("p", { cls: "note", text: word("gap.note") }),
    ]);
  }

  C15.selectGround = function (map, latlng) {
    const { lat, lng: lon } = latlng;
    const place = C15.data.townships.find((p) => C15.holds(p, lon, lat));
    if (!place && !C15.holds(C15.data.districtPlace, lon, lat)) return;
    const cell = C15.populationAt(lon, lat);
    const about = (text) => (cell.exact ? text : word("ground.about", { value: text }));
    const within = (service) => C15.data.site.filter((s) => s.service === service && C15.distance(lon, lat, s.lon, s.lat) <= C15.data.radius_m + 1e-6).length;
    open(map, lat, lon, el("div", { cls: "card" }, [
      el("h3", {}, [el("span", { text: place ? place.name : C15.data.district.name })]),
      C15.rows([
        [word("ground.point"), lon.toFixed(6) + ", " + lat.toFixed(6)],
        [word("ground.residents"), cell ? about(word("people", { count: num(cell.residents, 1) })) : word("ground.empty")],
        cell && cell.density !== null ? [word("card.d_cell"), about(per(Math.round(cell.density)))] : null,
        place ? [word("card.d_place"), per(place.density)] : null,
        ...C15.data.services.map((s) => [word("ground.within", { service: word("service." + s), radius: num(C15.data.radius_m) }), word("count", { count: within(s) })]),
      ]),
      el("p", { cls: "note", text: word("ground.note") }),
    ]));
  };
})();
