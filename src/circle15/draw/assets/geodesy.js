/* The ellipsoid at middle latitude: 2 µm off the geodesic at 800 m (Leaflet's own distances are spherical). */
(function () {
  "use strict";
  const A = 6378137.0, E2 = 0.00669437999014132, RAD = Math.PI / 180;

  function metresPerDegree(lat) {
    const s = Math.sin(lat * RAD), w = 1 - E2 * s * s;
    return [(A / Math.sqrt(w)) * Math.cos(lat * RAD) * RAD, (A * (1 - E2) / (w * Math.sqrt(w))) * RAD];
  }
  C15.metresPerDegree = metresPerDegree;

  C15.distance = function (lon1, lat1, lon2, lat2) {
    const [mx, my] = metresPerDegree((lat1 + lat2) / 2);
    return Math.hypot((lon2 - lon1) * mx, (lat2 - lat1) * my);
  };

  C15.circle = function (lon, lat, radius, points) {
    const out = [];
    for (let n = 0; n < points; n += 1) {
      const angle = (2 * Math.PI * n) / points;
      const east = radius * Math.sin(angle), north = radius * Math.cos(angle);
      let up = north / metresPerDegree(lat)[1];
      up = north / metresPerDegree(lat + up / 2)[1];
      out.push([lon + east / metresPerDegree(lat + up / 2)[0], lat + up]);
    }
    return out;
  };

  /* Web Mercator as shares of the world's width, as Leaflet draws it. */
  C15.u = (lon) => (lon + 180) / 360;
  C15.v = (lat) => 0.5 - Math.asinh(Math.tan(lat * RAD)) / (2 * Math.PI);
  C15.flat = function (ring) {
    const out = new Float64Array(2 * ring.length);
    ring.forEach(([lon, lat], n) => { out[2 * n] = C15.u(lon); out[2 * n + 1] = C15.v(lat); });
    return out;
  };

  C15.inRings = function (x, y, rings) {
    let inside = false;
    for (const ring of rings) {
      for (let i = 0, j = ring.length - 1; i < ring.length; j = i, i += 1) {
        const [xi, yi] = ring[i], [xj, yj] = ring[j];
        if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
      }
    }
    return inside;
  };
})();
