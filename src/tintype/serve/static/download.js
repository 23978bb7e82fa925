// Taking results home: one file of full size, or all in a ZIP.

import { zip } from "./zip.js";

const byId = (id) => document.getElementById(id);

export class Download {
  #running = null;
  #model = () => undefined;

  /** `chosen()` is the photograph on the stage, `all()` those to take; `fail` shows a Refusal. */
  constructor({ chosen, all, model, fail }) {
    this.#model = model;
    this.fail = fail;
    byId("download").addEventListener("click", () => this.#run(() => this.#one(chosen())));
    byId("download-all").addEventListener("click", () => this.#run(() => this.#all(all())));
    byId("cancel").addEventListener("click", () => this.#running?.abort());
  }

  async #run(work) {
    this.#running = new AbortController();
    byId("note").textContent = "";
    const from = document.activeElement;
    this.#busy(true);
    byId("cancel").focus();
    try {
      byId("note").textContent = await work();
    } catch (problem) {
      if (problem.name === "AbortError") byId("note").textContent = "Canceled.";
      else if ("title" in problem) this.fail(problem);
      else throw problem;
    } finally {
      this.#busy(false);
      from.focus();
    }
  }

  async #one(photo) {
    const made = await this.#make(photo, (share, text) => this.#tell(share, text));
    save(made.blob, made.name);
    return [`Saved as ${made.name}.`, made.note].join(" ").trim();
  }

  async #all(photos) {
    const files = [];
    const left = [];
    for (const [i, photo] of photos.entries()) {
      const tell = (share, text) =>
        this.#tell((i + (share ?? 0)) / photos.length, `${i + 1} of ${photos.length}: ${text}`);
      try {
        files.push(await this.#make(photo, tell));
      } catch (problem) {
        if (!problem.status) throw problem; // the server is gone, or this was given up
        left.push(photo.name);
      }
    }
    if (files.length) save(await zip(files), "tintype.zip");
    const saved = files.length ? `Saved ${files.length} in tintype.zip.` : "Nothing to save.";
    return left.length ? `${saved} Left out: ${left.join(", ")}.` : saved;
  }

  #make(photo, tell) {
    const texts = { uploading: "Sending", queued: "Waiting for its turn", running: "Coloring" };
    return photo.download(this.#model(), {
      signal: this.#running.signal,
      progress: (share, state) => tell(state === "queued" ? null : share, texts[state]),
    });
  }

  #busy(busy) {
    byId("under-way").hidden = !busy;
    byId("download").disabled = byId("download-all").disabled = busy;
    this.#tell(null, "");
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
