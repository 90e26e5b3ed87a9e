// Clips on the page: sent with what is wished for, asked about until they are done, and taken.

import * as asking from "./asking.js";
import { nameOf, save } from "./downloads.js";
import { say } from "./words.js";

const EVERY = 1000;

const BEHIND = [["transparent", ""], ["white", "white"], ["black", "black"], ["green", "lime"], ["blur", "blur"]];

export const isClip = (file) => file.type.startsWith("video/") || /\.(mp4|mov|m4v|mkv|webm|avi)$/i.test(file.name);

function element(kind, text, attributes = {}) {
  const made = Object.assign(document.createElement(kind), attributes);
  made.textContent = text;
  return made;
}

// A row for one clip. `tell` gets what is said of it, and whether that is bad.
export class Clip {
  constructor(file, limit, tell) {
    Object.assign(this, { file, tell, link: null });
    this.row = element("li", "", { className: "clip" });
    this.behind = element("select", "");
    this.behind.append(...BEHIND.map(([word, value]) => element("option", say(word), { value })));
    this.behind.setAttribute("aria-label", say("background"));
    this.state = element("span", "", { className: "state" });
    this.button = element("button", say("start"), { type: "button", className: "main" });
    this.button.addEventListener("click", () => this.press());
    this.row.append(element("span", file.name), this.behind, this.state, this.button);
    this.press = () => this.#work();
    addEventListener("pagehide", () => this.#forget(true));
    if (file.size > limit) this.#fail(say("tooLarge", Math.floor(limit / 2 ** 20)));
  }

  async #work() {
    this.behind.disabled = true;
    this.button.classList.remove("main");
    this.#offer("cancel", () => this.#cancel());
    this.bar = element("progress", "", { max: 1, value: 0 });
    this.bar.setAttribute("aria-label", this.file.name);
    this.state.after(this.bar);
    this.state.textContent = say("sends");
    try {
      const begun = await asking.clip(this.file, this.behind.value, (share) => (this.bar.value = share));
      if (this.isOver) return asking.forget(begun.link, false);
      this.link = begun.link;
      await this.#follow();
    } catch (error) {
      if (!this.isOver) this.#fail(error.status === 401 ? say("token") : error.message || say("lost"));
    }
  }

  async #follow() {
    for (;;) {
      const told = await asking.told(this.link);
      if (this.isOver) return;
      if (told.status === "failed") throw new Error(told.detail);
      if (told.status === "done") return this.#take(told);
      if (told.progress === null) this.bar.removeAttribute("value");
      else this.bar.value = told.progress;
      this.state.textContent = say(told.status === "running" ? "works" : "waits");
      await new Promise((go) => setTimeout(go, EVERY));
    }
  }

  async #take(told) {
    const blob = await asking.taken(this.link);
    this.#end();
    this.state.textContent = say("done");
    this.tell([say("ready", this.file.name), ...told.notes].join(" "));
    this.button.classList.add("main");
    const ending = blob.type === "video/mp4" ? "mp4" : "webm";
    this.#offer("save", () => save(blob, nameOf(this, ending)));
  }

  #cancel() {
    this.#forget(false);
    this.#end();
    this.row.remove();
  }

  #fail(why) {
    this.#forget(false);
    this.#end();
    this.state.textContent = why;
    this.state.classList.add("bad");
    this.button.hidden = true;
    this.tell(say("failed", this.file.name, why), true);
  }

  #forget(isLeaving) {
    if (this.link && !this.isOver) asking.forget(this.link, isLeaving);
  }

  #end() {
    this.isOver = true;
    this.bar?.remove();
  }

  #offer(word, press) {
    this.button.textContent = say(word);
    this.button.setAttribute("aria-label", `${say(word)}: ${this.file.name}`);
    this.press = press;
  }
}
