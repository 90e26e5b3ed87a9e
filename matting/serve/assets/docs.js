// The routes, as openapi.json describes them, each with its fields and a call.

import { say, translate } from "./words.js";

const FILES = { "/batch": ["photos.zip", " -o cutouts.zip"], "/video": ["clip.mp4", ""] };

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

function example(path, method, body) {
  const address = decodeURI(new URL(`.${path}`, location.href).href).replace("{name}", "ID");
  if (method === "get") return `curl ${address}${path.endsWith("/result") ? " -o person.webm" : ""}`;
  if (method === "delete") return `curl -X DELETE ${address}`;
  const { properties = {} } = body?.["multipart/form-data"]?.schema ?? {};
  const name = Object.keys(properties).find((key) => properties[key].format === "binary") ?? "file";
  const [file, result] = FILES[path] ?? ["photo.jpg", " -o person.png"];
  return `curl -F ${name}=@${file} ${address}${result}`;
}

function fields(body) {
  const properties = body?.["multipart/form-data"]?.schema.properties;
  if (!properties) return [];
  const rows = Object.entries(properties).map(([name, value]) => {
    const choices = value.enum ?? value.anyOf?.find((one) => one.enum)?.enum;
    const means = [value.description, choices?.join(", "), value.format === "binary" ? "file" : ""].filter(Boolean).join("; ");
    return element("tr", "", element("td", "", element("code", name)), element("td", means));
  });
  return [element("table", "", element("tr", "", element("th", say("field")), element("th", say("means"))), ...rows)];
}

translate();
const described = await (await fetch("openapi.json")).json();
for (const [path, methods] of Object.entries(described.paths)) {
  for (const [method, route] of Object.entries(methods)) {
    const body = route.requestBody?.content;
    const heading = element("h2", "", element("code", `${method.toUpperCase()} ${path}`));
    document.querySelector("#routes").append(
      element("section", "", heading, element("p", route.summary), element("pre", example(path, method, body)), ...fields(body)),
    );
  }
}
