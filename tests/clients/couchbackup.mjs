// @cloudant/couchbackup: a database into a file, and the file into another database.
// Arguments: the server's address with the login, the two databases, the file.

import { createReadStream, createWriteStream } from "node:fs";
import couchbackup from "@cloudant/couchbackup";

const [server, from, to, file] = process.argv.slice(2);
const done = (run) => new Promise((resolve, reject) => run((error, data) => (error ? reject(error) : resolve(data))));

const backup = await done((callback) =>
  couchbackup.backup(`${server}/${from}`, createWriteStream(file), { parallelism: 2, bufferSize: 30, attachments: true }, callback));
const restore = await done((callback) =>
  couchbackup.restore(createReadStream(file), `${server}/${to}`, { parallelism: 2, bufferSize: 30, attachments: true }, callback));
console.log(JSON.stringify({ backup, restore }));
