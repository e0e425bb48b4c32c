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
    const link = element("a", { href: `${root}/${one._id}/${one.version}`, textContent: `${one._id} ${one.version}` });
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

async function settle() { // a worker where something is kept, and none where nothing is
  if ((await Shelf.all()).length) await navigator.serviceWorker.register(worker, { scope: `${root}/` });
  else for (const one of await navigator.serviceWorker.getRegistrations()) await one.unregister();
  await show();
}

let line = Promise.resolve(); // one after the other
const work = (act) => (line = line.then(() => guarded(act)));

async function guarded(act) {
  try {
    await act();
  } catch (error) {
    const ours = error instanceof Shelf.Unable;
    tell(ours ? error.message : navigator.onLine ? `That could not be done: ${error.message || error.reason || error.name}` : "There is no network: this goes on when it is back.", "alert");
  }
}

async function take(name) {
  const version = await Shelf.take(name, tell);
  await settle();
  await navigator.serviceWorker.ready;
  tell(`${name} ${version} is here, with all its files.`);
}

async function refresh() {
  if (!(await Shelf.all()).length) return;
  const reached = await Shelf.refresh(tell);
  await settle();
  tell(reached ? "All of it is as it is in the registry." : "There is no network: this is what was taken along.");
}

if (!("serviceWorker" in navigator)) {
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
