// Asking the server for a cutout: with progress, with a token where one is needed, again where it is busy.

const TRIES = 30;

let token = sessionStorage.getItem("token") ?? "";

export function setToken(value) {
  token = value;
  sessionStorage.setItem("token", value);
}

export async function settings() {
  return (await fetch("page/settings.json")).json();
}

export async function tokenIsRight() {
  return (await fetch("metrics", { headers: token ? { Authorization: `Bearer ${token}` } : {} })).status !== 401;
}

export const hasToken = () => token !== "";

const pause = (seconds) => new Promise((go) => setTimeout(go, 1000 * seconds));

// Resolve to the cutout as a PNG; reject with a sentence. `tell` gets the share that is sent, then 1.
export async function cutout(file, tell, trimap = null) {
  let body = file;
  if (trimap) {
    body = new FormData();
    body.append("file", file);
    body.append("trimap", trimap, "trimap.png");
  }
  return (await again("cutout", body, tell)).body;
}

// Resolve to where a clip is asked about.
export async function clip(file, background, tell) {
  const answer = await again(background ? `video?background=${encodeURIComponent(background)}` : "video", file, tell);
  const { id } = JSON.parse(await answer.body.text());
  return { link: `video/${id}` };
}

const mine = (more) => ({ ...more, headers: token ? { Authorization: `Bearer ${token}` } : {} });

async function fetched(link) {
  const answer = await fetch(link, mine());
  if (!answer.ok) throw Object.assign(new Error(await sentence(answer)), { status: answer.status });
  return answer;
}

export const told = async (link) => (await fetched(link)).json();

export const taken = async (link) => (await fetched(`${link}/result`)).blob();

// Also when the page is left.
export const forget = (link, isLeaving) => fetch(link, mine({ method: "DELETE", keepalive: isLeaving })).catch(() => null);

async function again(path, body, tell) {
  for (let left = TRIES; ; left--) {
    const answer = await once(path, body, tell);
    if (answer.status === 200 || answer.status === 202) return answer;
    const busy = answer.status === 429 || answer.status === 503;
    if (!busy || !left) throw Object.assign(new Error(await sentence(answer.body)), { status: answer.status });
    tell(0);
    await pause(answer.retry);
  }
}

function once(path, body, tell) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.responseType = "blob";
    if (!(body instanceof FormData)) request.setRequestHeader("Content-Type", "application/octet-stream");
    if (token) request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.onprogress = (event) => tell(event.lengthComputable ? event.loaded / event.total : 0.5);
    request.upload.onload = () => tell(1);
    request.onload = () =>
      resolve({ status: request.status, body: request.response, retry: Number(request.getResponseHeader("Retry-After")) || 2 });
    request.onerror = () => resolve({ status: 0, body: null, retry: 2 });
    request.send(body);
  });
}

async function sentence(body) {
  try {
    return JSON.parse(await body.text()).detail;
  } catch {
    return "";
  }
}
