"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byName = new Map(data.rows.map((row) => [row.name, row]));
const state = { column: data.columns.length ? data.columns[0].name : "name", worstFirst: true, text: "" };

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function shown(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  return Math.abs(value) >= 1000 ? value.toFixed(0) : value.toPrecision(4);
}

function lowerIsBetter(name) {
  const column = data.columns.find((one) => one.name === name);
  return !column || column.lower;
}

function sorted() {
  const sign = (lowerIsBetter(state.column) ? -1 : 1) * (state.worstFirst ? 1 : -1);
  const rows = data.rows.filter((row) => row.name.toLowerCase().includes(state.text));
  if (state.column === "name") {
    return rows.sort((a, b) => a.name.localeCompare(b.name) * (state.worstFirst ? 1 : -1));
  }
  const value = (row) => row.values[state.column];
  return rows.sort((a, b) => {
    const [left, right] = [value(a), value(b)];
    if (left === null || right === null) return (left === null) - (right === null);
    return sign * (left - right);
  });
}

let zoomed = null;
const zoom = document.getElementById("zoom");

function enlarge(row, index) {
  const panels = data.panels[row.name];
  const panel = panels[(index + panels.length) % panels.length];
  zoomed = { row, index: (index + panels.length) % panels.length };
  const picture = zoom.querySelector("img");
  picture.onerror = () => { picture.onerror = null; picture.src = panel.small; };
  picture.src = panel.full || panel.small;
  picture.alt = `${panel.title} of ${row.name}`;
  const caption = zoom.querySelector("figcaption");
  caption.replaceChildren(`${row.name} · ${panel.title} · arrow keys turn over `);
  if (panel.full) caption.append(make("a", { href: panel.full, textContent: "full file", target: "_blank" }));
  zoom.hidden = false;
}

zoom.addEventListener("click", (event) => { if (event.target.tagName !== "A") zoom.hidden = true; });
document.addEventListener("keydown", (event) => {
  if (zoom.hidden) return;
  if (event.key === "Escape") zoom.hidden = true;
  if (event.key === "ArrowRight") enlarge(zoomed.row, zoomed.index + 1);
  if (event.key === "ArrowLeft") enlarge(zoomed.row, zoomed.index - 1);
});

function card(row) {
  const values = make("table", { className: "values" });
  const metrics = [...new Set(data.columns.map((column) => column.metric))];
  values.append(make("tr", {}, make("th"), ...metrics.map((metric) => make("th", { textContent: metric }))));
  for (const region of new Set(data.columns.map((column) => column.region))) {
    const cells = metrics.map((metric) => {
      const column = data.columns.find((one) => one.metric === metric && one.region === region);
      return column ? make("td", { title: column.heading, textContent: shown(row.values[column.name]) }) : make("td");
    });
    values.append(make("tr", {}, make("th", { textContent: region }), ...cells));
  }
  const head = make("header", {}, make("h3", { textContent: row.name }));
  if (row.rank) head.append(make("span", { className: "rank", textContent: row.rank }));
  if (data.columns.length) head.append(values);
  const panels = make("div", { className: "panels" });
  data.panels[row.name].forEach((panel, index) => {
    const picture = make("img", { src: panel.small, alt: `${panel.title} of ${row.name}`, loading: "lazy" });
    const button = make("button", { onclick: () => enlarge(row, index) }, picture);
    panels.append(make("figure", {}, button, make("figcaption", { textContent: panel.title })));
  });
  const item = make("article", { className: "item" }, head, panels);
  item.dataset.name = row.name;
  return item;
}

function draw() {
  const rows = sorted();
  const gallery = document.getElementById("gallery");
  if (gallery) {
    const pictured = rows.filter((row) => data.panels[row.name]);
    gallery.replaceChildren(...pictured.map(card));
    const count = document.getElementById("count");
    if (count) count.textContent =
      `${pictured.length} with pictures, ${rows.length} of ${data.rows.length} in the table`;
  }
  const body = document.querySelector("#images tbody");
  if (!body) return;
  body.replaceChildren(...rows.map((row) => make("tr", {},
    make("td", { textContent: row.name }),
    make("td", { textContent: `${row.width}×${row.height}` }),
    ...data.columns.map((column) => make("td", { textContent: shown(row.values[column.name]) })))));
  for (const head of document.querySelectorAll("#images th[data-column]")) {
    const active = head.dataset.column === state.column;
    const down = state.column === "name" ? !state.worstFirst : state.worstFirst === lowerIsBetter(state.column);
    if (active) head.setAttribute("aria-sort", down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
}

function control(id, event, change) {
  const element = document.getElementById(id);
  if (element) element.addEventListener(event, () => { change(element); draw(); });
}

control("sort", "change", (element) => { state.column = element.value; });
control("order", "change", (element) => { state.worstFirst = element.value === "worst"; });
control("filter", "input", (element) => { state.text = element.value.trim().toLowerCase(); });
for (const head of document.querySelectorAll("#images th[data-column]")) {
  head.querySelector("button").addEventListener("click", () => {
    state.worstFirst = state.column === head.dataset.column ? !state.worstFirst : true;
    state.column = head.dataset.column;
    const [sort, order] = [document.getElementById("sort"), document.getElementById("order")];
    if (sort) sort.value = state.column;
    if (order) order.value = state.worstFirst ? "worst" : "best";
    draw();
  });
}
for (const tick of document.querySelectorAll("svg .rug")) {
  tick.addEventListener("click", () => {
    const row = byName.get(tick.dataset.name);
    if (row && data.panels[row.name]) {
      const item = [...document.querySelectorAll(".item")].find((one) => one.dataset.name === row.name);
      if (!item) return;
      item.classList.add("found");
      item.scrollIntoView({ behavior: "smooth", block: "center" });
    } else if (row) {
      const field = document.getElementById("filter");
      field.value = row.name;
      state.text = row.name.toLowerCase();
      draw();
      document.getElementById("images").scrollIntoView({ behavior: "smooth" });
    }
  });
}
for (const svg of document.querySelectorAll(".clip svg")) {
  const players = svg.closest(".clip").querySelectorAll("video");
  svg.classList.toggle("seeks", players.length > 0);
  svg.addEventListener("click", (event) => {
    const line = svg.querySelector(".curve").getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - line.left) / line.width, 0), 1);
    for (const player of players) if (player.duration) player.currentTime = share * player.duration;
  });
}
draw();
