// Other likely colorings of the photograph on the stage, small, to choose from.

import { cover } from "./cover.js";

const byId = (id) => document.getElementById(id);
const COUNT = 4; // the model's own among them
const THUMB_PX = 144;

/** Event: "change" with the number of the coloring as `detail`, 0 the model's own. */
export class Variants extends EventTarget {
  #buttons = [];
  #made = new WeakMap(); // photograph: {wish, images}
  #shown = null; // photograph, and the images that the buttons have
  #running = null;

  constructor() {
    super();
    for (let number = 0; number < COUNT; number++) {
      const button = byId("variant").content.firstElementChild.cloneNode(true);
      const name = number ? `Coloring ${number + 1}` : "The model's own coloring";
      button.setAttribute("aria-label", name);
      button.title = name;
      button.addEventListener("click", () =>
        this.dispatchEvent(new CustomEvent("change", { detail: number })),
      );
      this.#buttons.push(button);
    }
    byId("thumbs").append(...this.#buttons);
  }

  /** Of a photograph; null where there is none, or the model knows no others. */
  show(photo, model) {
    byId("variants").hidden = !photo;
    const wish = photo && `${model} ${JSON.stringify(photo.hints.present)}`;
    if (this.#running && (this.#running.photo !== photo || this.#running.wish !== wish)) {
      this.#running.abort();
      this.#running = null;
    }
    if (!photo) return;
    for (const [number, button] of this.#buttons.entries()) {
      button.setAttribute("aria-pressed", number === photo.variant);
    }
    const isMade = this.#made.get(photo)?.wish === wish;
    if (photo.state === "ready" && !isMade && !this.#running) this.#make(photo, model, wish);
    byId("thumbs").setAttribute("aria-busy", this.#running !== null);
    this.#draw(photo);
  }

  async #make(photo, model, wish) {
    const running = (this.#running = Object.assign(new AbortController(), { photo, wish }));
    const made = { wish, images: [] };
    try {
      const copy = await photo.small();
      for (let number = 0; number < COUNT; number++) {
        const view = await photo.tryOut(copy, model, number, running.signal);
        if (running.signal.aborted) return;
        made.images[number] = view?.image;
        if (view) URL.revokeObjectURL(view.url);
        this.#made.set(photo, made);
        this.#draw(photo);
      }
    } catch {
      // what is missing stays blank until the photograph, its hints or the model change
      if (!running.signal.aborted) this.#made.set(photo, made);
    } finally {
      if (this.#running === running) {
        this.#running = null;
        byId("thumbs").setAttribute("aria-busy", false);
      }
    }
  }

  #draw(photo) {
    const { images = [] } = this.#made.get(photo) ?? {};
    if (this.#shown?.photo !== photo) this.#shown = { photo, images: [] };
    for (const [number, button] of this.#buttons.entries()) {
      const image = images[number];
      if (image && this.#shown.images[number] === image) continue;
      const canvas = button.querySelector("canvas");
      canvas.getContext("2d").clearRect(0, 0, THUMB_PX, THUMB_PX);
      if (image) cover(canvas, image);
      this.#shown.images[number] = image;
    }
  }
}
