/*
 * Which of the answers that a show or list offers a client wants. Evaluated once in a new context, before
 * `sandbox.js`, which is given its value: {registerType, choose}.
 */
(function () {
  "use strict";

  var apply = Reflect.apply;
  var types = {}, names = [];

  function registerType(name) {
    types[name] = apply(Array.prototype.slice, arguments, [1]);
    if (names.indexOf(name) < 0) { names.push(name); }
  }

  registerType("all", "*/*");
  registerType("text", "text/plain; charset=utf-8", "txt");
  registerType("html", "text/html; charset=utf-8");
  registerType("xhtml", "application/xhtml+xml", "xhtml");
  registerType("xml", "application/xml", "text/xml", "application/x-xml");
  registerType("js", "text/javascript", "application/javascript", "application/x-javascript");
  registerType("css", "text/css");
  registerType("ics", "text/calendar");
  registerType("csv", "text/csv");
  registerType("rss", "application/rss+xml");
  registerType("atom", "application/atom+xml");
  registerType("yaml", "application/x-yaml", "text/yaml");
  registerType("multipart_form", "multipart/form-data");
  registerType("url_encoded_form", "application/x-www-form-urlencoded");
  registerType("json", "application/json", "text/x-json");

  function media(range) {
    var parts = range.split(";"), type = parts[0].trim().toLowerCase().split("/"), quality = 1;
    parts.slice(1).forEach(function (part) {
      var match = /^\s*q\s*=\s*([0-9.]+)\s*$/.exec(part);
      if (match) { quality = Math.min(1, Number(match[1]) || 0); }
    });
    return { type: type[0] === "*" && type.length < 2 ? "*" : type[0], sub: type[1] || "*", quality: quality };
  }

  // How well a type is accepted: quality, then how exactly it is named.
  function fitness(ranges, type) {
    var offered = media(type), best = [0, -1];
    ranges.forEach(function (range) {
      var same = (range.type === offered.type || range.type === "*" || offered.type === "*");
      if (!same || !(range.sub === offered.sub || range.sub === "*" || offered.sub === "*")) { return; }
      var exact = (range.type === offered.type ? 100 : 0) + (range.sub === offered.sub ? 10 : 0);
      if (exact > best[1]) { best = [range.quality, exact]; }
    });
    return best;
  }

  // Which of what is offered the client wants, by `?format=`, by its Accept header, or the first: its function
  // as `render`, and the `type` it is for; or why there is none, as `refused`.
  function choose(offered, req) {
    var format = req.query && req.query.format, accept = req.headers && req.headers.Accept;
    var wanted = null, kind = null;
    if (format) {
      wanted = format;
    } else if (accept) {
      var ranges = accept.split(",").map(media), best = [0, -1], supported = [];
      offered.forEach(function (item) {
        (types[item.name] || []).forEach(function (type) {
          if (type.indexOf("/") < 0) { return; }
          supported.push(type);
          var found = fitness(ranges, type);
          if (found[0] > best[0] || (found[0] === best[0] && found[0] > 0 && found[1] > best[1])) {
            best = found;
            wanted = item.name;
            kind = type;
          }
        });
      });
      if (wanted === null) {
        return { refused: "Content-Type " + accept + " not supported, try one of: " + supported.join(", ") };
      }
    } else {
      wanted = offered[0].name;
    }
    if (kind === null) { kind = (types[wanted] || [null])[0]; }
    var found = offered.filter(function (item) { return item.name === wanted; })[0];
    return found ? { render: found.render, type: kind } : { refused: "Content-Type " + wanted + " not supported" };
  }

  return { registerType: registerType, choose: choose };
})()
