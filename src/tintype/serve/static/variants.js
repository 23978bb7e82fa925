// Other likely colorings of the photograph on the stage, small, to choose from.

const byId = (id) => document.getElementById(id);
const COUNT = 4; // the model's own among them
const THUMB_PX = 144;

/** Event: "change" with the number of the coloring as `detail`, 0 the model's own. */
export class Variants extends EventTarget {
  #buttons = [];
  #made = new WeakMap(); // photograph: {wish, images}
  #shown = null;

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
    byId("variants").querySelector(".thumbs").append(...this.#buttons);
  }

  /** Of a photograph; null where there is none, or the model knows no others. */
  show(photo, model) {
    byId("variants").hidden = !photo;
    if (!photo) return;
    for (const [number, button] of this.#buttons.entries()) {
      button.setAttribute("aria-pressed", number === photo.variant);
    }
    const wish = `${model} ${JSON.stringify(photo.hints.present)}`;
    if (photo.state === "ready" && this.#made.get(photo)?.wish !== wish) {
      this.#make(photo, model, wish);
    }
    this.#draw(photo);
  }

  async #make(photo, model, wish) {
    const made = { wish, images: [] };
    this.#made.set(photo, made);
    for (let number = 0; number < COUNT; number++) {
      const view = await photo.tryOut(model, number).catch(() => null);
      if (this.#made.get(photo) !== made) return;
      made.images[number] = view?.image;
      if (view) URL.revokeObjectURL(view.url);
      if (this.#shown?.photo === photo) this.#draw(photo);
    }
  }

  #draw(photo) {
    const { images = [] } = this.#made.get(photo) ?? {};
    const shown = (this.#shown = this.#shown?.photo === photo ? this.#shown : { photo, drawn: [] });
    for (const [number, button] of this.#buttons.entries()) {
      const image = images[number];
      const canvas = button.querySelector("canvas");
      if (shown.drawn[number] === image && image) continue;
      canvas.getContext("2d").clearRect(0, 0, THUMB_PX, THUMB_PX);
      if (image) cover(canvas, image);
      shown.drawn[number] = image;
    }
  }
}

/** The middle of a picture, filling a canvas. */
export function cover(canvas, image) {
  const { naturalWidth: width, naturalHeight: height } = image;
  const side = Math.min(width, height);
  const pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(image, (width - side) / 2, (height - side) / 2, side, side, 0, 0, canvas.width, canvas.height);
}
