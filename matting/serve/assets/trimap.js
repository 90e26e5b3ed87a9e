// A trimap of a corrected cutout: what was kept is white, what was removed black, and the network looks at the rest.

import { canvas } from "./brush.js";

// How far around the edge it looks, of the picture's longer side; and of a stroke, how much is certain and how far it looks.
const BAND = 0.01, CORE = 0.7, AROUND = 1.5;

const STEPS = 16;

// Return a promise of a PNG: 0, 128 and 255, as large as the picture.
export function trimapOf(cutout) {
  const { width, height } = cutout, made = canvas(width, height), pen = made.getContext("2d", { willReadFrequently: true });
  pen.drawImage(regions(cutout), 0, 0);
  for (const { mode, radius, points } of cutout.strokes) {
    line(pen, points, 2 * radius * AROUND, "#808080");
    line(pen, points, 2 * radius * CORE, mode === "keep" ? "#ffffff" : "#000000");
  }
  const pixels = pen.getImageData(0, 0, width, height), values = pixels.data;
  for (let at = 0; at < values.length; at++) if (values[at] > 0 && values[at] < 255) values[at] = 128; // smoothed edges
  pen.putImageData(pixels, 0, 0);
  return new Promise((done) => made.toBlob(done, "image/png"));
}

// Draw the server's matte in three parts, the uncertain one widened.
function regions({ result, width, height }) {
  const made = canvas(width, height), pen = made.getContext("2d", { willReadFrequently: true });
  pen.drawImage(result, 0, 0);
  const pixels = pen.getImageData(0, 0, width, height), values = pixels.data;
  const unknown = canvas(width, height), band = new ImageData(width, height);
  for (let at = 0; at < values.length; at += 4) {
    const alpha = values[at + 3], is = alpha > 5 && alpha < 250;
    values.fill(alpha >= 128 ? 255 : 0, at, at + 3);
    values[at + 3] = 255;
    if (is || isEdge(values, at, width)) band.data.set([128, 128, 128, 255], at);
  }
  pen.putImageData(pixels, 0, 0);
  unknown.getContext("2d").putImageData(band, 0, 0);
  const far = Math.max(2, BAND * Math.max(width, height));
  for (let step = 0; step < STEPS; step++) {
    const angle = (2 * Math.PI * step) / STEPS;
    pen.drawImage(unknown, Math.round(far * Math.cos(angle)), Math.round(far * Math.sin(angle)));
    pen.drawImage(unknown, Math.round((far / 2) * Math.cos(angle)), Math.round((far / 2) * Math.sin(angle)));
  }
  pen.drawImage(unknown, 0, 0);
  return made;
}

// Whether a pixel differs from the one to its left or above, which are done already.
function isEdge(values, at, width) {
  const left = at % (4 * width) ? values[at - 4] : values[at], above = at >= 4 * width ? values[at - 4 * width] : values[at];
  return values[at] !== left || values[at] !== above;
}

function line(pen, points, width, colour) {
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = width;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(...points[0]);
  for (const point of points) pen.lineTo(...point);
  pen.stroke();
  pen.beginPath();
  pen.arc(...points[0], width / 2, 0, 7); // a stroke of one point has no line
  pen.fill();
}
