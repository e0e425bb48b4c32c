// Pages of what was taken along, as text of HTML, for the worker. Every value is escaped: `html` gives what is
// markup, and all else in it is text. Defines `Pages`.
"use strict";

const Pages = (() => {
  const ROWS = 50; // of a page
  const LARGEST = 20e6; // bytes of a table that is read
  const MOST = 500000; // rows of one: of nearly nothing there may be millions
  const SIGNS = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

  class Markup {
    constructor(text) { this.text = text; }
  }
  const escaped = (value) => {
    if (value instanceof Markup) return value.text;
    if (Array.isArray(value)) return value.map(escaped).join("");
    return value === null || value === undefined || value === false ? "" : String(value).replace(/[&<>"']/g, (sign) => SIGNS[sign]);
  };
  const html = (strings, ...values) => new Markup(strings.reduce((text, part, at) => text + escaped(values[at - 1]) + part));

  const text = (value, longest = 2000) => (typeof value === "string" ? value.slice(0, longest) : "");
  const objects = (value, most) => (Array.isArray(value) ? value : []).filter((one) => one && typeof one === "object" && !Array.isArray(one)).slice(0, most);
  const resourcesOf = (doc) => objects(doc.resources, 1000).map((one, at) => ({ ...one, name: text(one.name, 300) || String(at) }));
  const pathsOf = (resource) => (Array.isArray(resource.path) ? resource.path : [resource.path]).filter((path) => typeof path === "string");
  const link = (root, ...parts) => [root, ...parts.map(encodeURIComponent)].join("/");

  function frame(root, title, asked, content) {
    return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · couchreg</title>
<link rel="stylesheet" href="${root}/-/static/style.css"><link rel="icon" type="image/svg+xml" href="${root}/-/static/icon.svg"></head>
<body><a class="skip" href="#content">Skip to the content</a>
<header><a class="home" href="${root}/">couchreg</a>
<form role="search" action="${root}/-/search"><label class="unseen" for="words">Search data packages</label>
<input type="search" id="words" name="q" value="${asked}" placeholder="Search data packages" maxlength="500"><button>Search</button></form>
<nav aria-label="Registry"><a href="${root}/-/offline">Taken along</a></nav></header>
<main id="content"><p class="done" role="note">There is no network: this is what you have taken along.</p>${content}</main></body></html>`.text;
  }

  const hit = (root, one) => html`<li><h2><a href="${link(root, one._id, one.version)}">${one._id}</a> <small>${one.version}</small></h2>
<p dir="auto"><strong>${one.title}</strong></p><p dir="auto">${text(one.description, 300)}</p></li>`;

  const home = (root, kept) => frame(root, "Data packages", "", html`<h1>Data packages</h1>
<ol class="hits">${kept.map((one) => hit(root, one))}</ol>`);

  function search(root, asked, kept) {
    const words = asked.toLowerCase().split(/\s+/).filter(Boolean).slice(0, 50);
    const found = kept.filter((one) => words.every((word) => one.words.includes(word)));
    return frame(root, "Search", asked, html`<h1>Search: <span dir="auto">${asked}</span></h1>
<p role="status">${found.length} ${found.length === 1 ? "hit" : "hits"} in what you have taken along</p>
<ol class="hits">${found.map((one) => hit(root, one))}</ol>`);
  }

  const missing = (root, why = "You have not taken this along.") => frame(root, "Not here", "", html`<h1>Not here</h1>
<p role="alert">${why} It is there again when the network is.</p>`);

  async function package_(root, kept, doc, about, read) {
    const { version } = kept;
    const name = kept._id;
    const readme = Object.keys(doc._attachments || {}).find((path) => /^readme(\.(md|txt|markdown))?$/i.test(path));
    const words = readme ? (await (await read(readme)).text()).slice(0, 16000) : "";
    const notes = about.deprecated && typeof about.deprecated === "object" ? about.deprecated : {};
    const deprecated = text(notes[version]) || text(notes["*"]);
    const files = Object.keys(doc._attachments || {}).sort().slice(0, 500);
    return frame(root, `${name} ${version}`, "", html`<h1>${name} <small>${version}</small></h1>
<p class="lead" dir="auto">${text(doc.title, 300)}</p>
${deprecated ? html`<p class="warning" role="note" dir="auto">Deprecated: ${deprecated}</p>` : ""}
<p dir="auto">${text(doc.description)}</p>
<h2 id="data">Data</h2>
<ul>${resourcesOf(doc).slice(0, 200).map((one) => html`<li><a href="${link(root, "-", "table", name, version, one.name)}">${one.name}</a> <span dir="auto">${text(one.title, 200)}</span></li>`)}</ul>
<h2>Files</h2>
<ul>${files.map((path) => html`<li><a dir="auto" href="${link(root, name, version, ...path.split("/"))}">${path}</a></li>`)}</ul>
${words ? html`<section aria-label="README" class="readme"><pre dir="auto" tabindex="0" aria-label="README">${words}</pre></section>` : ""}`);
  }

  // -- tables

  // Rows of a CSV text, as RFC 4180 has it; a few more than MOST, if it has more.
  function cells(data, delimiter, quote) {
    const rows = [];
    let row = [], cell = "", at = 0, inside = false;
    while (at < data.length && rows.length <= MOST + 1) {
      const sign = data[at];
      if (inside) {
        const end = data.indexOf(quote, at);
        if (end < 0) { cell += data.slice(at); break; }
        cell += data.slice(at, end);
        if (data[end + 1] === quote) { cell += quote; at = end + 2; } else { inside = false; at = end + 1; }
      } else if (sign === quote && !cell) { inside = true; at++; }
      else if (sign === delimiter) { row.push(cell); cell = ""; at++; }
      else if (sign === "\n" || sign === "\r") {
        row.push(cell);
        if (row.length > 1 || row[0]) rows.push(row);
        row = []; cell = "";
        at += sign === "\r" && data[at + 1] === "\n" ? 2 : 1;
      } else { cell += sign; at++; }
    }
    row.push(cell);
    if (row.length > 1 || row[0]) rows.push(row);
    return rows;
  }

  function tabled(values) { // of lists, or of objects
    if (!Array.isArray(values) || !values.length) return null;
    if (Array.isArray(values[0])) return headed(values.filter(Array.isArray));
    const names = [...new Set(objects(values, 1000).flatMap(Object.keys))].slice(0, 500);
    return names.length ? { names, rows: objects(values, Infinity), cell: (row, at) => (Object.hasOwn(row, names[at]) ? row[names[at]] : undefined) } : null;
  }

  const headed = (lists) => ({ names: lists[0] || [], rows: lists.slice(1), cell: (row, at) => row[at] });

  // {names, rows, cell(row, column)}, where cells are looked up when they are needed; null for what cannot be shown here.
  async function rowsOf(resource, read, taken) {
    if (resource.data !== undefined) return tabled(resource.data);
    const paths = pathsOf(resource);
    const format = text(resource.format).toLowerCase() || (paths[0] || "").toLowerCase().replace(/.*\./, "");
    if (paths.length !== 1 || !["csv", "tsv", "json"].includes(format)) {
      const rows = await taken(resource.name);
      return rows ? headed(cells(await rows.text(), ",", '"')) : null;
    }
    const blob = await read(paths[0]);
    if (!blob || blob.size > LARGEST) return null;
    let data;
    try {
      data = new TextDecoder(text(resource.encoding) || "utf-8").decode(await blob.arrayBuffer());
      if (format === "json") return tabled(JSON.parse(data));
    } catch (error) {
      if (error instanceof RangeError || error instanceof SyntaxError) return null; // no encoding, no JSON
      throw error;
    }
    const dialect = resource.dialect && typeof resource.dialect === "object" ? resource.dialect : {};
    const found = cells(data.replace(/^\ufeff/, ""), text(dialect.delimiter) || (format === "tsv" ? "\t" : ","), text(dialect.quoteChar) || '"');
    const all = headed(found);
    return dialect.header === false ? { ...all, names: all.names.map((_, at) => `field${at + 1}`), rows: found } : all;
  }

  const shown = (value) => (value && typeof value === "object" ? JSON.stringify(value) : String(value ?? "")).slice(0, 300);

  async function table(root, kept, doc, name, query, read, taken = async () => null) {
    const resource = resourcesOf(doc).find((one) => one.name === name);
    if (!resource) return missing(root);
    const { _id: package_name, version } = kept;
    const place = link(root, "-", "table", package_name, version, name);
    const above = html`<p><a href="${link(root, package_name, version)}">${package_name} ${version}</a></p><h1>${name}</h1>
<p class="lead" dir="auto">${text(resource.title, 300)}</p><p dir="auto">${text(resource.description)}</p>
<p><a href="${link(root, package_name, version, name)}">data</a></p>`;
    const title = `${name} of ${package_name} ${version}`;
    const found = await rowsOf(resource, read, taken);
    if (!found || found.rows.length > MOST) return frame(root, title, "", html`${above}<p class="warning" role="status">Without a network this resource is a file alone.</p>`);
    const { cell } = found;
    const names = found.names.map(shown).slice(0, 200);
    const fields = objects(resource.schema && resource.schema.fields, 200);
    const asked = query.get("query") || "", order = query.get("order") || "", down = query.get("down") === "1";
    const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
    let rows = found.rows.map((row, at) => [at + 1, row]);
    if (words.length) rows = rows.filter(([, row]) => { const line = Object.values(row).map(shown).join("\n").toLowerCase(); return words.every((word) => line.includes(word)); });
    const by = names.indexOf(order);
    if (by >= 0) {
      const numbers = rows.every(([, row]) => Number.isFinite(Number(cell(row, by) ?? "")));
      const key = numbers ? (row) => Number(cell(row, by) ?? "") : (row) => shown(cell(row, by));
      const compare = numbers ? (a, b) => a - b : (a, b) => (a < b ? -1 : a > b ? 1 : 0);
      rows.sort(([, a], [, b]) => (down ? -1 : 1) * compare(key(a), key(b)));
    }
    const offset = Math.max(0, Math.floor(Number(query.get("offset"))) || 0);
    const part = rows.slice(offset, offset + ROWS);
    const turned = (to) => `${place}?${new URLSearchParams({ query: asked, order, down: down ? "1" : "", offset: to })}`;
    return frame(root, title, "", html`${above}
<form class="ask" action="${place}"><label>Rows that have the words <input type="search" name="query" value="${asked}" maxlength="1000"></label>
<label>Order by <select name="order"><option value="">their place</option>${names.map((one) => (one === order ? html`<option selected>${one}</option>` : html`<option>${one}</option>`))}</select></label>
<label><input type="checkbox" name="down" value="1" ${down ? new Markup("checked") : ""}> downwards</label><button>Show</button></form>
<p role="status">${rows.length} ${rows.length === 1 ? "row" : "rows"}${part.length ? `; these are ${offset + 1} to ${offset + part.length}` : ""}</p>
<div class="wide" tabindex="0" role="region" aria-label="Rows"><table class="rows"><thead><tr><th scope="col" class="number">row</th>
${names.map((one) => { const field = fields.find((each) => each.name === one) || {}; return html`<th scope="col" title="${text(field.description, 300)}">${one}<br><span class="quiet">${text(field.type, 50)}</span></th>`; })}</tr></thead>
<tbody>${part.map(([at, row]) => html`<tr><th scope="row" class="number">${at}</th>${names.map((_, column) => html`<td dir="auto">${shown(cell(row, column))}</td>`)}</tr>`)}</tbody></table></div>
<p>${offset ? html`<a rel="prev" href="${turned(Math.max(0, offset - ROWS))}">Rows before</a>` : ""} ${offset + ROWS < rows.length ? html`<a rel="next" href="${turned(offset + ROWS)}">Rows after</a>` : ""}</p>`);
  }

  return { home, search, missing, package_, table, resourcesOf, pathsOf };
})();
