// Where a picture is looked at: before and after by a slider, zoomed, moved, and painted on.

import { fill } from "./brush.js";

const MOST = 16;

export class View {
  // `brush` returns {mode, size}; `painted` is called after each stroke, `zoomed` with the new scale.
  constructor(canvas, handle, split, { brush, painted, zoomed }) {
    Object.assign(this, { canvas, handle, split, brush, painted, zoomed });
    this.cutout = null;
    this.behind = null;
    this.share = 0.5;
    this.pointers = new Map();
    this.cursor = null;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.#up(event));
    canvas.addEventListener("pointerleave", () => this.#point(null));
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    handle.addEventListener("pointerdown", (event) => handle.setPointerCapture(event.pointerId));
    handle.addEventListener("pointermove", (event) => handle.hasPointerCapture(event.pointerId) && this.#slide(event));
    split.addEventListener("input", () => this.setShare(split.value / 100));
    new ResizeObserver(() => this.#resize()).observe(canvas);
  }

  show(cutout) {
    const same = this.cutout && cutout && this.cutout.width === cutout.width && this.cutout.height === cutout.height;
    this.cutout = cutout;
    this.handle.hidden = !cutout?.before;
    this.split.disabled = !cutout?.before;
    if (!same) this.fit();
    this.draw();
  }

  fit() {
    if (!this.cutout) return;
    const { width, height } = this.canvas;
    this.scale = Math.min(width / this.cutout.width, height / this.cutout.height) || 1;
    this.left = (width - this.cutout.width * this.scale) / 2;
    this.top = (height - this.cutout.height * this.scale) / 2;
    this.isFit = true;
    this.#zoomed();
  }

  zoom(factor, x = this.canvas.width / 2, y = this.canvas.height / 2) {
    if (!this.cutout) return;
    const least = Math.min(this.canvas.width / this.cutout.width, this.canvas.height / this.cutout.height, 1) / 2;
    const scale = Math.min(MOST * devicePixelRatio, Math.max(least, this.scale * factor));
    this.left = x - ((x - this.left) * scale) / this.scale;
    this.top = y - ((y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.isFit = false;
    this.#zoomed();
  }

  setShare(share) {
    this.share = Math.min(1, Math.max(0, share));
    this.split.value = Math.round(100 * this.share);
    this.draw();
  }

  draw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.#paint();
    });
  }

  #paint() {
    const pen = this.canvas.getContext("2d"), { width, height } = this.canvas;
    pen.clearRect(0, 0, width, height);
    if (!this.cutout) return;
    const edge = this.cutout.before ? this.share * width : 0;
    this.handle.style.left = `${100 * this.share}%`;
    const place = [this.left, this.top, this.cutout.width * this.scale, this.cutout.height * this.scale];
    pen.imageSmoothingEnabled = this.scale < 3;
    this.#clipped(pen, edge, width - edge, () => {
      if (this.behind) fill(pen, this.behind, ...place);
      pen.drawImage(this.cutout.shown, ...place);
    });
    if (edge) this.#clipped(pen, 0, edge, () => pen.drawImage(this.cutout.before, ...place));
    if (this.cursor && this.brush().mode !== "off") this.#ring(pen);
  }

  #clipped(pen, left, width, draw) {
    pen.save();
    pen.beginPath();
    pen.rect(left, 0, width, this.canvas.height);
    pen.clip();
    draw();
    pen.restore();
  }

  #ring(pen) {
    for (const [colour, width] of [["#000c", 4], ["#fff", 2]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.beginPath();
      pen.arc(...this.cursor, (this.brush().size / 2) * devicePixelRatio, 0, 7);
      pen.stroke();
    }
  }

  #at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * this.canvas.width) / box.width, ((event.clientY - box.top) * this.canvas.height) / box.height];
  }

  #point(place) {
    this.cursor = place;
    this.draw();
  }

  #paintAt([x, y], begins) {
    const { mode, size } = this.brush();
    if (begins) this.cutout.begin(mode, ((size / 2) * devicePixelRatio) / this.scale);
    this.cutout.to((x - this.left) / this.scale, (y - this.top) / this.scale);
    this.draw();
  }

  #down(event) {
    if (!this.cutout || event.button > 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.#at(event));
    this.isPainting = this.pointers.size === 1 && this.brush().mode !== "off";
    if (this.isPainting) this.#paintAt(this.#at(event), true);
  }

  #move(event) {
    const now = this.#at(event), before = this.pointers.get(event.pointerId);
    if (before && this.isPainting) {
      this.#paintAt(now, false);
    } else if (before) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      if (other) {
        const far = (place) => Math.hypot(place[0] - other[0], place[1] - other[1]) || 1;
        this.zoom(far(now) / far(before), ...other);
      } else {
        this.#shift(now[0] - before[0], now[1] - before[1]);
      }
    }
    if (before) this.pointers.set(event.pointerId, now);
    this.#point(now);
  }

  #up(event) {
    if (this.isPainting && this.pointers.has(event.pointerId)) this.painted();
    this.pointers.delete(event.pointerId);
    if (!this.pointers.size) this.isPainting = false;
  }

  #shift(x, y) {
    this.left += x;
    this.top += y;
    this.isFit = false;
    this.draw();
  }

  #wheel(event) {
    event.preventDefault();
    this.zoom(Math.exp(-event.deltaY / 400), ...this.#at(event));
  }

  #slide(event) {
    const box = this.canvas.getBoundingClientRect();
    this.setShare((event.clientX - box.left) / box.width);
  }

  #key(event) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key], paints = this.brush().mode !== "off", step = (event.shiftKey ? 40 : 12) * devicePixelRatio;
    if (!this.cutout || !(way || "+-0 ".includes(event.key))) return;
    event.preventDefault();
    this.cursor ??= [this.canvas.width / 2, this.canvas.height / 2];
    if (way && paints) {
      this.#point([this.cursor[0] + way[0] * step, this.cursor[1] + way[1] * step]);
    } else if (way) {
      this.#shift(-way[0] * step, -way[1] * step);
    } else if (event.key === " " && paints) {
      this.#paintAt(this.cursor, true);
      this.painted();
    } else if (event.key === "0") {
      this.fit();
    } else if (event.key !== " ") {
      this.zoom(event.key === "+" ? 1.25 : 0.8);
    }
  }

  #zoomed() {
    this.zoomed(this.scale / devicePixelRatio);
    this.draw();
  }

  #resize() {
    const box = this.canvas.getBoundingClientRect();
    this.canvas.width = Math.max(1, Math.round(box.width * devicePixelRatio));
    this.canvas.height = Math.max(1, Math.round(box.height * devicePixelRatio));
    if (this.isFit !== false) this.fit();
    this.draw();
  }
}
