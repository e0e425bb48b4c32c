// What has been taken along: packages of this registry in databases of PouchDB in the browser, one for each
// version with its files, and one that lists them. Used by the page and by the worker; defines `Shelf`.
"use strict";

const Shelf = (() => {
  const MOST = 150e6; // bytes of a version: PouchDB holds it in memory while it comes
  const TIMEOUT = 60000; // milliseconds for a list of versions
  const WORDS = 20000; // characters of a README that are searched
  const LOOKED = "_local/looked"; // when it was last looked for what has changed; browsers end idle workers
  const PARTIAL = "Not all of it is here yet.";
  const ROWLESS = "Rows of some of its tables could not be had yet: those are files alone.";
  const OTHERS = /^(xlsx|xls|ods|parquet|ndjson|jsonl)$/; // formats of tables that nothing here reads
  const ROWS = 500000; // of a table that is taken along as rows
  const LARGEST = 20e6; // bytes of them
  const TABLES = 20; // of a package
  let root = "";
  let listed = null;

  const own = () => `couchreg-offline${root}`; // there may be other registries on this host
  const list = () => (listed = listed || new PouchDB(own()));
  const named = (name, version) => new PouchDB(`${own()} ${name}@${version}`, { auto_compaction: true });
  // Pages and the worker write one after the other.
  const locked = (act) => navigator.locks.request(own(), act);

  class Unable extends Error {} // says what is wrong with a package
  class Unreachable extends Error {} // says why the registry cannot be asked now

  async function reached(place, options) {
    let answer, body;
    try {
      answer = await fetch(place, { ...options, credentials: "omit" });
      body = await answer.blob();
    } catch (error) {
      throw new Unreachable("There is no network.", { cause: error });
    }
    if (answer.status === 429) throw new Unreachable("The registry has been asked too often for now.");
    if (answer.status >= 500) throw new Unreachable(`The registry answered ${answer.status}.`);
    return new Response(body, { status: answer.status, headers: answer.headers });
  }

  // The registry, asked as nobody. How far a replication is, is nothing to be kept there: each takes few
  // documents, by their ids. What PouchDB makes of errors does not say whose they are: `failed` is told.
  function remote(failed) {
    return new PouchDB(new URL(`${root}/_couch/registry`, location.href).href, {
      skip_setup: true,
      fetch: (url, options) => {
        const place = new URL(typeof url === "string" ? url : url.url);
        const at = place.pathname.indexOf("/_local/");
        if (at >= 0) {
          const put = options && options.method === "PUT";
          const body = put ? { ok: true, id: decodeURIComponent(place.pathname.slice(at + 1)), rev: "0-1" } : { error: "not_found", reason: "missing" };
          return Promise.resolve(new Response(JSON.stringify(body), { status: put ? 201 : 404, headers: { "Content-Type": "application/json" } }));
        }
        return reached(url, options).catch((error) => { failed(error); throw error; });
      },
    });
  }

  async function asked(path) {
    const signal = AbortSignal.timeout(TIMEOUT);
    const answer = await reached(root + path, { headers: { Accept: "application/json" }, cache: "no-cache", signal });
    let value;
    try {
      value = await answer.json();
    } catch (error) { // of whoever asks for a login before there is a network
      throw new Unreachable("What answers is not the registry.", { cause: error });
    }
    const hidden = [401, 403, 404].includes(answer.status) ? " (What only some may read is not taken along.)" : "";
    if (!answer.ok) throw new Unable((value.reason || `The registry answered ${answer.status}.`) + hidden);
    return value;
  }

  // All that is here: {_id: name, version, bytes, title, description, words, taken, said, held, rowed, problem}.
  // `version` is the one that is whole, "" while none is; `held` are the versions that may have a database; `said` is
  // what the registry said of the version; `rowed` is whether the rows of its tables are here, as far as they can be.
  async function all() {
    return (await list().allDocs({ include_docs: true })).rows.map((row) => row.doc);
  }

  async function find(name) {
    try {
      return await list().get(name);
    } catch (error) {
      if (error.status === 404) return null;
      throw error;
    }
  }

  async function note(name, members) {
    await list().put({ ...((await find(name)) || { _id: name }), ...members });
  }

  // Take the latest version of a package along, or what has changed of it since.
  const take = (name, tell = () => {}) => locked(() => taken(name, tell));

  async function taken(name, tell) {
    const versions = await asked(`/-/versions/${encodeURIComponent(name)}`);
    const found = versions.versions.find((one) => one.version === versions.latest);
    if (!found) throw new Unable(`${name} has no version that could be taken along.`);
    if (found.bytes > MOST) throw new Unable(`${name} has ${Math.round(found.bytes / 1e6)} MB: more than a browser can take along. Use “couchreg install” or “couchreg mirror”.`);
    const { version, bytes } = found;
    const said = JSON.stringify(found);
    const before = (await find(name)) || { version: "", held: [], title: "", description: "", words: "", bytes, problem: PARTIAL };
    if (before.version === version && before.said === said && before.held.length === 1 && before.rowed) {
      if (before.problem) await note(name, { problem: "" });
      return version;
    }
    tell(`${name} ${version} is coming`);
    // Listed before it comes: what is here can be removed, even where this page is closed now.
    await note(name, { ...before, held: [...new Set([...before.held, version])], taken: before.taken || Date.now() });
    try {
      const shown = await replicated(name, version, said, MOST - bytes);
      await note(name, { version, bytes, said, taken: Date.now(), problem: shown.rowed ? "" : ROWLESS, ...shown });
    } catch (error) {
      if (!before.version && !(error instanceof Unreachable)) await removed(name);
      else await tidy(name);
      throw error;
    }
    await tidy(name);
    return version;
  }

  async function replicated(name, version, said, room) {
    const db = named(name, version);
    let trouble = null;
    try {
      const came = await db.replicate.from(remote((error) => { trouble = error; }), { doc_ids: [name, `${name}@${version}`], batch_size: 1, batches_limit: 1 });
      if (came.doc_write_failures) throw new Unable(`There is no room for ${name} in this browser.`);
      const doc = await db.get(`${name}@${version}`);
      const rowed = await with_rows(db, doc, said, room);
      return { ...(await described(db, doc)), rowed };
    } catch (error) {
      throw trouble || error;
    } finally {
      await db.close();
    }
  }

  // Rows of tables in formats that nothing here reads, as CSV of the registry, beside the files, of `room` bytes at most.
  // Whether there is nothing more to be had: the registry may be making a table, or have been asked too often.
  async function with_rows(db, doc, said, room) {
    const resources = (Array.isArray(doc.resources) ? doc.resources : []).filter((one) => one && typeof one.name === "string" && isOther(one));
    let whole = true;
    for (const one of resources.slice(0, TABLES)) {
      const place = `rows/${one.name}`;
      const there = await db.get(place).catch((error) => { if (error.status === 404) return {}; throw error; });
      if (there.said === said) {
        room -= there._attachments.rows.length;
        continue;
      }
      const table = [doc._id, one.name].map((part) => `"${part.replaceAll('"', '""')}"`).join(".");
      // One row more than is shown: whoever looks at it tells so that not all are here.
      const asked = new URLSearchParams({ q: `SELECT * FROM ${table} LIMIT ${ROWS + 1}`, format: "csv" });
      let found;
      try {
        found = await short(`${root}/-/sql?${asked}`, Math.min(LARGEST, room));
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        whole = false;
      }
      if (found) {
        room -= found.size;
        await db.put({ _id: place, _rev: there._rev, said, _attachments: { rows: { content_type: "text/csv", data: found } } });
      } else if (there._rev) { // rows of what it was before
        await db.remove(place, there._rev);
      }
    }
    return whole;
  }

  function isOther(resource) {
    const [path] = [resource.path].flat();
    const format = resource.format || (typeof path === "string" ? path.replace(/.*\./, "") : "");
    return resource.data === undefined && OTHERS.test(String(format).toLowerCase());
  }

  // An answer of at most so many bytes; null for a longer one, and where there is none.
  async function short(place, most) {
    const ended = new AbortController();
    let answer;
    try {
      answer = await fetch(place, { headers: { Accept: "text/csv" }, credentials: "omit", signal: ended.signal });
      if (answer.status < 400 && answer.body) {
        const parts = [];
        let size = 0;
        for (const reader = answer.body.getReader(); ;) {
          const { done, value } = await reader.read();
          if (done) return new Blob(parts);
          parts.push(value);
          if ((size += value.length) > most) { ended.abort(); return null; }
        }
      }
    } catch (error) {
      throw new Unreachable("There is no network.", { cause: error });
    }
    if (answer.status === 429 || answer.status >= 500) throw new Unreachable(`The registry answered ${answer.status}.`);
    return null;
  }

  // The rows of a table that was taken along so; null for none.
  async function rows(db, name) {
    try {
      return await db.getAttachment(`rows/${name}`, "rows");
    } catch (error) {
      if (error.status === 404) return null;
      throw error;
    }
  }

  // Only the version that is whole stays.
  async function tidy(name) {
    const { version, held } = await find(name);
    for (const one of held) if (one !== version) await named(name, one).destroy();
    await note(name, { held: version ? [version] : [] });
  }

  async function removed(name) {
    const found = await find(name);
    if (!found) return;
    for (const one of found.held) await named(name, one).destroy();
    await list().remove(await find(name));
  }

  async function described(db, doc) {
    const text = (value) => (typeof value === "string" ? value.slice(0, 2000) : "");
    const resources = Array.isArray(doc.resources) ? doc.resources.slice(0, 1000) : [];
    const fields = resources.flatMap((one) => (one && one.schema && Array.isArray(one.schema.fields) ? one.schema.fields : []));
    const words = [doc.name, doc.title, doc.description, ...(Array.isArray(doc.keywords) ? doc.keywords : [])];
    words.push(...resources.flatMap((one) => [one && one.name, one && one.title]), ...fields.slice(0, 5000).map((one) => one && one.name));
    const readme = Object.keys(doc._attachments || {}).find((path) => /^readme(\.(md|txt|markdown))?$/i.test(path));
    if (readme) words.push((await (await db.getAttachment(doc._id, readme)).text()).slice(0, WORDS));
    return { title: text(doc.title), description: text(doc.description), words: words.filter((one) => typeof one === "string").join(" ").toLowerCase().slice(0, 5 * WORDS) };
  }

  const drop = (name) => locked(() => removed(name));

  // What has changed of each, unless it was looked for in the last `often` milliseconds. Why the registry could not be
  // asked, which leaves them as they are; "" where it could.
  async function refresh(tell = () => {}, often = 0) {
    if (!(await locked(() => isDue(often)))) return "";
    let gone = null; // what nothing in the list can tell of
    for (const { _id: name } of await all()) {
      try {
        await locked(() => renewed(name, tell));
      } catch (error) {
        if (error instanceof Unreachable) return error.message;
        gone = error;
      }
    }
    if (gone) throw gone;
    return "";
  }

  async function isDue(often) {
    const { moment = 0 } = (await find(LOOKED)) || {};
    if (Math.abs(Date.now() - moment) < often) return false;
    await note(LOOKED, { moment: Date.now() });
    return true;
  }

  async function renewed(name, tell) {
    if (!(await find(name))) return; // it has been removed meanwhile
    try {
      await taken(name, tell);
    } catch (error) {
      if (error instanceof Unreachable || !(await find(name))) throw error;
      await note(name, { problem: error.message || error.reason || error.name });
    }
  }

  // The network is lost: when it is back, there may be something new.
  const overdue = () => locked(() => note(LOOKED, { moment: 0 }));

  const at = (place) => { root = new URL(`${place}/`, location.href).pathname.replace(/\/$/, ""); };

  return { all, find, take, drop, rows, refresh, overdue, named, own, Unable, Unreachable, at };
})();
