// A cutout that can be corrected: strokes that keep or remove, replayed from the server's result.

function sprite(radius) {
  const dot = canvas(2 * radius, 2 * radius), pen = dot.getContext("2d");
  const fade = pen.createRadialGradient(radius, radius, radius * 0.7, radius, radius, radius);
  fade.addColorStop(0, "#000f");
  fade.addColorStop(1, "#0000");
  pen.fillStyle = fade;
  pen.fillRect(0, 0, 2 * radius, 2 * radius);
  return dot;
}

export function canvas(width, height) {
  const made = document.createElement("canvas");
  made.width = Math.max(1, Math.round(width));
  made.height = Math.max(1, Math.round(height));
  return made;
}

export class Cutout {
  // `before` is the photograph as a bitmap of any size, or null; `result` the server's.
  constructor(before, result) {
    this.before = before;
    this.result = result;
    this.width = result.width;
    this.height = result.height;
    this.shown = canvas(this.width, this.height);
    this.strokes = [];
    this.shown.getContext("2d").drawImage(result, 0, 0);
  }

  get edited() {
    return this.strokes.length > 0;
  }

  begin(mode, radius) {
    this.strokes.push({ mode, radius: Math.max(1, Math.round(radius)), points: [] });
  }

  // Go on with the stroke, in pixels of the picture.
  to(x, y) {
    const stroke = this.strokes.at(-1), last = stroke.points.at(-1) ?? [x, y];
    const steps = Math.max(1, Math.ceil(Math.hypot(x - last[0], y - last[1]) / Math.max(1, stroke.radius / 4)));
    for (let step = 1; step <= steps; step++) {
      this.#dab(stroke, last[0] + ((x - last[0]) * step) / steps, last[1] + ((y - last[1]) * step) / steps);
    }
    stroke.points.push([x, y]);
  }

  undo() {
    const kept = this.strokes.slice(0, -1), pen = this.shown.getContext("2d");
    this.strokes = [];
    pen.clearRect(0, 0, this.width, this.height);
    pen.drawImage(this.result, 0, 0);
    for (const { mode, radius, points } of kept) {
      this.begin(mode, radius);
      for (const [x, y] of points) this.to(x, y);
    }
  }

  #dab(stroke, x, y) {
    const { mode, radius } = stroke, pen = this.shown.getContext("2d");
    stroke.dot ??= sprite(radius);
    const left = Math.round(x) - radius, top = Math.round(y) - radius;
    if (mode === "remove") {
      pen.globalCompositeOperation = "destination-out";
      pen.drawImage(stroke.dot, left, top);
      pen.globalCompositeOperation = "source-over";
    } else if (this.before) {
      stroke.patch ??= canvas(2 * radius, 2 * radius);
      const patch = stroke.patch.getContext("2d");
      patch.globalCompositeOperation = "copy";
      patch.drawImage(this.before, -left, -top, this.width, this.height);
      patch.globalCompositeOperation = "destination-in";
      patch.drawImage(stroke.dot, 0, 0);
      pen.drawImage(stroke.patch, left, top);
    }
  }

  // Return the cutout before a background, as a canvas: `behind` is null, a colour, or a picture that covers.
  composed(behind) {
    if (!behind) return this.shown;
    const made = canvas(this.width, this.height), pen = made.getContext("2d");
    fill(pen, behind, 0, 0, this.width, this.height);
    pen.drawImage(this.shown, 0, 0);
    return made;
  }
}

// Fill a rectangle with a colour, or with a picture's middle, scaled to cover it.
export function fill(pen, behind, left, top, width, height) {
  if (typeof behind === "string") {
    pen.fillStyle = behind;
    pen.fillRect(left, top, width, height);
    return;
  }
  const scale = Math.max(width / behind.width, height / behind.height);
  const across = width / scale, down = height / scale;
  pen.drawImage(behind, (behind.width - across) / 2, (behind.height - down) / 2, across, down, left, top, width, height);
}
