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

  /* Metres along the geodesic by Vincenty's inverse (1975), to 0.1 mm; for points that lie apart, as a ruler needs it. */
  C15.geodesic = function (lon1, lat1, lon2, lat2) {
    const f = 1 / 298.257223563, b = A * (1 - f), l = (lon2 - lon1) * RAD;
    const u1 = Math.atan((1 - f) * Math.tan(lat1 * RAD)), u2 = Math.atan((1 - f) * Math.tan(lat2 * RAD));
    const s1 = Math.sin(u1), c1 = Math.cos(u1), s2 = Math.sin(u2), c2 = Math.cos(u2);
    let lambda = l;
    for (let n = 0; n < 100; n += 1) {
      const sl = Math.sin(lambda), cl = Math.cos(lambda);
      const ss = Math.hypot(c2 * sl, c1 * s2 - s1 * c2 * cl), cs = s1 * s2 + c1 * c2 * cl;
      if (ss === 0) return 0;
      const sigma = Math.atan2(ss, cs), sa = (c1 * c2 * sl) / ss, ca2 = 1 - sa * sa;
      const c2m = ca2 === 0 ? 0 : cs - (2 * s1 * s2) / ca2, c = (f / 16) * ca2 * (4 + f * (4 - 3 * ca2));
      const before = lambda;
      lambda = l + (1 - c) * f * sa * (sigma + c * ss * (c2m + c * cs * (2 * c2m * c2m - 1)));
      if (Math.abs(lambda - before) < 1e-13) {
        const q = (ca2 * (A * A - b * b)) / (b * b);
        const p = 1 + (q / 16384) * (4096 + q * (-768 + q * (320 - 175 * q)));
        const r = (q / 1024) * (256 + q * (-128 + q * (74 - 47 * q)));
        const more = r * ss * (c2m + (r / 4) * (cs * (2 * c2m * c2m - 1) - (r / 6) * c2m * (4 * ss * ss - 3) * (4 * c2m * c2m - 3)));
        return b * p * (sigma - more);
      }
    }
    return NaN; // nearly antipodal
  };

  /* Degrees of latitude north of a place. */
  function upBy(lat, north) {
    const up = north / metresPerDegree(lat)[1];
    return north / metresPerDegree(lat + up / 2)[1];
  }
  C15.upBy = upBy;

  C15.circle = function (lon, lat, radius, points) {
    const out = [];
    for (let n = 0; n < points; n += 1) {
      const angle = (2 * Math.PI * n) / points;
      const east = radius * Math.sin(angle), north = radius * Math.cos(angle);
      const up = upBy(lat, north);
      out.push([lon + east / metresPerDegree(lat + up / 2)[0], lat + up]);
    }
    return out;
  };

  /* Web Mercator as shares of the world's width, as Leaflet draws it. */
  C15.u = (lon) => (lon + 180) / 360;
  C15.v = (lat) => 0.5 - Math.asinh(Math.tan(lat * RAD)) / (2 * Math.PI);
  C15.lonOf = (u) => u * 360 - 180;
  C15.latOf = (v) => Math.atan(Math.sinh((0.5 - v) * 2 * Math.PI)) / RAD;
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
