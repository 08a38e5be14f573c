/* One canvas a layer, drawn wider than the view: while a move stays on it Leaflet shifts the picture and nothing is drawn.
   Near its edge the picture is moved on, a layer a frame, and only what comes in is drawn. */
(function () {
  "use strict";

  const printing = () => document.body.classList.contains("printing");

  const layers = [], waiting = new Set();
  let busy = false;

  /* What a drawing needs to know of a canvas, or of a part of one that begins at (x, y): pixels of the screen. */
  function viewOf(map, min, { x, y, width, height, ratio }) {
    const zoom = map.getZoom(), scale = 256 * Math.pow(2, zoom), origin = map.getPixelOrigin();
    const view = { zoom, scale, width, height, ratio, dx: -origin.x - min.x - x, dy: -origin.y - min.y - y };
    view.x = (u) => u * scale + view.dx;
    view.y = (v) => v * scale + view.dy;
    return view;
  }

  function later(layer) {
    waiting.add(layer);
    if (!busy) setTimeout(next, 0);
    busy = true;
  }
  function next() {
    const [layer] = waiting;
    waiting.delete(layer);
    if (layer._map) layer._shift();
    busy = waiting.size > 0;
    if (busy) requestAnimationFrame(() => setTimeout(next, 0));
  }

  C15.Bulk = L.Renderer.extend({
    options: { padding: 0.3, sharp: true, strips: true },
    initialize: function (draw, options) {
      L.Renderer.prototype.initialize.call(this, options);
      this._draw = draw;
    },
    _initContainer: function () {
      this._container = L.DomUtil.create("canvas", "c15-bulk");
      this._container.style.willChange = "transform"; // else the first step of a pan copies every canvas anew
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
      if (!printing() && this._holds(0)) {
        if (!this._holds(this.options.padding / 2)) later(this);
        return;
      }
      if (!printing() && this._shift()) return;
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
    /* Whether what was drawn is of this scale. */
    _alike: function () {
      const map = this._map, drawn = this._drawn;
      return Boolean(drawn) && drawn.zoom === map.getZoom() && drawn.size.equals(map.getSize()) && drawn.origin.equals(map.getPixelOrigin());
    },
    /* Whether the view, and a share of it all round, still lies on what was drawn. */
    _holds: function (share) {
      const map = this._map, size = map.getSize(), more = size.multiplyBy(share), corner = map.containerPointToLayerPoint([0, 0]);
      return this._alike() && this._bounds.contains(L.bounds(corner.subtract(more), corner.add(size).add(more)));
    },
    /* The picture moved to the middle of the view and the strips that came in drawn; false where it cannot be. */
    _shift: function () {
      const before = this._bounds, { ratio } = this;
      if (!this._alike()) return false;
      L.Renderer.prototype._update.call(this);
      const by = before.min.subtract(this._bounds.min), x = by.x * ratio, y = by.y * ratio, { width, height } = this._container;
      L.DomUtil.setPosition(this._container, this._bounds.min);
      if (!this.options.strips || Math.abs(x) >= width || Math.abs(y) >= height || x !== Math.round(x) || y !== Math.round(y)) { this.redraw(); return true; }
      this._ctx.setTransform(1, 0, 0, 1, 0, 0);
      this._ctx.globalAlpha = 1;
      this._ctx.globalCompositeOperation = "copy";
      this._ctx.drawImage(this._container, x, y);
      this._ctx.globalCompositeOperation = "source-over";
      this._strip(x > 0 ? 0 : width + x, 0, Math.abs(x), height);
      this._strip(Math.max(x, 0), y > 0 ? 0 : height + y, width - Math.abs(x), Math.abs(y));
      return true;
    },
    _strip: function (x, y, width, height) {
      if (!width || !height) return;
      const aside = (this._part = this._part || document.createElement("canvas")), pen = aside.getContext("2d"), { ratio } = this;
      aside.width = width;
      aside.height = height;
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      this._draw(pen, viewOf(this._map, this._bounds.min, { x: x / ratio, y: y / ratio, width: width / ratio, height: height / ratio, ratio }));
      this._ctx.drawImage(aside, x, y);
    },
    redraw: function () {
      if (!this._map || !this._bounds) return;
      const min = this._bounds.min, size = this._bounds.getSize();
      const ratio = (this.ratio = this._container.width / size.x);
      const view = viewOf(this._map, min, { x: 0, y: 0, width: size.x, height: size.y, ratio });
      this._ctx.setTransform(1, 0, 0, 1, 0, 0);
      this._ctx.globalCompositeOperation = "source-over";
      this._ctx.globalAlpha = 1;
      this._ctx.clearRect(0, 0, this._container.width, this._container.height);
      this._ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
      this._drawn = { zoom: view.zoom, size: this._map.getSize(), origin: this._map.getPixelOrigin() };
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
