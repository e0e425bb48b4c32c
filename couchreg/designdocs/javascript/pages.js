/*
 * The answers that shows and lists make: what they start, send and offer, and the rows of lists. Evaluated once in
 * a new context, before `sandbox.js`, which is given its value. `exchange` hands over what a list has made, and with a
 * true second argument waits for more rows.
 */
(function (negotiation, exchange, Failure) {
  "use strict";

  var FULL = 65536; // characters that a list gathers before it hands them over
  var parse = JSON.parse, stringify = JSON.stringify, isArray = Array.isArray, keys = Object.keys;
  var page = null;  // the answer that is being made

  function fail(word, reason) { throw new Failure(word, reason); }

  function rendering(run) {
    page = { offered: [], type: null, started: null, chunks: [], list: null };
    try { return run(); } finally { page = null; }
  }

  // -- what functions see

  function provides(name, render) {
    page.offered.push({ name: name, render: render });
  }

  function start(response) { page.started = response || {}; }

  function send(chunk) {
    page.chunks.push(chunk.toString());
    if (page.list && page.list.begun) {
      page.list.size += page.chunks[page.chunks.length - 1].length;
      if (page.list.size > FULL) { settle(); exchange(made(), false); }
    }
  }

  function getRow() {
    var list = page.list;
    if (!list) { fail("list_error", "getRow is for lists"); }
    if (list.done) { return null; }
    settle();
    if (list.at === list.rows.length && !list.last) {
      var more = parse(exchange(made(), true));
      list.rows = more.rows;
      list.last = more.last;
      list.at = 0;
    }
    if (list.at === list.rows.length) {
      list.done = true;
      return null;
    }
    var row = list.rows[list.at];
    list.rows[list.at++] = null;
    return row;
  }

  function chosen(req) {
    var found = negotiation.choose(page.offered, req);
    if (found.refused) { fail("not_acceptable", found.refused); }
    page.type = found.type;
    return found.render;
  }

  // -- shows

  function show(render, job, rendered) {
    return rendering(function () {
      var found;
      try {
        found = sent(wrapped(rendered(render, [job.doc, job.req])));
        if (page.offered.length) { found = provided(found, wrapped(rendered(chosen(job.req), []))); }
        if (found === null || typeof found !== "object" || isArray(found)) {
          fail("render_error", "undefined response from show function");
        }
      } catch (error) {
        if (job.doc === null && job.req.path.length > 5) { fail("not_found", "document not found"); }
        throw error;
      }
      return { response: found, type: page.type };
    });
  }

  // What a show returns, as a response.
  function wrapped(made) {
    return typeof made === "string" && made ? { body: made } : made || {};
  }

  // A show that sends as lists do: the headers that `start` was given, and all that was sent before what it returns.
  function sent(response) {
    if (!page.chunks.length) { return response; }
    var headers = response.headers || {};
    keys(page.started || {}).forEach(function (name) { headers[name] = page.started[name]; });
    response.headers = headers;
    response.body = page.chunks.join("") + (response.body || "");
    page.chunks = [];
    return response;
  }

  // The same, and behind it what the chosen one of `provides` sends and returns.
  function provided(response, last) {
    response.body = (response.body || "") + page.chunks.join("") + (last.body || "");
    return response;
  }

  // -- lists

  function list(render, job, rendered) {
    return rendering(function () {
      page.list = listing(job);
      try {
        var tail = rendered(render, [job.head, job.req]);
        if (page.offered.length) { tail = rendered(chosen(job.req), []); }
        if (!page.list.begun) { settle(); }
        if (tail !== undefined) { page.chunks.push(typeof tail === "string" ? tail : ""); }
        settle();
      } finally {
        if (page.list.settled) { exchange(made(), false); } // also before what it throws
      }
      return page.list.told;
    });
  }

  // A list's state: rows that wait, whether the function has asked for one, what goes out and under which head.
  function listing(job) {
    return { rows: job.rows, at: 0, last: job.last, begun: false, done: false, head: null, settled: false,
             told: false, out: "", size: 0 };
  }

  // As CouchDB does at each row: what was sent goes out, and the first of it under the head that stands then.
  function settle() {
    var list = page.list;
    if (!list.settled && (page.started || !list.begun)) {
      list.head = page.started || {};
      if (page.type && !list.begun) {
        list.head.headers = list.head.headers || {};
        list.head.headers["Content-Type"] = list.head.headers["Content-Type"] || page.type;
      }
    }
    page.started = null;
    list.begun = true;
    list.settled = list.settled || page.chunks.length > 0;
    list.out += page.chunks.join("");
    page.chunks = [];
    list.size = 0;
  }

  // What is to go out, as JSON: text, and its head once.
  function made() {
    var list = page.list, found = { text: list.out };
    if (list.settled && !list.told) {
      found.head = list.head;
      list.told = true;
    }
    list.out = "";
    return stringify(found);
  }

  return { provides: provides, registerType: negotiation.registerType, start: start, send: send, getRow: getRow,
           show: show, list: list };
})
