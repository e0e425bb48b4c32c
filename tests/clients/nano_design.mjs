// nano: views, reduces, update and show functions, pages of a query. Argument: the server's address with the login.

import assert from "node:assert/strict";
import Nano from "nano";

const nano = Nano(process.argv[2]);
const name = `nano-design-${process.pid}`;
await nano.db.create(name);
const db = nano.use(name);
const map = "function(doc) { if (doc.kind) { emit([doc.kind, doc.n], doc.n); } }";
await db.insert({
  views: { by: { map }, sums: { map, reduce: "_stats" } },
  updates: { sets: "function(doc, req) { doc.set = JSON.parse(req.body).to; return [doc, { json: { was: doc.n } }]; }" },
  shows: { plain: "function(doc, req) { return { headers: { 'X-N': String(doc.n) }, body: 'n is ' + doc.n }; }" },
  filters: { odd: "function(doc, req) { return doc.kind === req.query.kind; }" },
  validate_doc_update: "function(doc, old) { if (old && old.n !== doc.n) { throw({ forbidden: 'n stays' }); } }",
}, "_design/d");
await db.bulk({ docs: Array.from({ length: 10 }, (_, n) => ({ _id: `d${n}`, kind: n % 2 ? "odd" : "even", n })) });

const odd = await db.view("d", "by", { startkey: ["odd"], endkey: ["odd", {}], include_docs: true });
assert.deepEqual(odd.rows.map((row) => row.doc.n), [1, 3, 5, 7, 9]);
const keys = await db.view("d", "by", { keys: [["odd", 3], ["even", 2]] });
assert.deepEqual(keys.rows.map((row) => row.id), ["d3", "d2"]);
const sums = await db.view("d", "sums", { group_level: 1 });
assert.deepEqual(sums.rows.map((row) => row.value.sum), [20, 25]);
assert.deepEqual(await db.atomic("d", "sets", "d3", { to: "new" }), { was: 3 });
assert.equal((await db.get("d3")).set, "new");
assert.equal(await db.show("d", "plain", "d4"), "n is 4");
await assert.rejects(db.insert({ ...(await db.get("d3")), n: 4 }), { statusCode: 403, error: "forbidden", reason: "n stays" });
const filtered = await db.changes({ filter: "d/odd", kind: "odd" });
assert.equal(filtered.results.length, 5);
const found = await db.find({ selector: { kind: "odd", n: { $gte: 5 } }, fields: ["n"], execution_stats: true });
assert.deepEqual(found.docs, [{ n: 5 }, { n: 7 }, { n: 9 }]);
assert.equal(found.execution_stats.results_returned, 3);
await nano.db.destroy(name);
console.log(JSON.stringify({ ok: true }));
