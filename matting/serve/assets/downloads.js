// What is taken away from the page: PNG, WebP, or everything in a zip.

import { zip } from "./zip.js";

const encoded = (canvas, kind) => new Promise((done) => canvas.toBlob(done, kind, 0.92));

// Return a picture's file: the server's own where nothing was changed, for a canvas loses colours that hardly show.
export async function fileOf(item, behind, ending) {
  if (ending === "png" && !behind && !item.cutout.edited) return item.blob;
  const blob = await encoded(item.cutout.composed(behind), `image/${ending}`);
  return blob?.type === `image/${ending}` ? blob : null;
}

export const nameOf = (item, ending) => `${item.file.name.replace(/\.[^.]*$/, "") || "picture"}_cutout.${ending}`;

export async function zipOf(items, behind) {
  const taken = new Set(), files = [];
  for (const item of items) {
    let name = nameOf(item, "png");
    for (let number = 2; taken.has(name); number++) name = nameOf(item, "png").replace(".png", `-${number}.png`);
    taken.add(name);
    files.push({ name, blob: await fileOf(item, behind, "png") });
  }
  return zip(files);
}

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
