// PouchDB replicates a database of a couchreg in both directions, live, with attachments.
// Arguments: the address of the database with the login in it. Prints what arrived where as JSON.

import { createHash } from "node:crypto";
import PouchDB from "pouchdb";
import memory from "pouchdb-adapter-memory";

PouchDB.plugin(memory);
const remote = new PouchDB(process.argv[2]);
const local = new PouchDB(`mirror-${process.pid}`, { adapter: "memory" });
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

// name -> SHA-256 of every attachment of a document
async function attachments(db, id) {
  const doc = await db.get(id, { attachments: true, binary: true });
  return Object.fromEntries(Object.entries(doc._attachments ?? {}).map(([name, att]) => [name, sha256(att.data)]));
}

// resolves when `db` has revision `rev` of `id`, awaiting its changes
function arrival(db, id, wanted) {
  return new Promise((resolve, reject) => {
    const feed = db.changes({ live: true, since: 0, include_docs: true });
    feed.on("change", (change) => {
      if (change.id === id && wanted(change)) feed.cancel(), resolve(change);
    });
    feed.on("error", reject);
  });
}

const sync = local.sync(remote, { live: true });
const failed = new Promise((_, reject) => sync.on("error", reject).on("denied", reject));
const step = (promise) => Promise.race([promise, failed]);

const pulled = {};
for (const { id } of (await remote.allDocs()).rows) {
  await step(arrival(local, id, () => true));
  pulled[id] = await attachments(local, id);
}

// from here to there, while the replication is live: a document with binary, empty and textual attachments
const bytes = Buffer.from(Array.from({ length: 70000 }, (_, i) => (i * 7919) % 256));
const made = await local.put({
  _id: "made-by-pouchdb",
  number: 1.5,
  text: "ü\u0000😀",
  _attachments: {
    "data/bytes.bin": { content_type: "application/octet-stream", data: bytes },
    "empty.txt": { content_type: "text/plain", data: Buffer.alloc(0) },
    "näme.csv": { content_type: "text/csv", data: Buffer.from("a,b\n1,2\n") },
  },
});
await step(arrival(remote, made.id, (change) => change.changes[0].rev === made.rev));
const pushed = await attachments(remote, made.id);

// and back again: an edit and a deletion on the other side
const edited = await remote.put({ _id: made.id, _rev: made.rev, edited: true });
await step(arrival(local, made.id, (change) => change.changes[0].rev === edited.rev));
const gone = await remote.remove(made.id, edited.rev);
await step(arrival(local, made.id, (change) => change.deleted));

// a conflict on both sides settles on the same winner
const first = await local.put({ _id: "conflict", from: "start" });
await step(arrival(remote, "conflict", () => true));
sync.cancel();
await new Promise((resolve) => sync.on("complete", resolve));
await local.put({ _id: "conflict", _rev: first.rev, from: "here" });
await remote.put({ _id: "conflict", _rev: first.rev, from: "there" });
await local.sync(remote);
const [here, there] = await Promise.all([local, remote].map((db) => db.get("conflict", { conflicts: true })));

console.log(JSON.stringify({
  pulled,
  pushed,
  sent: { "data/bytes.bin": sha256(bytes), "empty.txt": sha256(Buffer.alloc(0)), "näme.csv": sha256("a,b\n1,2\n") },
  deletedRev: gone.rev.split("-")[0],
  here,
  there,
  info: await remote.info(),
}));
process.exit(0);
