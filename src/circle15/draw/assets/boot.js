/* Unpacks the page: scripts and styles stand compressed in it, each listed by hash in the policy. */
(function () {
  "use strict";
  window.C15 = { blocks: {} };
  if (typeof DecompressionStream === "undefined" || !Element.prototype.replaceChildren) return; // the sentence stays
  var payload = document.getElementById("payload"), text = payload.textContent, value = new Uint8Array(127), bytes = new Uint8Array(text.length);
  for (var c = 33, v = 0; c < 127; c += 1) if ("<>&\"'\\/`-".indexOf(String.fromCharCode(c)) < 0) value[c] = v++;
  for (var n = 0, at = 0; n < text.length; n += 5) {
    for (var k = 0, word = 0; k < 4; k += 1) word = word * 85 + value[text.charCodeAt(n + k)];
    word = word * 85 + value[text.charCodeAt(n + 4)]; // the only step beyond 31 bits
    for (k = 24; k >= 0; k -= 8) bytes[at++] = word >>> k;
  }
  text = payload.textContent = null;
  var stream = new Blob([bytes.subarray(0, +payload.dataset.size)]).stream().pipeThrough(new DecompressionStream("gzip"));
  bytes = null;
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
