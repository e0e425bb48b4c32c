// nano: databases, documents, bulk, queries, changes and attachments. Argument: the server's address with the login.

import assert from "node:assert/strict";
import Nano from "nano";

const nano = Nano(process.argv[2]);
const name = `nano-${process.pid}`;
await nano.db.create(name);
assert.ok((await nano.db.list()).includes(name));
const db = nano.use(name);

const first = await db.insert({ happy: true }, "rabbit");
assert.match(first.rev, /^1-[0-9a-f]{32}$/);
const got = await db.get("rabbit", { revs_info: true });
assert.equal(got.happy, true);
assert.equal(got._revs_info[0].status, "available");
const head = await db.head("rabbit");
assert.equal(head.etag, `"${first.rev}"`);
await assert.rejects(db.insert({ happy: false }, "rabbit"), { statusCode: 409, error: "conflict" });
await assert.rejects(db.get("nobody"), { statusCode: 404, error: "not_found", reason: "missing" });

const bulk = await db.bulk({ docs: Array.from({ length: 50 }, (_, i) => ({ _id: `d${String(i).padStart(2, "0")}`, i })) });
assert.equal(bulk.filter((row) => row.ok).length, 50);
const list = await db.list({ startkey: "d10", limit: 3, include_docs: true });
assert.deepEqual(list.rows.map((row) => row.doc.i), [10, 11, 12]);
const fetched = await db.fetch({ keys: ["d01", "nobody"] });
assert.equal(fetched.rows[0].doc.i, 1);
assert.equal(fetched.rows[1].error, "not_found");

assert.equal((await db.createIndex({ index: { fields: ["i"] }, ddoc: "by", name: "i" })).result, "created");
const sorted = { selector: { i: { $gt: 45 } }, sort: [{ i: "desc" }], fields: ["_id"], limit: 2 };
const page = await db.find(sorted);
assert.deepEqual(page.docs, [{ _id: "d49" }, { _id: "d48" }]);
assert.equal((await db.find({ ...sorted, bookmark: page.bookmark })).docs[0]._id, "d47");
await db.destroy("_design/by", (await db.get("_design/by"))._rev);

const bytes = Buffer.from(Array.from({ length: 100000 }, (_, i) => (i * 31) % 256));
const put = await db.attachment.insert("rabbit", "a/picture ü.png", bytes, "image/png", { rev: first.rev });
assert.ok(bytes.equals(await db.attachment.get("rabbit", "a/picture ü.png")));
const streamed = [];
for await (const chunk of db.attachment.getAsStream("rabbit", "a/picture ü.png")) streamed.push(chunk);
assert.ok(bytes.equals(Buffer.concat(streamed)));
const whole = await db.multipart.get("rabbit");
assert.ok(whole.includes(bytes));
await db.multipart.insert({ foo: "bar" }, [
  { name: "one.txt", data: "eins", content_type: "text/plain" },
  { name: "two.bin", data: bytes, content_type: "application/octet-stream" },
], "parts");
assert.equal((await db.attachment.get("parts", "one.txt")).toString(), "eins");
assert.ok(bytes.equals(await db.attachment.get("parts", "two.bin")));
await db.attachment.destroy("rabbit", "a/picture ü.png", { rev: put.rev });

const changes = await db.changes({ include_docs: false });
assert.equal(changes.results.length, 53);
assert.equal(changes.pending, 0);
const seen = await new Promise((resolve, reject) => {
  const ids = [];
  db.changesReader.get({ since: 0, batchSize: 20, timeout: 100 })
    .on("batch", (batch) => ids.push(...batch.map((change) => change.id)))
    .on("end", () => resolve(ids))
    .on("error", reject);
});
assert.equal(new Set(seen).size, 53);
await db.destroy("parts", (await db.get("parts"))._rev);
assert.equal((await db.info()).doc_del_count, 2);
await nano.db.destroy(name);
console.log(JSON.stringify({ ok: true }));
