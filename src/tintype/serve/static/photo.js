// One photograph: its file, what was wished of it, and previews of it before and after.

import { colorize, colorizeAsJob } from "./api.js";
import { History } from "./history.js";

export const PREVIEW_PX = 1600;
export const SHARPEST_PX = 6000; // two pictures of this are what a browser holds without pain
const HEAVY_BYTES = 8e6; // beyond it the file is sent once, and changes are shown on its preview

export class Photo extends EventTarget {
  state = "waiting"; // then working, and ready or failed
  refusal = null;
  sent = 0; // share of the upload
  size = null; // of the upright picture, known with the first preview
  before = null; // {blob, url, px}
  after = null;
  strength = 1;
  hints = new History([]);
  px = PREVIEW_PX;
  #running = null;

  constructor(file) {
    super();
    this.file = file;
    this.name = file.name;
  }

  /** Bring the previews up to date with what is wished; an earlier call gives way to a later. */
  async develop(model) {
    this.#running?.abort();
    const running = (this.#running = new AbortController());
    this.#now({ state: "working", refusal: null });
    const show = (side, px) => this.#show(side, model, px, running.signal);
    try {
      if (this.#isHeavy) {
        if (!this.before) await show("before", PREVIEW_PX);
        await show("after", PREVIEW_PX);
      } else {
        await Promise.all([this.before ?? show("before", PREVIEW_PX), show("after", PREVIEW_PX)]);
      }
      if (this.px > PREVIEW_PX) {
        if (this.before.px < this.px) await show("before", this.px);
        await show("after", this.px);
      }
      this.#now({ state: "ready" });
    } catch (problem) {
      if (problem.name === "AbortError") return;
      if (!("title" in problem)) throw problem;
      running.abort(); // the other of two
      this.#now({ state: "failed", refusal: problem });
    } finally {
      if (this.#running === running) this.#running = null;
    }
  }

  /** Say why it cannot be colored. */
  refuse(refusal) {
    this.#now({ state: "failed", refusal });
  }

  /** The file of full size that the server makes. */
  download(model, { signal, progress }) {
    const file = { blob: this.file, name: this.name };
    return colorizeAsJob({ file, ...this.#wishes(model, 1) }, { signal, progress });
  }

  /** Let go of what it holds. */
  close() {
    this.#running?.abort();
    for (const view of [this.before, this.after]) if (view) URL.revokeObjectURL(view.url);
  }

  #wishes(model, scale) {
    const points = this.hints.present.map(({ x, y, color }) => ({ x: x * scale, y: y * scale, color }));
    return {
      model,
      strength: this.strength,
      hints: points.length ? JSON.stringify({ points }) : undefined,
    };
  }

  get #isHeavy() {
    return this.file.size > HEAVY_BYTES;
  }

  async #show(side, model, px, signal) {
    const small = side === "after" && px === PREVIEW_PX && this.#isHeavy;
    const blob = small ? await copy(this.before.blob) : this.file;
    const scale = small ? this.before.width / this.size.width : 1;
    const wishes = side === "before" ? { model, strength: 0 } : this.#wishes(model, scale);
    const { strength } = this;
    const whole = this.size && px >= Math.max(this.size.width, this.size.height);
    const preview_px = whole ? undefined : px; // a whole JPEG is faster than a smaller one
    const sent = (share) => this.before || this.#now({ sent: share });
    const made = await colorize(
      { file: { blob, name: this.name }, ...wishes, format: "jpeg", preview_px },
      { signal, sent },
    );
    const url = URL.createObjectURL(made.blob);
    const image = new Image();
    image.src = url;
    await image.decode();
    if (signal.aborted) {
      URL.revokeObjectURL(url);
      throw new DOMException("given up", "AbortError");
    }
    const old = this[side];
    this.size ??= made.size;
    this.#now({ [side]: { blob: made.blob, url, px, strength, width: image.naturalWidth } });
    if (old) setTimeout(() => URL.revokeObjectURL(old.url), 2000); // it may still be on the screen
  }

  #now(news) {
    Object.assign(this, news);
    this.dispatchEvent(new Event("change"));
  }
}

/** A preview without the mark of our results, which the server would not color again. */
async function copy(blob) {
  const image = await createImageBitmap(blob);
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
}
