"use strict";
const { rows } = JSON.parse(document.getElementById("data").textContent);
const sheet = document.getElementById("sheet");
const save = document.getElementById("save");
const state = { sort: "undecided", text: "", only: false, shown: 0, rows: [] };
const marked = new Set();
const NOTHING = 0.002, EVERYTHING = 0.98, CHUNK = 120;

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function said(row) {
  if (row.subject < NOTHING) return "nothing found";
  if (row.subject > EVERYTHING) return "nothing removed";
  return `${(100 * row.undecided).toFixed(1)} % undecided`;
}

function path(row) {
  try { return decodeURIComponent(row.photo); } catch { return row.photo; } // a name that is not UTF-8
}

// A matte that is empty or full is decided, and most likely wrong.
function doubt(row) {
  return row.subject < NOTHING || row.subject > EVERYTHING ? 2 : row.undecided;
}

const orders = {
  undecided: (a, b) => doubt(b) - doubt(a) || a.name.localeCompare(b.name),
  small: (a, b) => a.subject - b.subject,
  large: (a, b) => b.subject - a.subject,
  name: (a, b) => a.name.localeCompare(b.name),
};

function tile(row) {
  const scale = 200 / Math.max(row.width, row.height);
  const picture = make("img", {
    src: row.small, alt: `${row.name} and its cutout`, loading: "lazy",
    width: 2 * Math.max(1, Math.round(scale * row.width)), height: Math.max(1, Math.round(scale * row.height)),
  });
  const box = make("input", { type: "checkbox", checked: marked.has(row), title: "mark" });
  const item = make("figure", { className: "tile" },
    make("a", { href: row.full, target: "_blank" }, picture),
    make("figcaption", {},
      make("label", {}, box, make("span", { className: "name", textContent: row.name, title: row.name })),
      make("span", { className: doubt(row) > 1 ? "doubt" : "", textContent: said(row) }),
      make("a", { href: row.photo, target: "_blank", textContent: `${row.width}×${row.height}` })));
  box.addEventListener("change", () => {
    if (box.checked) marked.add(row); else marked.delete(row);
    item.classList.toggle("marked", box.checked);
    count();
  });
  item.classList.toggle("marked", box.checked);
  return item;
}

function count() {
  document.getElementById("count").textContent =
    `${state.rows.length} of ${rows.length}` + (marked.size ? `, ${marked.size} marked` : "");
  save.disabled = !marked.size;
}

function more() {
  const next = state.rows.slice(state.shown, state.shown + CHUNK);
  state.shown += next.length;
  sheet.append(...next.map(tile));
}

function draw() {
  const kept = (row) => row.name.toLowerCase().includes(state.text) && (!state.only || marked.has(row));
  state.rows = rows.filter(kept).sort(orders[state.sort]);
  state.shown = 0;
  sheet.replaceChildren();
  more();
  count();
}

function control(id, event, change) {
  document.getElementById(id).addEventListener(event, (happened) => { change(happened.target); draw(); });
}

control("sort", "change", (element) => { state.sort = element.value; });
control("filter", "input", (element) => { state.text = element.value.trim().toLowerCase(); });
control("only", "change", (element) => { state.only = element.checked; });
save.addEventListener("click", () => {
  const lines = [...marked].map(path).sort().join("\n") + "\n";
  const address = URL.createObjectURL(new Blob([lines], { type: "text/plain" }));
  make("a", { href: address, download: "marked.txt" }).click();
  URL.revokeObjectURL(address);
});
new IntersectionObserver((seen) => { if (seen[0].isIntersecting) more(); }, { rootMargin: "1500px" })
  .observe(document.getElementById("end"));
draw();
