/* One canvas a layer, drawn wider than the view: while a move stays on it Leaflet shifts the picture and nothing is drawn. */
(function () {
  "use strict";

  const printing = () => document.body.classList.contains("printing");

  const layers = [];
  C15.Bulk = L.Renderer.extend({
    options: { padding: 0.3, sharp: true },
    initialize: function (draw, options) {
      L.Renderer.prototype.initialize.call(this, options);
      this._draw = draw;
    },
    _initContainer: function () {
      this._container = L.DomUtil.create("canvas", "c15-bulk");
      this._ctx = this._container.getContext("2d");
    },
    _destroyContainer: function () {
      L.DomUtil.remove(this._container);
      delete this._container;
      delete this._ctx;
    },
    _updatePaths: function () {},
    _update: function () {
      if (this._map._animatingZoom && this._bounds) return;
      if (!printing() && this._holds()) return;
      L.Renderer.prototype._update.call(this);
      const min = this._bounds.min, size = this._bounds.getSize();
      const ratio = !this.options.sharp ? 1 : printing() ? 2 : Math.max(1, Math.min(2, window.devicePixelRatio || 1));
      L.DomUtil.setPosition(this._container, min);
      this._container.width = Math.round(size.x * ratio);
      this._container.height = Math.round(size.y * ratio);
      this._container.style.width = size.x + "px";
      this._container.style.height = size.y + "px";
      this.redraw();
    },
    /* Whether the view still lies on what was drawn, at the same scale. */
    _holds: function () {
      const map = this._map, size = map.getSize();
      if (!this._drawn || this._drawn.zoom !== map.getZoom() || !this._drawn.size.equals(size)) return false;
      if (!this._drawn.origin.equals(map.getPixelOrigin())) return false;
      const corner = map.containerPointToLayerPoint([0, 0]);
      return this._bounds.contains(L.bounds(corner, corner.add(size)));
    },
    redraw: function () {
      if (!this._map || !this._bounds) return;
      const min = this._bounds.min, size = this._bounds.getSize();
      const ratio = this._container.width / size.x;
      const zoom = this._map.getZoom(), scale = 256 * Math.pow(2, zoom), origin = this._map.getPixelOrigin();
      const view = {
        zoom: zoom, scale: scale, width: size.x, height: size.y, ratio: ratio,
        dx: -origin.x - min.x, dy: -origin.y - min.y,
      };
      view.x = (u) => u * scale + view.dx;
      view.y = (v) => v * scale + view.dy;
      this._ctx.setTransform(1, 0, 0, 1, 0, 0);
      this._ctx.globalCompositeOperation = "source-over";
      this._ctx.globalAlpha = 1;
      this._ctx.clearRect(0, 0, this._container.width, this._container.height);
      this._ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
      this._drawn = { zoom, size: this._map.getSize(), origin };
      if (printing()) this._drawAside(view, ratio); else this._draw(this._ctx, view);
    },
    /* Chromium prints only the last of several canvases drawn just before printing: each is drawn aside and the topmost
       lays them all on. */
    _drawAside: function (view, ratio) {
      const aside = (this._aside = this._aside || document.createElement("canvas")), pen = aside.getContext("2d");
      aside.width = this._container.width;
      aside.height = this._container.height;
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      this._draw(pen, view);
      if (this !== layers[layers.length - 1]) return;
      this._ctx.setTransform(1, 0, 0, 1, 0, 0);
      for (const layer of layers) if (layer._aside) this._ctx.drawImage(layer._aside, 0, 0, aside.width, aside.height);
    },
  });

  C15.addBulk = function (map, name, zIndex, draw, options) {
    const pane = map.createPane("c15-" + name);
    pane.style.zIndex = zIndex;
    pane.style.pointerEvents = "none";
    const layer = new C15.Bulk(draw, { pane: "c15-" + name, zIndex, ...options }).addTo(map);
    layers.push(layer);
    layers.sort((a, b) => a.options.zIndex - b.options.zIndex);
    return layer;
  };

  C15.redraw = () => { for (const layer of layers) layer.redraw(); };

  C15.trace = function (ctx, view, flat) {
    for (let n = 0; n < flat.length; n += 2) {
      const x = flat[n] * view.scale + view.dx, y = flat[n + 1] * view.scale + view.dy;
      if (n) ctx.lineTo(x, y); else ctx.moveTo(x, y);
    }
    ctx.closePath();
  };
})();
