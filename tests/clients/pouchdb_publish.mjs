// Somebody offline makes a version of a package in PouchDB, and publishes it later by replicating it into the registry;
// then a stranger tries the same. Arguments: the registry as the owner, as the stranger, a package's folder, its version.
// Prints the revisions and what became of the replications as JSON.

import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import PouchDB from "pouchdb";
import memory from "pouchdb-adapter-memory";

PouchDB.plugin(memory);
const [owner, stranger, folder, version] = process.argv.slice(2);
const types = { ".csv": "text/csv", ".json": "application/json", ".md": "text/markdown" };

async function files(directory) {
  const entries = await readdir(directory, { withFileTypes: true, recursive: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  return Object.fromEntries(await Promise.all(paths.map(async (path) => [
    relative(directory, path).split(sep).join("/"),
    { content_type: types[/\.[a-z]+$/.exec(path)?.[0]] ?? "application/octet-stream", data: await readFile(path) },
  ])));
}

async function pushed(local, remote) {
  const denied = [];
  const sending = local.replicate.to(new PouchDB(remote)).on("denied", (error) => denied.push(error.doc ?? error));
  const done = await sending;
  return { written: done.docs_written, failures: done.doc_write_failures, denied };
}

const attachments = await files(folder);
const descriptor = JSON.parse(attachments["datapackage.json"].data);
const local = new PouchDB(`owner-${process.pid}`, { adapter: "memory" });
await local.put({ _id: descriptor.name, name: descriptor.name, owners: ["anna"], created: new Date().toISOString() });
const made = await local.put({ ...descriptor, _id: `${descriptor.name}@${version}`, version, _attachments: attachments });
const first = await pushed(local, owner);

const theirs = new PouchDB(`stranger-${process.pid}`, { adapter: "memory" });
await theirs.replicate.from(new PouchDB(stranger));
const doc = await theirs.get(made.id, { attachments: true });
await theirs.put({ ...doc, title: "Mine now" });
await theirs.put({ ...doc, _id: `${descriptor.name}@9`, _rev: undefined, version: "9" });
await theirs.put({ ...(await theirs.get(descriptor.name)), owners: ["bob"] });
await theirs.put({ _id: "bobs", name: "bobs", owners: ["bob"] });
const second = await pushed(theirs, stranger);

await local.put({ ...(await local.get(descriptor.name)), "dist-tags": { stable: version } });
const third = await pushed(local, owner);
console.log(JSON.stringify({ rev: made.rev, files: Object.keys(attachments), first, second, third }));
process.exit(0);
