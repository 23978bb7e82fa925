// What the page is made of, and how the parts hear of each other.

import { get, onToken, Refusal } from "./api.js";
import { Download } from "./download.js";
import { Hints } from "./hints.js";
import { Photo, SHARPEST_PX } from "./photo.js";
import { Stage } from "./stage.js";
import { Strip } from "./strip.js";
import { Variants } from "./variants.js";

const byId = (id) => document.getElementById(id);
const stage = new Stage();
const hints = new Hints(stage);
const strip = new Strip();
const variants = new Variants();
const photos = [];
let current = null;
let models = [];
let limits = {};
let working = false;
const later = new Map(); // timers of photographs that were changed
const told = new WeakMap();

const model = () => models.find(({ name }) => name === byId("model").value);
const percent = (share) => `${Math.round(share * 100)}%`;
const takeable = () => photos.filter(({ state, after }) => after || state !== "failed");
const say = (text) => (byId("status").textContent = text);

// photographs

function add(files) {
  const most = limits.max_bytes ?? Infinity;
  const large = files.filter(({ size }) => size > most);
  if (large.length) tooLarge(large, most);
  const added = files.filter(({ size }) => size <= most).map((file) => {
    const photo = new Photo(file);
    photo.addEventListener("change", () => changed(photo));
    strip.add(photo);
    return photo;
  });
  if (!added.length) return;
  photos.push(...added);
  choose(added[0]);
  work();
}

function tooLarge(files, most) {
  const mb = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
  const each = files.map(({ name, size }) => `${name} has ${mb(size)}`);
  alarm({
    title: files.length > 1 ? `${files.length} files are too large` : `${files[0].name} is too large`,
    detail: `${each.join(", ")}; this server takes up to ${mb(most)}.`,
    hint: "For larger files use `tintype colorize` on the command line.",
  });
}

function choose(photo) {
  current = photo;
  byId("empty").hidden = photo !== null;
  for (const id of ["desk", "panel", "open"]) byId(id).hidden = photo === null;
  document.title = photo ? `${photo.name} – tintype` : "tintype";
  stage.lay(null);
  shownSize = null;
  show();
}

function remove(photo) {
  const at = photos.indexOf(photo);
  photos.splice(at, 1);
  clearTimeout(later.get(photo));
  later.delete(photo);
  if (complaint === photo) hush();
  photo.close();
  strip.remove(photo);
  if (photo === current) choose(photos[at] ?? photos[at - 1] ?? null);
  show();
  const lost = !document.activeElement.offsetParent; // what had the focus is gone or hidden
  if (lost) byId(current ? "stage" : "choose").focus();
  say(`${photo.name} removed`);
}

/** Color what waits, the one on the stage first, one at a time. */
async function work() {
  if (working) return;
  working = true;
  const waits = (photo) => photo?.state === "waiting";
  try {
    if (!models.length) await meet();
    while (waits(current) || photos.some(waits)) {
      await (waits(current) ? current : photos.find(waits)).develop(model().name);
    }
  } catch (problem) {
    const refusal = Refusal.of(problem, "The page could not start");
    if (!photos.length) alarm(refusal);
    for (const photo of photos.filter(waits)) photo.refuse(refusal);
  } finally {
    working = false;
  }
}

function changed(photo) {
  strip.update(photo);
  if (photo === current) show();
  if (photo.state === told.get(photo)) return;
  told.set(photo, photo.state);
  if (photo.state === "ready") {
    say(`${photo.name} is in color`);
    if (complaint === photo) hush();
  }
  if (photo.state === "failed" && photo.after) alarm(photo.refusal, photo);
  else if (photo.state === "failed") say(`${photo.name}: ${photo.refusal.title}. ${photo.refusal.detail}`);
}

/** Color it anew, after `ms` in which nothing more is changed. */
function develop(photo, ms) {
  clearTimeout(later.get(photo));
  const start = () => {
    later.delete(photo);
    photo.develop(model().name);
  };
  later.set(photo, setTimeout(start, ms));
  show();
}

// what the stage shows

let shownSize = null;
const revealed = new WeakSet();

function show() {
  strip.show(photos, current);
  const taken = takeable().length;
  byId("download-all").hidden = taken < 2;
  byId("download-all").disabled = download.isBusy;
  byId("download-all").textContent = `All ${taken} as a ZIP`;
  hints.show(current?.before ? current : null, model()?.takes_hints);
  variants.show(model()?.gives_confidence && current?.after ? current : null, model()?.name);
  if (!current) return;
  const { state, before, after, size, refusal } = current;
  if (size !== shownSize) {
    shownSize = size;
    stage.lay(size);
  }
  put(byId("before"), before);
  put(byId("after"), after);
  byId("after").hidden = !after;
  byId("before").alt = `${current.name}, before`;
  byId("after").alt = `${current.name}, in color`;
  byId("seam").hidden = byId("tag-before").hidden = byId("tag-after").hidden = !after;
  if (after && !revealed.has(current)) {
    revealed.add(current);
    stage.reveal();
  }
  live();
  const failed = state === "failed" && !after;
  const blank = !before && !failed;
  byId("loading").hidden = !blank;
  byId("loading").textContent = current.sent < 1 ? "Opening" : "Developing";
  byId("thread").hidden = state !== "working";
  if (blank && current.sent > 0 && current.sent < 1) byId("thread").value = current.sent;
  else byId("thread").removeAttribute("value");
  byId("refusal").hidden = !failed;
  if (failed) {
    byId("refusal").querySelector("h3").textContent = refusal.title;
    byId("refusal").querySelector(".detail").replaceChildren(...prose(refusal.detail));
    byId("refusal").querySelector(".remedy").replaceChildren(...prose(refusal.hint));
    byId("again").hidden = !refusal.mayPass;
  }
  byId("name").textContent = current.name;
  byId("facts").textContent = [
    size && `${size.width} × ${size.height}`,
    state === "working" && before && "coloring",
  ]
    .filter(Boolean)
    .join(", ");
  byId("fine").textContent =
    `Colored by ${model()?.name}. The colors are a guess: believable, not evidence.`;
  byId("strength").value = current.strength;
  byId("strength-at").textContent = percent(current.strength);
  byId("strength").disabled = !after;
  byId("download").disabled = !after || download.isBusy;
  byId("zoom").classList.toggle("away", !size);
  const busy = state === "waiting" || state === "working" || later.has(current);
  byId("desk").setAttribute("aria-busy", busy);
}

function put(image, view) {
  if (!view) image.removeAttribute("src");
  else if (image.getAttribute("src") !== view.url) image.src = view.url;
}

/** Until the server has answered, a change of strength is shown by saturation alone. */
function live() {
  const made = current.after?.strength ?? current.strength;
  const share = made ? current.strength / made : 1;
  byId("after").style.filter = share === 1 ? "" : `saturate(${share})`;
}

stage.addEventListener("zoom", () => {
  const { view } = stage;
  byId("zoom-at").textContent = percent(view.scale / view.full);
  byId("zoom-fit").setAttribute("aria-pressed", view.isFit);
  byId("zoom-full").setAttribute("aria-pressed", Math.abs(view.scale / view.full - 1) < 0.005);
  if (!current?.after) return;
  const longest = Math.max(view.width, view.height);
  const needed = (longest * Math.min(view.scale, view.full)) / view.full;
  if (needed > 1.1 * current.px && current.px < Math.min(longest, SHARPEST_PX)) {
    current.px = Math.min(longest, SHARPEST_PX);
    develop(current, 250);
  }
});

// controls

byId("strength").addEventListener("input", () => {
  current.strength = Number(byId("strength").value);
  develop(current, 200);
});
hints.addEventListener("change", ({ detail }) => {
  say(detail.what);
  develop(current, detail.goesOn ? 200 : 0);
});
variants.addEventListener("change", ({ detail }) => {
  if (!current || current.variant === detail) return;
  current.variant = detail;
  develop(current, 0);
});
byId("model").addEventListener("change", () => {
  if (!model().gives_confidence) for (const photo of photos) photo.variant = 0;
  for (const photo of photos) photo.wait();
  work();
});
byId("zoom-in").addEventListener("click", () => stage.zoomBy(1.5));
byId("zoom-out").addEventListener("click", () => stage.zoomBy(1 / 1.5));
byId("zoom-fit").addEventListener("click", () => stage.fit());
byId("zoom-full").addEventListener("click", () => stage.zoomTo(stage.view.full));
byId("again").addEventListener("click", () => {
  const passed = (photo) => photo.state === "failed" && !photo.after && photo.refusal.mayPass;
  for (const photo of photos.filter(passed)) photo.wait();
  work();
});
byId("remove").addEventListener("click", () => remove(current));
strip.addEventListener("choose", ({ detail }) => {
  choose(detail);
  work();
});
strip.addEventListener("remove", ({ detail }) => remove(detail));
const download = new Download({
  chosen: () => current,
  all: takeable,
  model: () => model().name,
  fail: alarm,
  changed: show,
});

byId("theme").addEventListener("click", () => {
  const dark = !byId("theme").matches("[aria-pressed=true]");
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  byId("theme").setAttribute("aria-pressed", dark);
});
byId("theme").setAttribute("aria-pressed", matchMedia("(prefers-color-scheme: dark)").matches);

// files come in: chosen, dropped, pasted

for (const id of ["choose", "open"]) byId(id).addEventListener("click", () => byId("files").click());
byId("files").addEventListener("change", () => {
  add([...byId("files").files]);
  byId("files").value = "";
});
document.addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (files.length) add(files);
});
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
document.addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  byId("curtain").hidden = false;
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) byId("curtain").hidden = true;
});
document.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  byId("curtain").hidden = true;
  const folders = [...event.dataTransfer.items]
    .map((item) => item.webkitGetAsEntry?.())
    .filter((entry) => entry?.isDirectory)
    .map((entry) => entry.name);
  if (folders.length) {
    alarm({
      title: `${folders[0]} is a folder`,
      detail: "This page takes the photographs in it, dropped as files.",
      hint: "For whole folders there is `tintype colorize FOLDER`.",
    });
  }
  add([...event.dataTransfer.files].filter(({ name }) => !folders.includes(name)));
});

// messages

let complaint = null; // the photograph that the message is about

function alarm({ title, detail, hint = "" }, photo = null) {
  complaint = photo;
  const element = (tag, className, ...children) => {
    const made = Object.assign(document.createElement(tag), { className });
    made.append(...children);
    return made;
  };
  const button = (text, act) => {
    const made = element("button", "quiet small", text);
    made.addEventListener("click", act);
    return made;
  };
  const again = photo ? [button("Try again", () => photo.develop(model().name))] : [];
  byId("alert").replaceChildren(
    element("strong", "", title),
    element("p", "", ...prose(`${detail} ${hint}`)),
    element("span", "buttons", ...again, button("Close", hush)),
  );
}

/** Text with `commands` in it, as nodes. */
function prose(text) {
  return text.split("`").map((part, i) => {
    const tag = i % 2 ? document.createElement("code") : document.createTextNode("");
    tag.textContent = part;
    return tag;
  });
}

function hush() {
  byId("alert").replaceChildren();
}

onToken(async (wrong) => {
  const dialog = byId("token-dialog");
  byId("token-wrong").hidden = !wrong;
  byId("token").value = "";
  dialog.showModal();
  await new Promise((closed) => dialog.addEventListener("close", closed, { once: true }));
  if (!byId("token").validity.valid) throw new Refusal({ title: "No token was given", status: 401 });
  return byId("token").value;
});

/** What the server has, and what it takes. */
async function meet() {
  const known = await get("/v1/models");
  limits = await get("/v1/limits");
  models = known.models;
  for (const { name, summary } of models) {
    const option = new Option(name, name);
    option.title = summary;
    byId("model").add(option);
  }
  byId("model").value = known.default;
  byId("model-choice").hidden = models.length < 2;
}

const isHere = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
byId("promise").textContent = isHere
  ? "Nothing leaves this machine."
  : `Photographs are sent to ${location.host} to be colored, and nowhere else.`;
work();
