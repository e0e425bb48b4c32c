// What has been taken along: packages of this registry in databases of PouchDB in the browser, one for each
// version with its files, and one that lists them. Used by the page and by the worker; defines `Shelf`.
"use strict";

const Shelf = (() => {
  const MOST = 150e6; // bytes of a version: PouchDB holds it in memory while it comes
  const WORDS = 20000; // characters of a README that are searched
  const LISTED = "couchreg-offline";
  let root = "";
  let listed = null;

  const list = () => (listed = listed || new PouchDB(LISTED));
  const named = (name, version) => new PouchDB(`${LISTED} ${name}@${version}`, { auto_compaction: true });

  class Unable extends Error {}

  // The registry, asked as nobody. How far a replication is, is nothing to be kept there: each takes few
  // documents, by their ids.
  function remote() {
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
        return fetch(url, { ...options, credentials: "omit" });
      },
    });
  }

  async function asked(path) {
    const answer = await fetch(root + path, { headers: { Accept: "application/json" }, credentials: "omit", cache: "no-cache" });
    const value = await answer.json();
    if (!answer.ok) throw new Unable(value.reason || `The registry answered ${answer.status}.`);
    return value;
  }

  // All that is here: {_id: name, version, bytes, title, words, taken, problem?}.
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

  // The page and the worker take turns: one changes what the other would.
  const alone = (act) => navigator.locks.request(LISTED, act);

  // Take the latest version of a package along, or what has changed of it since.
  const take = (name, tell = () => {}) => alone(() => taken(name, tell));

  async function taken(name, tell) {
    const versions = await asked(`/-/versions/${encodeURIComponent(name)}`);
    const found = versions.versions.find((one) => one.version === versions.latest);
    if (!found) throw new Unable(`${name} has no version that could be taken along.`);
    if (found.bytes > MOST) throw new Unable(`${name} has ${Math.round(found.bytes / 1e6)} MB: more than a browser can take along. Use “couchreg install” or “couchreg mirror”.`);
    const before = await find(name);
    const { version } = found;
    tell(`${name} ${version} is coming`);
    const db = named(name, version);
    try {
      const came = await db.replicate.from(remote(), { doc_ids: [name, `${name}@${version}`], batch_size: 1, batches_limit: 1 });
      if (came.doc_write_failures) throw new Unable(`There is no room for ${name} in this browser.`);
      const doc = await db.get(`${name}@${version}`);
      await list().put({ ...(before || { _id: name }), version, bytes: found.bytes, taken: Date.now(), problem: "", ...(await described(db, doc)) });
    } finally {
      await db.close();
    }
    if (before && before.version !== version) await named(name, before.version).destroy();
    return version;
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

  const drop = (name) => alone(() => dropped(name));

  async function dropped(name) {
    const found = await find(name);
    if (!found) return;
    await named(name, found.version).destroy();
    await list().remove(found);
  }

  async function noted(name, problem) {
    const found = await find(name);
    if (found) await list().put({ ...found, problem });
  }

  // What has changed of each; who cannot be asked is left as it is. Whether the registry could be asked.
  async function refresh(tell) {
    let reached = true;
    for (const one of await all()) {
      try {
        await take(one._id, tell);
      } catch (error) {
        if (!(error instanceof Unable)) reached = false; // the network
        else await alone(() => noted(one._id, error.message));
      }
    }
    return reached;
  }

  return { all, find, take, drop, refresh, named, Unable, at: (place) => { root = place; } };
})();
