/* Unpacks the page: scripts and styles stand compressed in it, each listed by hash in the policy. */
(function () {
  "use strict";
  window.C15 = { blocks: {} };
  if (typeof DecompressionStream === "undefined" || !Element.prototype.replaceChildren) return; // the sentence stays
  var text = atob(document.getElementById("payload").textContent.trim());
  var bytes = new Uint8Array(text.length);
  for (var n = 0; n < text.length; n += 1) bytes[n] = text.charCodeAt(n);
  text = null;
  var stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  bytes = null;
  document.getElementById("payload").textContent = "";
  new Response(stream).arrayBuffer().then(function (buffer) {
    var head = new DataView(buffer).getInt32(0, true), reader = new TextDecoder();
    var contents = JSON.parse(reader.decode(new Uint8Array(buffer, 4, head)));
    Object.keys(contents).forEach(function (name) {
      C15.blocks[name] = new Uint8Array(buffer, 4 + head + contents[name][0], contents[name][1]);
    });
    var code = JSON.parse(reader.decode(C15.blocks.code));
    delete C15.blocks.code;
    var put = function (tag) { return function (source) {
      var node = document.createElement(tag);
      node.textContent = source;
      document[tag === "style" ? "head" : "body"].append(node);
    }; };
    code.styles.forEach(put("style"));
    code.scripts.forEach(put("script"));
  }).catch(function (fault) { document.documentElement.dataset.fault = String(fault && fault.message); throw fault; });
})();
