/* Gaps as the set leaves them (measure/gaps.py): populated cells of the districts that circles leave uncovered in whole or
   in part, together where they touch by an edge or a corner. Only patches that the set may have changed are looked at
   anew; the others stay as the library told them. For populations on a grid. */
(function () {
  "use strict";
  const LEAST_SHARE = 1e-6, LETTERS = "bcdefghijklmnopqrstuvwxyz";
  C15.mostBareCells = 20000; // a third of a second; wider patches are not followed

  /* Residents of a cell that no circle covers, 0 beyond the districts; kept by cell. */
  function bareCells(city, service) {
    const { people, plan } = city, { lattice } = people, own = (o) => o.service === service, held = new Map();
    const after = C15.squares.gridOf([...city.institutions.filter((o) => own(o) && !city.retired.has(o.id)), ...city.added.filter(own)]);
    const districts = city.levels.district.table;
    const inside = ({ lon, lat }) => !districts.length || districts.some((p) => p.outline.holds(lon, lat) >= 0);
    return function (key) {
      if (!held.has(key)) {
        const count = people.peopleAt(key), frame = count > 0 ? lattice.frame(key % lattice.cols, Math.floor(key / lattice.cols)) : null;
        const share = frame ? 1 - C15.coveredShare(after, frame, plan.radius_m) : 0;
        held.set(key, share > LEAST_SHARE && inside(frame) ? share * count : 0);
      }
      return held.get(key);
    };
  }

  /* The cells that hang together with one; null where they are too many. */
  function patchOf(first, bare, lattice, seen) {
    const { cols, rows } = lattice, patch = { keys: [], residents: 0 }, open = [first];
    seen.add(first);
    while (open.length) {
      if (seen.size > C15.mostBareCells) return null;
      const key = open.pop(), col = key % cols, row = Math.floor(key / cols);
      patch.keys.push(key);
      patch.residents += bare(key);
      for (let r = Math.max(0, row - 1); r <= Math.min(rows - 1, row + 1); r += 1) {
        for (let c = Math.max(0, col - 1); c <= Math.min(cols - 1, col + 1); c += 1) {
          const near = r * cols + c;
          if (!seen.has(near) && bare(near) > 0) { seen.add(near); open.push(near); }
        }
      }
    }
    return patch;
  }

  /* Rings of degrees about cells: their edges without a neighbour, end to end, straight runs as one. */
  function outlineOf(keys, lattice) {
    const { cols } = lattice, wide = cols + 1, member = new Set(keys), next = new Map(), rings = [];
    const edge = (from, to) => { if (next.has(from)) next.get(from).push(to); else next.set(from, [to]); };
    for (const key of keys) {
      const col = key % cols, low = Math.floor(key / cols) * wide + col, high = low + wide;
      if (!member.has(key - cols)) edge(low, low + 1);
      if (col + 1 === cols || !member.has(key + 1)) edge(low + 1, high + 1);
      if (!member.has(key + cols)) edge(high + 1, high);
      if (col === 0 || !member.has(key - 1)) edge(high, low);
    }
    for (const [start, ends] of next) {
      while (ends.length) {
        const ring = [start];
        for (let at = ends.pop(); at !== start; at = next.get(at).pop()) ring.push(at);
        rings.push(ring.filter((p, n) => p - ring[(n + ring.length - 1) % ring.length] !== ring[(n + 1) % ring.length] - p));
      }
    }
    return rings.map((ring) => ring.map((p) => lattice.corner(p % wide, Math.floor(p / wide))));
  }

  /* { told: [{ gap, residents, patches, into }], fresh: [patch] } of a service: what became of each gap of the page that the set
     reaches, and patches where there was no gap; patches of fewer residents than a gap has are left out. Null where they are too wide to be followed at once. */
  C15.gapsAfter = function (city, service, gaps, least) {
    const { people, plan } = city, { lattice } = people, bare = bareCells(city, service), own = (o) => o.service === service;
    let last = null;
    const gapAt = ({ lon, lat }) => (last && last.ring.holds(lon, lat) >= 0 ? last : (last = gaps.find((g) => ringOf(g).holds(lon, lat) >= 0) || null));
    const gained = new Map(), after = new Map(), starts = new Set(), seen = new Set(), patches = [];
    const add = (map, gap, residents) => map.set(gap, (map.get(gap) || 0) + residents);
    city.change(service, null, (frame, residents) => { const gap = gapAt(frame); if (gap) add(gained, gap, residents); });
    for (const o of [...city.added, ...city.institutions.filter((i) => city.retired.has(i.id))].filter(own)) {
      people.each(o.lon, o.lat, plan.radius_m, (count, frame, key) => starts.add(key));
    }
    for (const key of starts) if (!seen.has(key) && bare(key) > 0) patches.push(patchOf(key, bare, lattice, seen));
    if (patches.includes(null)) return null;
    for (const patch of patches) {
      patch.of = new Map();
      for (const key of patch.keys) {
        const gap = gapAt(lattice.frame(key % lattice.cols, Math.floor(key / lattice.cols)));
        if (gap) { add(patch.of, gap, bare(key)); add(after, gap, bare(key)); }
      }
      patch.main = [...patch.of].sort((a, b) => b[1] - a[1] || a[0].rank - b[0].rank).map(([gap]) => gap)[0] || null;
    }
    patches.sort((a, b) => b.residents - a.residents);
    const told = [...new Set([...gained.keys(), ...after.keys()])].sort((a, b) => a.rank - b.rank).map((gap) => {
      const parts = patches.filter((p) => p.main === gap), merged = patches.find((p) => p.main !== gap && p.of.has(gap));
      // a gap may run on beyond what the page holds
      const beyond = gap.residents - (gained.get(gap) || 0) - (after.get(gap) || 0);
      if (parts.length && beyond > 1) parts[0].residents += beyond;
      return { gap, patches: parts.filter((p) => p.residents >= least), into: !parts.length && merged ? merged.main : null };
    });
    const fresh = patches.filter((p) => !p.main && p.residents >= least);
    told.forEach(({ gap, patches: parts }) => parts.forEach((p, n) => { p.label = gap.rank + (n ? LETTERS[n - 1] || "+" : ""); }));
    fresh.forEach((p, n) => { p.label = "+" + (n + 1); });
    for (const patch of [...told.flatMap((t) => t.patches), ...fresh]) {
      const frame = (key) => lattice.frame(key % lattice.cols, Math.floor(key / lattice.cols)), most = patch.keys.reduce((a, b) => (bare(b) > bare(a) ? b : a));
      patch.lonlat = outlineOf(patch.keys, lattice);
      patch.spot = [frame(most).lon, frame(most).lat];
    }
    return { told, fresh };
  };

  /* The gaps of a service as the map shows them: those that changed first, so that their labels stand when there is little room. */
  C15.gapsShownAfter = function (city, service, gaps, { told, fresh }) {
    const touched = new Set(told.map((t) => t.gap)), lacking = { service, township_name: "", gap_id: "", rank: 0 };
    const drawn = (gap, patch) => ({ ...gap, label: patch.label, candidate: patch.spot, residents: patch.residents, lonlat: patch.lonlat });
    const changed = [
      ...told.flatMap(({ gap, patches, into }) => (patches.length ? patches.map((p) => drawn(gap, p)) : into ? [] : [{ ...gap, label: "✓", closed: true }])),
      ...fresh.map((p) => drawn({ ...lacking, own: city.within.some((w) => w.outline.holds(...p.spot) >= 0) }, p)),
    ];
    C15.shape(changed, changed.map((g) => g.lonlat));
    return [...changed, ...gaps.filter((g) => g.service === service && !touched.has(g))];
  };

  const ringOf = (gap) => gap.ring || (gap.ring = new C15.Outline(gap.lonlat.map((r) => Float64Array.from(r.flat()))));
})();
