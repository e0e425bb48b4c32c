/*
 * The world in which the functions of one design document run, as CouchDB 3.5's is with QuickJS.
 *
 * Called once in a new context with its global object and what `pages.js` and `negotiation.js` are; gives `dispatch`,
 * which takes a command as JSON and gives the answer as JSON: {ok} or {error: [word, reason]}, and in both cases
 * `logs`. What the functions of users may see is set on the global object; everything else stays in this closure, for
 * they may change whatever they see.
 */
(function (world, makePages, negotiation) {
  "use strict";

  var KEPT = (
    "Object Function Error EvalError RangeError ReferenceError SyntaxError TypeError URIError InternalError " +
    "AggregateError Iterator Array parseInt parseFloat isNaN isFinite decodeURI decodeURIComponent encodeURI " +
    "encodeURIComponent escape unescape Infinity NaN undefined eval Number Boolean String Math Reflect Symbol " +
    "globalThis BigInt Date RegExp JSON Map Set WeakMap WeakSet"
  ).split(" ");
  var LOGS = 100, LOG_LENGTH = 1000; // of one command
  var OVERFLOW = 5000; // characters that a reduce function may always answer
  var parse = JSON.parse, stringify = JSON.stringify, evaluate = world.eval;
  var isArray = Array.isArray, freeze = Object.freeze, keys = Object.keys, apply = Reflect.apply;
  var has = function (object, name) { return apply(Object.prototype.hasOwnProperty, object, [name]); };

  var design = {};      // the design document
  var modules = {};     // exports of what was required, by path
  var compiled = {};    // functions, by source
  var logs = [];
  var emitted = null;   // what a map has emitted for one document

  // -- what goes wrong

  function Failure(word, reason) { this.word = word; this.reason = reason; }

  var pages = makePages(negotiation, world.exchange, Failure);

  function fail(word, reason) { throw new Failure(word, reason); }

  // What was thrown, as a pair of texts. `fallback` names what has no name.
  function failure(thrown, fallback) {
    if (thrown instanceof Failure) { return [thrown.word, thrown.reason]; }
    // Where there is no memory left for an error, null is thrown.
    if (thrown === null) { return ["os_process_error", "OS process died: out of memory"]; }
    if (isArray(thrown) && thrown[0] === "error" && thrown.length > 2) { return [text(thrown[1]), thrown[2]]; }
    if (isArray(thrown) && thrown[0] === "fatal") { return ["fatal", text(thrown[2])]; }
    if (thrown instanceof Error) {
      return [fallback || text(thrown.name), text(thrown) + (thrown.stack ? "\n" + text(thrown.stack) : "")];
    }
    if (thrown !== null && typeof thrown === "object" && has(thrown, "error") && has(thrown, "reason")) {
      return [text(thrown.error), thrown.reason];
    }
    return [fallback || "unnamed_error", typeof thrown === "string" ? thrown : toJSON(thrown)];
  }

  function text(value) {
    try { return String(value); } catch (error) { return "a value that is not text"; }
  }

  // -- what functions see

  function toJSON(value) {
    var json = stringify(value);
    return json === undefined ? "null" : json;
  }

  function log(message) {
    if (logs.length < LOGS) {
      logs.push((typeof message === "string" ? message : toJSON(message)).slice(0, LOG_LENGTH));
    }
  }

  function emit(key, value) {
    if (emitted === null) { fail("unknown_error", "emit is for map functions"); }
    emitted.push([key, value]);
  }

  function sum(values) {
    var total = 0;
    for (var at = 0; at < values.length; at++) { total += values[at]; }
    return total;
  }

  // -- functions and modules

  function compile(source) {
    if (typeof source !== "string") { fail("not_found", "missing function"); }
    if (has(compiled, source)) { return compiled[source]; }
    var found;
    try {
      found = evaluate("(" + source.replace(/;\s*$/, "") + "\n)");
    } catch (error) {
      fail("compilation_error", text(error) + " (" + source + ")");
    }
    if (typeof found !== "function") {
      fail("compilation_error", "Expression does not eval to a function. (" + source + ")");
    }
    compiled[source] = found;
    return found;
  }

  // The member of the design document at a path, and the path without its dots.
  function resolve(path, from) {
    var steps = path.charAt(0) === "." ? from.slice(0, -1) : [];
    path.split("/").forEach(function (step) {
      if (step === "..") {
        if (!steps.length) { fail("invalid_require_path", 'Object has no parent "' + path + '"'); }
        steps.pop();
      } else if (step !== "." && step !== "") {
        steps.push(step);
      }
    });
    var found = design;
    steps.forEach(function (step) {
      if (found === null || typeof found !== "object" || !has(found, step)) {
        fail("invalid_require_path", 'Object has no property "' + step + '". ' + toJSON(steps));
      }
      found = found[step];
    });
    if (typeof found !== "string") { fail("invalid_require_path", "Must require a JavaScript string: " + path); }
    return { source: found, steps: steps };
  }

  function requirer(from) {
    return function require(path) {
      var found = resolve(String(path), from), id = found.steps.join("/");
      if (!has(modules, id)) {
        var module = { id: id, exports: {} };
        modules[id] = module; // before it runs: modules may require each other
        try {
          var body = evaluate("(function (module, exports, require) {" + found.source + "\n})");
          apply(body, null, [module, module.exports, requirer(found.steps)]);
        } catch (error) {
          delete modules[id];
          if (error instanceof Failure) { throw error; }
          fail("compilation_error", "Module require('" + id + "') raised error " + text(error));
        }
      }
      return modules[id].exports;
    };
  }

  function member(path) {
    var found = design;
    path.forEach(function (step) {
      if (found === null || typeof found !== "object" || !has(found, step)) {
        fail("not_found", "missing json key: " + step);
      }
      found = found[step];
    });
    return compile(found);
  }

  // Freeze what was read from JSON, which has no cycles.
  function seal(value) {
    var names = isArray(value) ? value : keys(value);
    for (var at = 0; at < names.length; at++) {
      var inner = names === value ? value[at] : value[names[at]];
      if (typeof inner === "object" && inner !== null) { seal(inner); }
    }
    freeze(value);
  }

  // -- commands

  var commands = {
    load: function (job) {
      design = job.design;
      modules = {};
      compiled = {};
      return true;
    },

    compile: function (job) {
      job.sources.forEach(compile);
      return true;
    },

    // For each document, for each function, a list of [key, value].
    map: function (job) {
      var functions = job.sources.map(compile);
      return job.docs.map(function (doc) {
        seal(doc);
        return functions.map(function (map) {
          emitted = [];
          try {
            apply(map, null, [doc]);
            return emitted.map(shown);
          } catch (error) {
            if (error === "fatal_error") { fail("map_runtime_error", "function raised 'fatal_error'"); }
            var found = failure(error);
            if (found[0] === "fatal") { throw error; }
            log("function raised exception (" + found[1] + ") with doc._id " + doc._id);
            return [];
          } finally {
            emitted = null;
          }
        });
      });
    },

    // What a function makes of each [keys, values, rereduce].
    reduce: function (job) {
      var reduce = compile(job.source);
      return job.jobs.map(function (arguments_) {
        var made;
        try {
          made = apply(reduce, null, arguments_);
        } catch (error) {
          var found = failure(error);
          if (found[0] === "fatal") { throw error; }
          log("function raised exception (" + found[1] + ")");
        }
        return made === undefined ? null : overflown(made, arguments_);
      });
    },

    // For each case null, or what was thrown as {word, reason}.
    validate: function (job) {
      var validate = member(["validate_doc_update"]);
      return job.cases.map(function (arguments_) {
        try {
          apply(validate, design, arguments_);
          return null;
        } catch (error) {
          return refusal(error);
        }
      });
    },

    filter: function (job) {
      var filter = member(job.path);
      return job.docs.map(function (doc) { return Boolean(apply(filter, design, [doc, job.req])); });
    },

    // Whether the map functions of a view emit anything for a document.
    view: function (job) {
      var map = member(job.path);
      return job.docs.map(function (doc) {
        emitted = [];
        try {
          apply(map, null, [doc]);
          return emitted.length > 0;
        } finally {
          emitted = null;
        }
      });
    },

    show: function (job) {
      return pages.show(member(job.path), job, rendered);
    },

    update: function (job) {
      var update = member(job.path), made;
      try {
        made = apply(update, design, [job.doc, job.req]);
      } catch (error) {
        throw raised(error);
      }
      if (!isArray(made)) { fail("render_error", "update function did not return a document and a response"); }
      var response = typeof made[1] === "string" ? { body: made[1] } : made[1];
      return { doc: made[0] === undefined ? null : made[0], response: response };
    },

    list: function (job) {
      return pages.list(member(job.path), job, rendered);
    },

    rewrite: function (job) {
      var found;
      try {
        found = apply(compile(design.rewrites), design, [job.req]);
      } catch (error) {
        throw raised(error, "rewrite_error");
      }
      if (!found) { return { response: null }; }
      return { response: typeof found === "string" ? { path: found, method: job.req.method } : found };
    }
  };

  // A reduce function has to make less of what it is given: what grows would fill the index.
  function overflown(made, arguments_) {
    var size = toJSON(made).length, input = toJSON(arguments_[1]).length;
    if (size <= OVERFLOW || size * 2 <= input) { return made; }
    var reason = "Reduce output must shrink more rapidly: input size: " + input + " output size: " + size;
    log("reduce_overflow_error: " + reason);
    return { reduce_overflow_error: reason };
  }

  function rendered(render, arguments_) {
    try { return apply(render, design, arguments_); } catch (error) { throw raised(error); }
  }

  function raised(error, word) {
    if (error instanceof Failure) { return error; }
    var found = failure(error);
    if (isArray(error) && error[0] === "error") { return new Failure(found[0], found[1]); }
    return new Failure(word || "render_error", "function raised error: " + text(found[1]));
  }

  function shown(pair) {
    return [unthrown(pair[0]), unthrown(pair[1])];
  }

  function unthrown(value) {
    return value instanceof Error ? { error: text(value.name), message: text(value.message) } : value;
  }

  function refusal(thrown) {
    if (thrown !== null && typeof thrown === "object" && !(thrown instanceof Error) && !isArray(thrown)) {
      if (thrown instanceof Failure) { return { word: thrown.word, reason: thrown.reason }; }
      if (has(thrown, "forbidden")) { return { word: "forbidden", reason: thrown.forbidden }; }
      if (has(thrown, "unauthorized")) { return { word: "unauthorized", reason: thrown.unauthorized }; }
      var first = keys(thrown)[0];
      return { word: "unknown_error", reason: first === undefined ? null : thrown[first] };
    }
    if (typeof thrown === "string") { return { word: "unknown_error", reason: thrown }; }
    var found = failure(thrown);
    return { word: found[0], reason: found[1] };
  }

  Object.getOwnPropertyNames(world).forEach(function (name) {
    if (KEPT.indexOf(name) < 0) { delete world[name]; }
  });
  var seen = {
    emit: emit, sum: sum, log: log, isArray: isArray, toJSON: toJSON, provides: pages.provides,
    registerType: pages.registerType, start: pages.start, send: pages.send, getRow: pages.getRow, require: requirer([])
  };
  keys(seen).forEach(function (name) { world[name] = seen[name]; });

  return function dispatch(command) {
    logs = [];
    var answer;
    try {
      var job = parse(command);
      answer = { ok: commands[job.command](job) };
    } catch (error) {
      answer = { error: failure(error) };
    }
    if (logs.length) { answer.logs = logs; }
    try {
      return stringify(answer);
    } catch (error) {
      return stringify({ error: ["unknown_error", "what the function made is not JSON: " + text(error)] });
    }
  };
})
