// Several tabs open a PouchDB on the same new database of a couchreg at once, and write to it.
// Arguments: the address of the server with the login in it. Prints how the writes ended as JSON.

import PouchDB from "pouchdb";

const names = Array.from({ length: 10 }, (_, i) => `${process.argv[2]}/tabs-${process.pid}-${i}`);

// the same document from each tab: one gets it in, the others hear of a conflict, and none of anything else
async function tab(name) {
  const db = new PouchDB(name);
  try {
    return (await db.put({ _id: "same" })).ok ? "written" : "odd";
  } catch (error) {
    return `${error.status} ${error.name}`;
  }
}

const ended = [];
for (const name of names) {
  ended.push((await Promise.all([tab(name), tab(name), tab(name)])).sort());
  await new PouchDB(name).destroy();
}
console.log(JSON.stringify({ ended }));
process.exit(0);
