// The page where packages are chosen that are taken along. What is kept is the worker's to show without a network.

const form = document.getElementById("take");
const [said, kept, none] = ["said", "kept", "none"].map((id) => document.getElementById(id));
const { root, worker } = form.dataset;
Shelf.at(root);

function tell(text, role = "status") {
  said.setAttribute("role", role);
  said.className = role === "alert" ? "warning" : "quiet";
  said.textContent = text;
}

const element = (name, members, ...inner) => {
  const made = Object.assign(document.createElement(name), members);
  made.append(...inner);
  return made;
};

async function show() {
  const found = await Shelf.all();
  kept.replaceChildren(...found.map((one) => {
    const link = one.version ? element("a", { href: `${root}/${one._id}/${one.version}`, textContent: `${one._id} ${one.version}` }) : one._id;
    const title = element("span", { dir: "auto", textContent: one.title });
    const moment = new Date(one.taken).toISOString().slice(0, 16).replace("T", " ");
    const note = element("span", { className: "quiet", textContent: ` ${(one.bytes / 1e6).toFixed(1)} MB, as it was at ${moment} (UTC) ` });
    const drop = element("button", { type: "button", className: "plain", textContent: "Remove" });
    drop.setAttribute("aria-label", `Remove ${one._id}`);
    drop.addEventListener("click", () => work(async () => { await Shelf.drop(one._id); await settle(); tell(`${one._id} is removed.`); }));
    const row = element("li", {}, link, " ", title, note, drop);
    if (one.problem) row.append(element("p", { className: "warning", textContent: one.problem, dir: "auto" }));
    return row;
  }));
  none.hidden = found.length > 0;
}

// A worker where something is kept, and none where nothing is. Other workers of this host are not ours.
async function settle() {
  await show();
  if ((await Shelf.all()).length) return navigator.serviceWorker.register(worker, { scope: `${root}/` });
  const scope = new URL(`${root}/`, location.href).href;
  const found = await navigator.serviceWorker.getRegistration(scope);
  const runs = found && found.scope === scope ? [found.installing, found.waiting, found.active] : [];
  if (runs.some((one) => one && one.scriptURL === new URL(worker, location.href).href)) await found.unregister();
  return null;
}

async function ready(registration) { // `serviceWorker.ready` waits for ever for one that could not be installed
  if (registration.active) return;
  const coming = registration.installing || registration.waiting;
  await new Promise((resolve, reject) => {
    const look = () => {
      if (coming && ["activating", "activated"].includes(coming.state)) resolve();
      if (!coming || coming.state === "redundant") reject(new Error("the browser could not keep what shows it without a network. Is there room left?"));
    };
    if (coming) coming.addEventListener("statechange", look);
    look();
  });
}

let line = Promise.resolve(); // one after the other
const work = (act) => (line = line.then(() => guarded(act)));

async function guarded(act) {
  try {
    await act();
  } catch (error) {
    const ours = error instanceof Shelf.Unable || error instanceof Shelf.Unreachable;
    tell(ours ? error.message : `That could not be done: ${error.message || error.reason || error.name}`, "alert");
  }
}

async function take(name) {
  let version;
  try {
    version = await Shelf.take(name, tell);
  } finally {
    await show();
  }
  await ready(await settle());
  tell(`${name} ${version} is here, with all its files.`);
}

async function refresh() {
  if (!(await Shelf.all()).length) return;
  const why = await Shelf.refresh(tell);
  await settle();
  const partly = (await Shelf.all()).some((one) => one.problem);
  tell(why ? `${why} This is what was taken along.` : partly ? "Not all of it could be fetched." : "All of it is as it is in the registry.");
}

if (!("serviceWorker" in navigator && "locks" in navigator)) {
  tell("This browser takes nothing along from here: it asks for HTTPS, or has no service workers.", "alert");
} else {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = form.elements.package.value.trim();
    if (name) work(() => take(name));
  });
  document.getElementById("refresh").addEventListener("click", () => work(refresh));
  addEventListener("online", () => work(refresh));
  form.hidden = false;
  work(async () => { await show(); await refresh(); });
}
