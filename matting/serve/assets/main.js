// The page: pictures come in, are cut out two at a time, and are looked at, corrected and taken away.

import * as asking from "./asking.js";
import { Cutout, fill } from "./brush.js";
import { Clip, isClip } from "./clips.js";
import { fileOf, nameOf, save, zipOf } from "./downloads.js";
import { trimapOf } from "./trimap.js";
import { View } from "./view.js";
import { say, translate } from "./words.js";

const AT_ONCE = 2;
const $ = (selector) => document.querySelector(selector);
const items = [];
let current = null, behindPicture = null, limits = { bytes: Infinity, clip: 0 };

const chosen = (name) => $(`input[name="${name}"]:checked`).value;
const view = new View($("#view"), $("#handle"), $("#split"), {
  brush: () => ({ mode: chosen("brush"), size: Number($("#size").value) }),
  painted: corrected,
  zoomed: (scale) => ($("#scale").textContent = `${Math.round(100 * scale)}%`),
});

function tell(text, isBad = false) {
  $("#status").textContent = text;
  $("#status").classList.toggle("bad", isBad);
}

// What is corrected can be taken back, and shown to a network that takes trimaps.
function corrected() {
  $("#undo").disabled = $("#edges").disabled = !current?.cutout?.edited;
}

function add(files) {
  for (const file of files) {
    if (isClip(file)) {
      if (limits.clip) $("#strip").append(new Clip(file, limits.clip, tell).row);
      else tell(say("noClips"), true);
      continue;
    }
    if (!file.type.startsWith("image/") && !/\.(heic|heif|avif|tiff?|jpe?g|png|webp|bmp)$/i.test(file.name)) continue;
    const item = { file, state: "waits", sent: 0, button: document.createElement("button") };
    item.button.type = "button";
    item.button.append(document.createElement("canvas"), document.createElement("span"), document.createElement("span"));
    item.button.children[0].setAttribute("aria-hidden", "true");
    item.button.children[1].textContent = file.name;
    item.button.addEventListener("click", () => select(item));
    const row = document.createElement("li");
    row.append(item.button);
    $("#strip").append(row);
    items.push(item);
    refresh(item);
    if (file.size > limits.bytes) fail(item, say("tooLarge", Math.floor(limits.bytes / 2 ** 20)));
  }
  $("#strip").hidden = !$("#strip").childElementCount;
  document.body.classList.toggle("has-pictures", !$("#strip").hidden);
  next();
}

function refresh(item) {
  const [, , state] = item.button.children;
  state.className = item.state === "failed" ? "state bad" : "state";
  state.textContent = item.why ?? say(item.state);
  const bar = item.button.querySelector("progress");
  if (item.state === "sends" || item.state === "works") {
    const shown = bar ?? document.createElement("progress");
    shown.setAttribute("aria-label", item.file.name);
    if (item.state === "sends") shown.value = item.sent;
    else shown.removeAttribute("value");
    if (!bar) item.button.append(shown);
  } else bar?.remove();
  item.button.setAttribute("aria-current", String(item === current));
}

function fail(item, why) {
  item.state = "failed";
  item.why = why;
  refresh(item);
  tell(say("failed", item.file.name, why), true);
}

function next() {
  const busy = items.filter((item) => ["sends", "works"].includes(item.state)).length;
  for (const item of items.filter(({ state }) => state === "waits").slice(0, AT_ONCE - busy)) cut(item);
}

async function cut(item) {
  item.state = "sends";
  refresh(item);
  const before = createImageBitmap(item.file).catch(() => null);
  before.then((bitmap) => bitmap && thumbnail(item, bitmap));
  try {
    item.blob = await asking.cutout(item.file, (share) => {
      item.sent = share;
      item.state = share < 1 ? "sends" : "works";
      refresh(item);
    });
    item.cutout = new Cutout(await before, await createImageBitmap(item.blob));
    item.state = "done";
    thumbnail(item, item.cutout.shown);
    refresh(item);
    const done = items.filter(({ state }) => state === "done").length;
    tell(items.length > 1 ? say("progress", done, items.length) : say("ready", item.file.name));
    if (!current) select(item);
  } catch (error) {
    if (error.status === 401) askToken(item);
    else fail(item, error.message || say("lost"));
  }
  next();
}

function askToken(item) {
  if (asking.hasToken()) tell(say("tokenWrong"), true);
  item.state = "failed";
  item.why = say("token");
  item.isLocked = true;
  refresh(item);
  $("#access").hidden = false;
  $("#token").focus();
}

function thumbnail(item, picture) {
  const [canvas] = item.button.children, pen = canvas.getContext("2d");
  canvas.width = 240;
  canvas.height = 160;
  const scale = Math.min(240 / picture.width, 160 / picture.height);
  const width = picture.width * scale, height = picture.height * scale;
  fill(pen, picture, (240 - width) / 2, (160 - height) / 2, width, height);
}

function select(item) {
  if (!item.cutout) return;
  const last = current;
  current = item;
  if (last) refresh(last);
  refresh(item);
  $("#work").hidden = false;
  $("#view").setAttribute("aria-label", say("view", item.file.name));
  corrected();
  view.show(item.cutout);
  if (!item.cutout.before) tell(say("noBefore", item.file.name));
}

// Let the network look again at what lies around the strokes.
async function findEdges(item) {
  $("#edges").disabled = true;
  tell(say("works"));
  try {
    item.blob = await asking.cutout(item.file, () => {}, await trimapOf(item.cutout));
    item.cutout = new Cutout(item.cutout.before, await createImageBitmap(item.blob));
    thumbnail(item, item.cutout.shown);
    tell(say("ready", item.file.name));
    if (item === current) view.show(item.cutout);
  } catch (error) {
    tell(say("failed", item.file.name, error.message || say("lost")), true);
  }
  corrected();
}

function behind() {
  const value = chosen("background");
  if (value === "none") return null;
  if (value === "colour") return $("#colour").value;
  return value === "picture" ? behindPicture : value;
}

function showBackground() {
  view.behind = behind();
  view.draw();
}

async function takeAway(ending) {
  try {
    if (ending === "zip") {
      save(await zipOf(items.filter(({ cutout }) => cutout), behind()), "cutouts.zip");
      return;
    }
    const blob = await fileOf(current, behind(), ending);
    if (blob) save(blob, nameOf(current, ending));
    else tell(say("noWebp"), true);
  } catch (error) {
    tell(String(error.message), true);
  }
}

function listen() {
  $("#files").addEventListener("change", (event) => {
    add(event.target.files);
    event.target.value = "";
  });
  document.addEventListener("paste", (event) => add(event.clipboardData?.files ?? []));
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      $("#drop").classList.toggle("over", name === "dragenter" || name === "dragover");
      if (name === "drop") add(event.dataTransfer.files);
    });
  }
  $("#tools").addEventListener("change", ({ target }) => {
    if (target.name === "background") {
      if (target.value === "picture" && !behindPicture) $("#behind").click();
      showBackground();
    } else if (target.name === "brush") {
      $("#view").classList.toggle("painting", target.value !== "off");
      if (target.value === "keep" && current && !current.cutout.before) tell(say("keepNeeds"), true);
    }
  });
  $('input[value="picture"]').addEventListener("click", () => $("#behind").click());
  $("#behind").addEventListener("change", async (event) => {
    behindPicture = await createImageBitmap(event.target.files[0]).catch(() => null);
    if (!behindPicture) tell(say("noPicture"), true);
    showBackground();
  });
  $("#colour").addEventListener("input", () => {
    $('input[value="colour"]').checked = true;
    showBackground();
  });
  $("#size").addEventListener("input", () => view.draw());
  $("#undo").addEventListener("click", () => {
    current.cutout.undo();
    corrected();
    view.draw();
  });
  $("#edges").addEventListener("click", () => findEdges(current));
  $("#in").addEventListener("click", () => view.zoom(1.5));
  $("#out").addEventListener("click", () => view.zoom(1 / 1.5));
  $("#fit").addEventListener("click", () => view.fit());
  for (const button of document.querySelectorAll("[data-download]")) {
    button.addEventListener("click", () => takeAway(button.dataset.download));
  }
  $("#access").addEventListener("submit", async (event) => {
    event.preventDefault();
    asking.setToken($("#token").value);
    if (!(await asking.tokenIsRight())) return tell(say("tokenWrong"), true);
    $("#access").hidden = true;
    tell("");
    for (const item of items.filter(({ isLocked }) => isLocked)) Object.assign(item, { state: "waits", why: undefined, isLocked: false });
    next();
  });
}

translate();
listen();
asking.settings().then((known) => {
  limits = known;
  $("#edges").hidden = !known.trimap;
  if (!known.clip) return;
  $("#files").accept += ",video/*,.mkv";
  $("#drop strong").textContent = say("chooseBoth");
  $("#access").hidden = !known.token || asking.hasToken();
});
