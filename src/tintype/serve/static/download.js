// Taking results home: one file of full size, or all in a ZIP.

import { Refusal } from "./api.js";
import { zip } from "./zip.js";

const byId = (id) => document.getElementById(id);

export class Download {
  #running = null;
  #model = () => undefined;

  /** `chosen()` is the photograph on the stage, `all()` those to take; `fail` shows a Refusal;
   *  `changed` hears that `isBusy` has. */
  constructor({ chosen, all, model, fail, changed }) {
    this.#model = model;
    this.fail = fail;
    this.changed = changed;
    const one = (signal) => this.#one(chosen(), signal);
    byId("download").addEventListener("click", () => this.#run(one));
    byId("download-all").addEventListener("click", () => this.#run((signal) => this.#all(all(), signal)));
    byId("cancel").addEventListener("click", () => this.#running?.abort());
  }

  get isBusy() {
    return this.#running !== null;
  }

  async #run(work) {
    const from = document.activeElement;
    this.#running = new AbortController();
    const { signal } = this.#running;
    byId("note").textContent = "";
    this.#show();
    byId("cancel").focus();
    try {
      byId("note").textContent = await work(signal);
    } catch (problem) {
      if (signal.aborted) byId("note").textContent = "Canceled.";
      else this.fail(Refusal.of(problem, "It could not be saved"));
    } finally {
      const stayed = [byId("cancel"), document.body].includes(document.activeElement);
      this.#running = null;
      this.#show();
      if (stayed) from.focus();
    }
  }

  async #one(photo, signal) {
    const made = await this.#make(photo, signal, (share, text) => this.#tell(share, text));
    save(made.blob, made.name);
    return [`Saved as ${made.name}.`, made.note].join(" ").trim();
  }

  async #all(photos, signal) {
    const files = [];
    const left = [];
    for (const [i, photo] of photos.entries()) {
      const tell = (share, text) =>
        this.#tell((i + (share ?? 0)) / photos.length, `${i + 1} of ${photos.length}: ${text}`);
      try {
        files.push(await this.#make(photo, signal, tell));
      } catch (problem) {
        if (!problem.status) throw problem; // the server is gone, or this was given up
        left.push(photo.name);
      }
    }
    if (files.length) save(await zip(files), "tintype.zip");
    const saved = files.length ? `Saved ${files.length} in tintype.zip.` : "Nothing to save.";
    return left.length ? `${saved} Left out: ${left.join(", ")}.` : saved;
  }

  #make(photo, signal, tell) {
    const texts = { uploading: "Sending", queued: "Waiting for its turn", running: "Coloring" };
    return photo.download(this.#model(), {
      signal,
      progress: (share, state) => tell(state === "queued" ? null : share, texts[state]),
    });
  }

  #show() {
    byId("under-way").hidden = !this.isBusy;
    this.#tell(null, "");
    this.changed();
  }

  #tell(share, text) {
    if (share === null) byId("saving").removeAttribute("value");
    else byId("saving").value = share;
    byId("saving-text").textContent = text;
  }
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
