/* A map of the network below the page's own, only where the file was made with one; Amap's is shifted, not the data. */
(function () {
  "use strict";
  const A = 6378245, EE = 0.00669342162296594, RAD = Math.PI / 180;

  const sines = (v, pairs) => pairs.reduce((sum, [height, turn]) => sum + height * Math.sin((v * Math.PI) * turn), 0) * (2 / 3);
  const SHORT = [[20, 6], [20, 2]];

  /* GCJ-02 of a WGS 84 point, as everybody publishes it. */
  C15.toGcj = function (lon, lat) {
    const x = lon - 105, y = lat - 35, root = Math.sqrt(Math.abs(x));
    const north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + sines(x, SHORT) + sines(y, [[20, 1], [40, 1 / 3], [160, 1 / 12], [320, 1 / 30]]);
    const east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + sines(x, [...SHORT, [20, 1], [40, 1 / 3], [150, 1 / 12], [300, 1 / 30]]);
    const w = 1 - EE * Math.sin(lat * RAD) ** 2;
    return [lon + east / ((A / Math.sqrt(w)) * Math.cos(lat * RAD) * RAD), lat + north / (((A * (1 - EE)) / (w * Math.sqrt(w))) * RAD)];
  };

  /* Tiles are asked for about the shifted middle and then moved back. */
  function shifted() {
    const moved = (map, centre) => { const [lon, lat] = C15.toGcj(centre.lng, centre.lat); return L.latLng(lat, lon); };
    return L.TileLayer.extend({
      _getTiledPixelBounds: function (centre) { return L.TileLayer.prototype._getTiledPixelBounds.call(this, moved(this._map, centre)); },
      _shift: function () {
        const map = this._map, centre = map.getCenter();
        const off = map.project(moved(map, centre), map.getZoom()).subtract(map.project(centre, map.getZoom()));
        map.getPane(this.options.pane).style.transform = "translate(" + -off.x + "px," + -off.y + "px)";
      },
      onAdd: function (map) { L.TileLayer.prototype.onAdd.call(this, map); map.on("move zoom viewreset", this._shift, this); this._shift(); },
      onRemove: function (map) { map.off("move zoom viewreset", this._shift, this); L.TileLayer.prototype.onRemove.call(this, map); },
    });
  }

  let layers = [];
  C15.buildBasemap = function (map) {
    const told = C15.data.basemap;
    if (!told) return;
    const pane = map.createPane("c15-online");
    pane.style.zIndex = 200;
    const Tiles = told.gcj ? shifted() : L.TileLayer;
    layers = told.layers.map((address) => new Tiles(address, { pane: "c15-online", subdomains: told.subdomains || "abc", key: told.key, maxZoom: 18, attribution: C15.word("basemap." + told.name) }));
    C15.showBasemap(map);
  };
  C15.showBasemap = function (map) {
    for (const layer of layers) if (C15.state.show.online) layer.addTo(map); else layer.remove();
  };
})();
