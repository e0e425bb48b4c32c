// The worker of the pages where packages were taken along: without a network it answers for the registry, with
// what `shelf.js` keeps: the first page, search, packages, tables and files. With a network it only looks on, and
// fetches what has changed when it is back. Whatever a publisher wrote is text here, as on the server.
"use strict";
importScripts("pouchdb.min.js", "shelf.js", "offline-pages.js");

const ROOT = location.pathname.replace(/\/-\/static\/.*$/, "");
const SHARED = ["style.css", "icon.svg", "offline.js", "shelf.js", "pouchdb.min.js"];
const OFTEN = 600000; // milliseconds between two looks for what has changed
const PAGE = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const SHOWN = new Set(["text/csv", "text/plain", "text/tab-separated-values", "text/markdown", "application/json", "application/geo+json", "image/png", "image/jpeg", "image/gif", "image/webp"]);
let lost = false; // the network
Shelf.at(ROOT);
const CACHE = `${Shelf.own()} pages`;

addEventListener("install", (event) => {
  event.waitUntil((async () => {
    await stock();
    await skipWaiting();
  })());
});
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin) return;
  if (url.pathname !== ROOT && !url.pathname.startsWith(`${ROOT}/`)) return;
  const path = url.pathname.slice(ROOT.length) || "/";
  if (path.startsWith("/_couch")) return;
  const isPage = event.request.mode === "navigate";
  // What pages load is the browser's to fetch, while it can: it may be led to another host, where a worker may not follow.
  if (!isPage && !lost && !path.startsWith("/-/static/")) return;
  event.respondWith((async () => {
    let answer;
    try {
      answer = await fetch(event.request);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // that is how a network fails
      if (isPage && !lost) {
        lost = true;
        event.waitUntil(Shelf.overdue());
      }
      return kept(path, url.searchParams, isPage);
    }
    if (isPage) {
      lost = false;
      event.waitUntil(Shelf.refresh(undefined, OFTEN));
      if (path === "/-/offline" && answer.ok && !url.search) event.waitUntil(stock());
    }
    return answer;
  })());
});

// The page to take packages along at and what it loads, all of one moment.
async function stock() {
  const paths = [`${ROOT}/-/offline`, ...SHARED.map((name) => `${ROOT}/-/static/${name}`)];
  await (await caches.open(CACHE)).addAll(paths.map((path) => new Request(path, { cache: "no-cache" })));
}

async function kept(path, query, isPage) {
  try {
    return (await alone(path, query, isPage)) || Response.error();
  } catch (error) {
    console.error(error);
    return isPage ? page(Pages.missing(ROOT, "What you have taken along cannot be shown here."), 500) : Response.error();
  }
}

function page(made, status = 200) {
  return new Response(made, {
    status,
    headers: { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": PAGE, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store" },
  });
}

// The answer without a network; null where there is none.
async function alone(path, query, isPage) {
  if (path.startsWith("/-/static/") || path === "/-/offline") {
    return caches.match(`${ROOT}${path}`, { cacheName: CACHE, ignoreSearch: true, ignoreVary: true });
  }
  let parts;
  try {
    parts = path.split("/").slice(1).map(decodeURIComponent);
  } catch (error) {
    return isPage ? page(Pages.missing(ROOT), 404) : null;
  }
  if (isPage && path === "/") return page(Pages.home(ROOT, await whole()));
  if (isPage && path === "/-/search") return page(Pages.search(ROOT, query.get("q") || "", await whole()));
  const isTable = parts[0] === "-" && parts[1] === "table" && parts.length > 4;
  const [name, wanted, ...rest] = isTable ? parts.slice(2) : parts;
  const found = name && name !== "-" ? await Shelf.find(name) : null;
  const isHere = found && found.version && (!wanted || wanted === "latest" || wanted === found.version);
  if (!isHere) return isPage ? page(Pages.missing(ROOT), 503) : null;
  const db = Shelf.named(name, found.version);
  try {
    const doc = await db.get(`${name}@${found.version}`);
    if (isTable) return isPage ? page(await Pages.table(ROOT, found, doc, rest.join("/"), query, reader(db, doc), (one) => Shelf.rows(db, one))) : null;
    if (rest.length) return (await file(db, doc, rest.join("/"))) || (isPage ? page(Pages.missing(ROOT), 404) : null);
    if (!isPage) return null;
    return page(await Pages.package_(ROOT, found, doc, await packageOf(db, name), reader(db, doc)));
  } finally {
    await db.close();
  }
}

const whole = async () => (await Shelf.all()).filter((one) => one.version);

async function packageOf(db, name) {
  try {
    return await db.get(name);
  } catch (error) {
    if (error.status === 404) return {};
    throw error;
  }
}

// Reads a file of a version as a Blob; null for none.
const reader = (db, doc) => async (path) =>
  Object.hasOwn(doc._attachments || {}, path) ? db.getAttachment(doc._id, path) : null;

async function file(db, doc, path) {
  const resource = Pages.resourcesOf(doc).find((one) => one.name === path);
  const paths = resource ? Pages.pathsOf(resource) : [path];
  const blobs = await Promise.all(paths.map(reader(db, doc)));
  if (!blobs.length || blobs.includes(null)) return null;
  const kind = doc._attachments[paths[0]].content_type || "application/octet-stream";
  const form = SHOWN.has(kind.split(";")[0].trim().toLowerCase()) ? "inline" : "attachment";
  const saved = encodeURIComponent(paths[0].split("/").pop());
  return new Response(new Blob(blobs), {
    headers: { "Content-Type": kind, "Content-Disposition": `${form}; filename*=UTF-8''${saved}`, "Content-Security-Policy": "sandbox; default-src 'none'", "X-Content-Type-Options": "nosniff" },
  });
}
