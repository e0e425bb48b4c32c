// The page to publish at, with folders and files that are dropped, progress, and uploads that go on after a lost
// connection. Files are announced by their hashes and sent one by one, as `couchreg publish` does; without
// this script the form sends them at once.

const MOST = 20000; // files
const DEEPEST = 50; // folders in one another
const PIECE = 32 << 20; // bytes of one request
const AT_ONCE = 3; // files
const TRIES = 3; // of a part that the bucket does not take
const LONGEST_WAIT = 30000; // milliseconds between two attempts
const HIDDEN = /(^|\/)(\.|~\$|__MACOSX|Thumbs\.db$|desktop\.ini$)/;

const form = document.querySelector("form[data-publish]");
const [zone, list, said, bar, stop] = ["zone", "chosen", "said", "bar", "stop"].map((id) => document.getElementById(id));
const token = form.elements.form.value;
const api = form.dataset.publish;
let chosen = new Map(); // path -> File
let straight = Number(form.dataset.straight || Infinity); // bytes from which on a file goes to the bucket
let way = ""; // what is to be said of that
let ended = null; // an AbortController while files are sent

class Refused extends Error {}
class Lost extends Error {}

function tell(text, role = "status") {
  said.setAttribute("role", role);
  said.className = role === "alert" ? "warning" : "quiet";
  said.textContent = text;
}

function sized(bytes) {
  const at = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** at).toFixed(at ? 1 : 0)} ${["B", "kB", "MB", "GB", "TB"][at]}`;
}

// -- what is chosen

function add(path, file) {
  if (HIDDEN.test(path)) return;
  if (chosen.size >= MOST) throw new Refused(`A package may have at most ${MOST} files.`);
  chosen.set(path, file);
}

async function walk(entry, depth = 0) {
  if (depth > DEEPEST) throw new Refused("These folders are nested too deeply.");
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) return add(path, await new Promise((done, failed) => entry.file(done, failed)));
  const reader = entry.createReader();
  for (;;) { // some at a time, until there are none
    const found = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!found.length) return undefined;
    for (const one of found) await walk(one, depth + 1);
  }
}

async function take(fill) {
  chosen = new Map();
  try {
    await fill();
    without_folder();
    await propose();
    show();
  } catch (error) {
    chosen = new Map();
    list.replaceChildren();
    tell(error instanceof Refused ? error.message : "Some of these files cannot be read.", "alert");
  }
}

let folder = "";
function without_folder() { // a folder comes with its name before all that it has
  const [first] = chosen.keys();
  const at = first === undefined ? -1 : first.indexOf("/");
  folder = at < 0 ? "" : first.slice(0, at);
  const before = folder + "/";
  if (!folder || ![...chosen.keys()].every((path) => path.startsWith(before))) return;
  chosen = new Map([...chosen].map(([path, file]) => [path.slice(before.length), file]));
}

async function propose() { // a name and a version, where nobody has written any
  const { name, version } = form.elements;
  const own = chosen.get("datapackage.json");
  let members = {};
  if (own && own.size < 1 << 20) {
    try {
      members = JSON.parse(await own.text()) || {};
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error; // the checks will say so
    }
  }
  const [only] = chosen.keys();
  const from = folder || (only || "").replace(/.*\//, "").replace(/\.[^.]*$/, "");
  const tame = from.toLowerCase().replace(/[^a-z0-9._-]+/g, "-").replace(/^[-._]+|[-._]+$/g, "");
  if (typeof members.name === "string") name.value = members.name;
  else if (!name.value) name.value = tame;
  if (typeof members.version === "string") version.value = members.version;
}

function show() {
  const total = [...chosen.values()].reduce((sum, file) => sum + file.size, 0);
  const rows = [...chosen].slice(0, 100).map(([path, file]) => {
    const row = document.createElement("li");
    const name = document.createElement("span");
    name.dir = "auto";
    name.textContent = path;
    row.append(name, ` ${sized(file.size)}`);
    return row;
  });
  list.replaceChildren(...rows);
  if (chosen.size > rows.length) list.append(Object.assign(document.createElement("li"), { textContent: "…" }));
  tell(chosen.size ? `${chosen.size} ${chosen.size === 1 ? "file" : "files"}, ${sized(total)}` : "There are no files in it.");
}

for (const input of form.querySelectorAll("input[type=file]")) {
  input.addEventListener("change", () => take(() => {
    for (const file of input.files) add(file.webkitRelativePath || file.name, file);
    for (const other of form.querySelectorAll("input[type=file]")) if (other !== input) other.value = "";
  }));
}
zone.addEventListener("click", () => { if (!ended) form.elements.namedItem("files")[0].click(); });
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  zone.classList.add("over");
});
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) zone.classList.remove("over"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  zone.classList.remove("over");
  if (ended) return;
  // What is dropped is gone when this function ends: entries are asked for at once.
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry());
  const files = [...event.dataTransfer.files];
  form.querySelectorAll("input[type=file]").forEach((input) => { input.value = ""; });
  take(async () => {
    if (!entries.some(Boolean)) return files.forEach((file) => add(file.name, file));
    for (const entry of entries) if (entry) await walk(entry);
    return undefined;
  });
});

// -- what is sent

function hashed(file, signal, read) {
  return new Promise((done, failed) => {
    const worker = new Worker(form.dataset.hash);
    const end = (act, value) => { worker.terminate(); act(value); };
    signal.addEventListener("abort", () => end(failed, signal.reason), { once: true });
    worker.onmessage = ({ data }) => {
      if (data.read) read(data.read);
      else if (data.sha256) end(done, data.sha256);
      else end(failed, new Refused(`${file.name} cannot be read: ${data.problem}`));
    };
    worker.onerror = () => end(failed, new Refused(`${file.name} cannot be read.`));
    worker.postMessage({ file });
  });
}

// An answer as JSON. Throws Refused for what another attempt would not mend, Lost for what it may.
function ask(method, url, { body, headers = {}, signal, sent } = {}) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest(); // which tells how much has been sent
    request.open(method, url);
    request.setRequestHeader("X-Couchreg-Form", token);
    request.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.responseType = "json";
    if (sent) request.upload.onprogress = (event) => sent(event.loaded);
    request.onload = () => {
      const { status, response } = request;
      const reason = (response && response.reason) || `The server answered ${status}.`;
      if (status < 400) done(response);
      else if (status === 429 || status >= 500) failed(new Lost(reason));
      else failed(status === 409 && url !== api ? new Lost(reason) : new Refused(reason)); // an end of it still open
    };
    request.onerror = () => failed(new Lost(""));
    const leave = () => { request.abort(); failed(signal.reason); };
    signal.addEventListener("abort", leave, { once: true });
    request.onloadend = () => signal.removeEventListener("abort", leave);
    request.send(body);
  });
}

function wait(milliseconds, signal) { // or until the network is back
  return new Promise((done, failed) => {
    const end = (act, value) => {
      clearTimeout(timer);
      removeEventListener("online", back);
      act(value);
    };
    const back = () => end(done);
    const timer = setTimeout(back, milliseconds);
    addEventListener("online", back);
    signal.addEventListener("abort", () => end(failed, signal.reason), { once: true });
  });
}

async function patiently(signal, work) {
  for (let pause = 1000; ; pause = Math.min(LONGEST_WAIT, pause * 2)) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      tell(error.message || "The connection is lost. This goes on where it stopped, as soon as it is back.");
      await wait(pause, signal);
    }
  }
}

async function send_file(place, path, file, at, signal, sent) {
  let is_known = at !== null; // how much of it has come
  await patiently(signal, async () => {
    if (!is_known) {
      const status = await ask("GET", place, { signal });
      if (!status.missing.includes(path)) return sent(path, file.size);
      at = status.partial[path] || 0;
    }
    is_known = false;
    do {
      const end = Math.min(at + PIECE, file.size);
      const headers = { "Content-Type": "application/octet-stream" };
      if (file.size) headers["Content-Range"] = at < file.size ? `bytes ${at}-${end - 1}/${file.size}` : `bytes */${file.size}`;
      const address = `${place}/${path.split("/").map(encodeURIComponent).join("/")}`;
      const start = at;
      await ask("PUT", address, { body: file.slice(at, end), headers, signal, sent: (more) => sent(path, start + more) });
      at = end;
      sent(path, at);
    } while (at < file.size);
    return undefined;
  });
}

// One part, to an address of the bucket, which is signed and has to be all that it is told. Resolves to whether the
// bucket has taken it; why it has not, a browser does not say of another host.
function put(url, body, signal, sent) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    request.upload.onprogress = (event) => sent(event.loaded);
    request.onload = () => done(request.status < 300);
    request.onerror = () => done(false);
    const leave = () => { request.abort(); failed(signal.reason); };
    signal.addEventListener("abort", leave, { once: true });
    request.onloadend = () => signal.removeEventListener("abort", leave);
    request.send(body);
  });
}

// A large file straight to the bucket, part by part: the registry says which parts are not there, however often it
// is asked, and reads the file when all are. False where the bucket takes nothing from this page although the
// registry can be reached.
async function send_straight(place, path, file, signal, sent) {
  const address = `${place}/${path.split("/").map(encodeURIComponent).join("/")}`;
  for (let failures = 0; failures < TRIES;) {
    const next = await patiently(signal, () => ask("POST", address, { signal }));
    if (next.whole) {
      sent(path, file.size);
      return true;
    }
    if (!next.parts.length) {
      tell(`The registry reads ${path}: ${sized(next.read)} of ${sized(file.size)}`);
      failures = 0;
    }
    let there = next.sent;
    for (const { start, end, url } of next.parts) {
      if (!await put(url, file.slice(start, end), signal, (more) => sent(path, there + more))) {
        failures += 1;
        await wait(1000 * failures, signal);
        break;
      }
      failures = 0;
      there += end - start;
      sent(path, there);
    }
  }
  return false;
}

async function send(place, path, file, at, signal, sent) {
  if (file.size < straight) return send_file(place, path, file, at, signal, sent);
  if (await send_straight(place, path, file, signal, sent)) return undefined;
  straight = Infinity;
  way = ". They go through the registry: the datastore takes none from this page, which its CORS rules may forbid";
  tell(`Large files are to be sent${way}`);
  return send_file(place, path, file, null, signal, sent);
}

async function publish(signal) {
  const files = [...chosen];
  const total = files.reduce((sum, [, file]) => sum + file.size, 0);
  const announced = {};
  let read = 0;
  bar.max = Math.max(1, total);
  for (const [path, file] of files) {
    tell(`Reading ${path}`);
    const before = read;
    const sha256 = await hashed(file, signal, (more) => { read += more; bar.value = read; });
    bar.value = read = before + file.size;
    announced[path] = { bytes: file.size, sha256 };
  }
  const { name, version } = form.elements;
  const manifest = JSON.stringify({ name: name.value, version: version.value, files: announced, draft: true });
  const headers = { "Content-Type": "application/json" };
  const begun = await patiently(signal, () => ask("POST", api, { body: manifest, headers, signal }));
  const place = `${api}/${begun.id}`;
  const missing = begun.missing.filter((path) => chosen.has(path));
  const arrived = new Map(missing.map((path) => [path, begun.partial[path] || 0]));
  const there = total - missing.reduce((sum, path) => sum + chosen.get(path).size, 0);
  const sent = (path, bytes) => {
    arrived.set(path, bytes);
    bar.value = [...arrived.values()].reduce((sum, one) => sum + one, there);
    tell(`${sized(bar.value)} of ${sized(total)} are there${way}`);
  };
  const next = missing.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const path of next) await send(place, path, chosen.get(path), arrived.get(path), signal, sent);
  }));
  tell("All files are there. Looking into them …");
  const then = document.createElement("form");
  Object.assign(then, { method: "post", action: `${form.action}/${begun.id}`, hidden: true });
  for (const [key, value] of [["form", token], ["do", "describe"]]) {
    then.append(Object.assign(document.createElement("input"), { type: "hidden", name: key, value }));
  }
  document.body.append(then);
  then.submit();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (ended) return;
  if (!chosen.size) return tell("Choose at least one file.", "alert");
  ended = new AbortController();
  bar.hidden = stop.hidden = false;
  bar.value = 0;
  try {
    return await publish(ended.signal);
  } catch (error) {
    if (ended.signal.aborted) tell("Stopped. The same files sent again go on from here.");
    else if (error instanceof Refused) tell(error.message, "alert");
    else throw error;
  }
  bar.hidden = stop.hidden = true;
  ended = null;
  return undefined;
});
stop.addEventListener("click", () => ended && ended.abort(new Refused("Stopped.")));
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); }); // back from the draft
zone.hidden = false;
