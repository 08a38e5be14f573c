/* What people type and what leaves the page: coordinates, sets as CSV and JSON. */
(function () {
  "use strict";
  const NUMBER = String.raw`[+-]?\d+(?:\.\d+)?`;
  const ONE = new RegExp(String.raw`([EWNS东西北南经纬]?[度]?)\s*(${NUMBER})\s*(?:[°度]\s*(?:(${NUMBER})\s*[′'分]\s*)?(?:(${NUMBER})\s*(?:[″"秒]|''|′′))?)?\s*([EWNS]?)`, "giu");

  /* Two numbers with what letters say of them: [{ value, axis }]; null where there are not exactly two. */
  C15.readPair = function (typed) {
    const text = typed.normalize("NFKC").replace(/[;、|\t]/g, ",").replace(/东经/g, "E").replace(/西经/g, "W").replace(/北纬/g, "N").replace(/南纬/g, "S").replace(/(经度|纬度|lon|lat)\s*[::=]?/gi, "");
    const found = [];
    for (const [, before, whole, minutes, seconds, after] of text.matchAll(ONE)) {
      const letter = (before + after).toUpperCase(), size = Number(whole);
      if (Number(minutes) >= 60 || Number(seconds) >= 60) return null;
      let value = Math.abs(size) + Number(minutes || 0) / 60 + Number(seconds || 0) / 3600;
      if (size < 0 || /[WS]/.test(letter)) value = -value;
      found.push({ value, axis: /[EW]/.test(letter) ? "lon" : /[NS]/.test(letter) ? "lat" : "" });
    }
    const rest = text.replace(ONE, "").replace(/[\s,()]/g, "");
    return found.length === 2 && !rest ? found : null;
  };

  /* { lon, lat, swapped } or { fault }: an order that only fits the ground the other way round is turned and told. */
  C15.readCoordinates = function (typed, box) {
    const pair = C15.readPair(typed);
    if (!pair) return { fault: "coordinates.unreadable" };
    let [a, b] = pair.map((p) => p.value), swapped = false;
    const [west, south, east, north] = box, near = (x, y) => x > west - 1 && x < east + 1 && y > south - 1 && y < north + 1;
    if (pair[0].axis === "lat" || pair[1].axis === "lon") [a, b] = [b, a];
    else if (!pair[0].axis && !pair[1].axis && !near(a, b) && near(b, a)) { [a, b] = [b, a]; swapped = true; }
    if (Math.abs(a) > 180 || Math.abs(b) > 90) return { fault: "coordinates.range" };
    return { lon: a, lat: b, swapped };
  };

  /* ── sets ── */

  const COLUMNS = ["action", "service", "id", "name", "lon", "lat", "position_accuracy_m", "tags", "level", "beds", "conclusion", "clauses"];
  const safe = (v) => {
    let text = v === null || v === undefined || Number.isNaN(v) ? "" : String(v);
    if (typeof v === "string" && /^[\s]*[=+\-@\t\r]/.test(text)) text = "'" + text;
    return /[",\r\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  };
  C15.setAsCsv = (rows) => "\ufeff" + [COLUMNS.join(","), ...rows.map((r) => COLUMNS.map((c) => safe(r[c])).join(","))].join("\r\n") + "\r\n";

  function csvRows(text) {
    const rows = [[]];
    let cell = "", quoted = false;
    const end = () => { rows[rows.length - 1].push(cell); cell = ""; };
    for (let n = 0; n < text.length; n += 1) {
      const c = text[n];
      if (quoted) {
        if (c !== '"') cell += c;
        else if (text[n + 1] === '"') { cell += '"'; n += 1; } else quoted = false;
      } else if (c === '"') quoted = true;
      else if (c === ",") end();
      else if (c === "\n") { end(); rows.push([]); } else if (c !== "\r") cell += c;
    }
    end();
    return rows.filter((r) => r.some((v) => v.trim()));
  }

  /* { added, retired, faults } of a file's text; a fault is [row, id of its sentence, value]. */
  C15.readSet = function (text, { services, known }) {
    let rows;
    const faults = [], added = [], retired = [], start = text.replace(/^\ufeff/, "").trim();
    try {
      if (start.startsWith("{")) {
        const told = JSON.parse(start);
        rows = [...(Array.isArray(told.added) ? told.added : []).map((r) => ({ ...r, action: "add" })), ...(Array.isArray(told.retired) ? told.retired : []).map((r) => ({ ...(typeof r === "object" ? r : { id: r }), action: "retire" }))];
      } else {
        const [head, ...body] = csvRows(start);
        rows = body.map((r) => Object.fromEntries(head.map((h, n) => [h.trim(), (r[n] || "").replace(/^'(?=[\s]*[=+\-@])/, "")])));
      }
    } catch {
      return { added, retired, faults: [[0, "import.unreadable", ""]] };
    }
    rows.forEach((r, n) => {
      const row = n + (start.startsWith("{") ? 1 : 2);
      if (r.action === "retire") {
        if (known.has(String(r.id))) retired.push(String(r.id)); else faults.push([row, "import.unknown_id", String(r.id)]);
        return;
      }
      const number = (v) => (v === null || v === undefined || String(v).trim() === "" ? NaN : Number(v));
      const lon = number(r.lon), lat = number(r.lat), accuracy = number(r.position_accuracy_m);
      if (!services.includes(r.service)) faults.push([row, "import.service", String(r.service)]);
      else if (!(Math.abs(lon) <= 180 && Math.abs(lat) <= 90)) faults.push([row, "import.coordinates", r.lon + ", " + r.lat]);
      else if (!Number.isNaN(accuracy) && !(accuracy >= 0 && accuracy <= 1000)) faults.push([row, "import.accuracy", String(r.position_accuracy_m)]);
      else added.push({ service: r.service, name: String(r.name || ""), lon, lat, accuracy_m: Number.isNaN(accuracy) ? 10 : accuracy, tags: String(r.tags || ""), level: String(r.level || ""), beds: number(r.beds) });
    });
    if (!rows.length) faults.push([0, "import.empty", ""]);
    return { added, retired, faults };
  };

  C15.download = function (name, type, text) {
    const link = document.createElement("a"), url = URL.createObjectURL(new Blob([text], { type }));
    link.href = url;
    link.download = name;
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  };
})();
