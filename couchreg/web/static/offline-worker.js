// The worker of the pages where packages were taken along: without a network it answers for the registry, with
// what `shelf.js` keeps: the first page, search, packages, tables and files. With a network it only looks on, and
// fetches what has changed when it is back. Whatever a publisher wrote is text here, as on the server.
"use strict";
importScripts("pouchdb.min.js", "shelf.js", "offline-pages.js");

const ROOT = location.pathname.replace(/\/-\/static\/.*$/, "");
const CACHE = "couchreg-offline-pages";
const SHARED = ["style.css", "icon.svg", "offline.js", "shelf.js", "pouchdb.min.js"];
const OFTEN = 600000; // milliseconds between two looks for what has changed
const PAGE = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const SHOWN = new Set(["text/csv", "text/plain", "text/tab-separated-values", "text/markdown", "application/json", "application/geo+json", "image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"]);
let looked = 0;
let lost = false;
Shelf.at(ROOT);

addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll([`${ROOT}/-/offline`, ...SHARED.map((name) => `${ROOT}/-/static/${name}`)]);
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
  event.respondWith((async () => {
    try {
      const answer = await fetch(event.request);
      if (event.request.mode === "navigate" && (lost || Date.now() - looked > OFTEN)) {
        lost = false;
        looked = Date.now();
        event.waitUntil(Shelf.refresh());
      }
      if (path === "/-/offline" && answer.ok && !url.search) event.waitUntil(keep(answer.clone()));
      return answer;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // that is how a network fails
      lost = true;
      return (await alone(path, url.searchParams, event.request)) || Response.error();
    }
  })());
});

async function keep(answer) {
  await (await caches.open(CACHE)).put(`${ROOT}/-/offline`, answer);
}

function page(made, status = 200) {
  return new Response(made, {
    status,
    headers: { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": PAGE, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store" },
  });
}

// The answer without a network; null where there is none.
async function alone(path, query, request) {
  if (path.startsWith("/-/static/") || path === "/-/offline") {
    return caches.match(`${ROOT}${path}`, { cacheName: CACHE, ignoreSearch: true, ignoreVary: true });
  }
  const isPage = request.mode === "navigate";
  let parts;
  try {
    parts = path.split("/").slice(1).map(decodeURIComponent);
  } catch (error) {
    return isPage ? page(Pages.missing(ROOT), 404) : null;
  }
  if (isPage && path === "/") return page(Pages.home(ROOT, await Shelf.all()));
  if (isPage && path === "/-/search") return page(Pages.search(ROOT, query.get("q") || "", await Shelf.all()));
  const isTable = parts[0] === "-" && parts[1] === "table" && parts.length > 4;
  const [name, wanted, ...rest] = isTable ? parts.slice(2) : parts;
  const found = name && name !== "-" ? await Shelf.find(name) : null;
  const isHere = found && (!wanted || wanted === "latest" || wanted === found.version);
  if (!isHere) return isPage ? page(Pages.missing(ROOT), 503) : null;
  const db = Shelf.named(name, found.version);
  try {
    const doc = await db.get(`${name}@${found.version}`);
    if (isTable) return isPage ? page(await Pages.table(ROOT, found, doc, rest.join("/"), query, reader(db, doc))) : null;
    if (rest.length) return (await file(db, doc, rest.join("/"))) || (isPage ? page(Pages.missing(ROOT), 404) : null);
    if (!isPage) return null;
    return page(await Pages.package_(ROOT, found, doc, await packageOf(db, name), reader(db, doc)));
  } finally {
    await db.close();
  }
}

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
