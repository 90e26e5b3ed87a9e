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
export async function cutout(file, tell) {
  for (let left = TRIES; ; left--) {
    const answer = await once(file, tell);
    if (answer.status === 200) return answer.body;
    const busy = answer.status === 429 || answer.status === 503;
    if (!busy || !left) throw Object.assign(new Error(await sentence(answer.body)), { status: answer.status });
    tell(0);
    await pause(answer.retry);
  }
}

function once(file, tell) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", "cutout");
    request.responseType = "blob";
    request.setRequestHeader("Content-Type", "application/octet-stream");
    if (token) request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.onprogress = (event) => tell(event.lengthComputable ? event.loaded / event.total : 0.5);
    request.upload.onload = () => tell(1);
    request.onload = () =>
      resolve({ status: request.status, body: request.response, retry: Number(request.getResponseHeader("Retry-After")) || 2 });
    request.onerror = () => resolve({ status: 0, body: null, retry: 2 });
    request.send(file);
  });
}

async function sentence(body) {
  try {
    return JSON.parse(await body.text()).detail;
  } catch {
    return "";
  }
}
