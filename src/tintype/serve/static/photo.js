// One photograph: its file, what was wished of it, and previews of it before and after.

import { colorize, colorizeAsJob, Refusal } from "./api.js";
import { History } from "./history.js";

export const SHARPEST_PX = 6000; // two pictures of this are what a browser holds without pain
const PREVIEW_PX = 1600;
const TRIED_PX = 400; // short side: twice what a network looks at
const WHOLE_PIXELS = 24e6; // up to this, the server colors a JPEG faster than it makes it small
const OWN_PIXELS = 40e6; // up to this, the browser itself shows a JPEG
const HEAVY_BYTES = 8e6; // beyond this, changes are shown on a preview, so that less is sent

export class Photo extends EventTarget {
  state = "waiting"; // then working, and ready or failed
  refusal = null;
  sent = 0; // share of the upload
  size = null; // of the upright picture, known with the first preview
  before = null; // {url, image, px}: what it is, and how much of the longest side it shows
  after = null; // the same, and the strength that it has
  strength = 1;
  variant = 0; // 0 is the model's own coloring
  hints = new History([]);
  px = PREVIEW_PX; // how sharp it is wished
  #base = PREVIEW_PX; // how sharp it is at first
  #isJpeg = false;
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
      if (!this.before) await this.#open(running.signal);
      const first = this.before ?? show("before", this.#base);
      if (this.#isHeavy) await first;
      await Promise.all([first, show("after", this.#base)]);
      if (this.px > this.#base) {
        if (this.before.px < this.px) await show("before", this.px);
        await show("after", this.px);
      }
      this.#now({ state: "ready" });
    } catch (problem) {
      if (running.signal.aborted) return;
      running.abort(); // the other of two
      this.refuse(Refusal.of(problem, "The browser could not show it"));
    } finally {
      if (this.#running === running) this.#running = null;
    }
  }

  /** Give up what is under way, and stand in the line again. */
  wait() {
    this.#running?.abort();
    this.#now({ state: "waiting", refusal: null });
  }

  /** Say why it cannot be colored. */
  refuse(refusal) {
    this.#now({ state: "failed", refusal });
  }

  /** The file of full size that the server makes. */
  download(model, { signal, progress }) {
    const file = { blob: this.file, name: this.name };
    return colorizeAsJob({ file, ...this.#wishes(model) }, { signal, progress });
  }

  /** A copy to try colorings on: {blob, width, height}. */
  async small() {
    const { width, height } = this.size;
    const px = Math.round((TRIED_PX * Math.max(width, height)) / Math.min(width, height));
    const copy = smaller(this.before, Math.min(px, PREVIEW_PX));
    const blob = await copy.convertToBlob({ type: "image/jpeg", quality: 0.95 });
    return { blob, width: copy.width, height: copy.height };
  }

  /** Another coloring of such a copy; its URL is for the caller to revoke. */
  async tryOut(copy, model, variant, signal) {
    const wishes = { ...this.#wishes(model, copy), strength: 1, variant: variant || undefined };
    const file = { blob: copy.blob, name: this.name };
    const made = await colorize({ file, ...wishes, format: "jpeg" }, { signal });
    return look(made.blob);
  }

  /** Let go of what it holds. */
  close() {
    this.#running?.abort();
    for (const view of [this.before, this.after]) if (view) URL.revokeObjectURL(view.url);
  }

  #wishes(model, copy = null) {
    const { width, height } = copy ?? this.size ?? {}; // there are no hints before there is a size
    const points = this.hints.present.map(({ x, y, color }) => ({
      x: (x * width) / this.size.width,
      y: (y * height) / this.size.height,
      color,
    }));
    return {
      model,
      strength: this.strength,
      variant: this.variant || undefined,
      hints: points.length ? JSON.stringify({ points }) : undefined,
    };
  }

  get #isHeavy() {
    return this.file.size > HEAVY_BYTES;
  }

  /** A JPEG is shown at once, before the server has seen it. */
  async #open(signal) {
    this.#isJpeg = await this.#startsAsJpeg();
    const view = this.#isJpeg && (await look(this.file, OWN_PIXELS));
    if (signal.aborted) throw new DOMException("given up", "AbortError");
    if (!view) return;
    const { naturalWidth: width, naturalHeight: height } = view.image;
    if (width * height <= WHOLE_PIXELS && !this.#isHeavy) {
      this.#base = Math.max(width, height);
      this.px = Math.max(this.px, this.#base);
    }
    this.#now({ size: { width, height }, before: { ...view, px: Infinity } });
  }

  async #startsAsJpeg() {
    try {
      const [first, second] = new Uint8Array(await this.file.slice(0, 2).arrayBuffer());
      return first === 0xff && second === 0xd8;
    } catch {
      throw new Refusal({
        title: "The file cannot be read",
        detail: `${this.name} was moved or deleted, or is not yours to read.`,
      });
    }
  }

  async #show(side, model, px, signal) {
    const { strength, size } = this;
    const copy = side === "after" && px === PREVIEW_PX && this.#isHeavy ? smaller(this.before, PREVIEW_PX) : null;
    const blob = copy ? await copy.convertToBlob({ type: "image/jpeg", quality: 0.95 }) : this.file;
    const wishes = side === "before" ? { model, strength: 0 } : this.#wishes(model, copy);
    const whole = this.#isJpeg && size && px >= Math.max(size.width, size.height);
    const sent = (share) => this.before || this.#now({ sent: share });
    const made = await colorize(
      {
        file: { blob, name: this.name },
        ...wishes,
        format: "jpeg",
        preview_px: whole ? undefined : px,
      },
      { signal, sent },
    );
    const view = await look(made.blob);
    if (signal.aborted) {
      if (view) URL.revokeObjectURL(view.url);
      throw new DOMException("given up", "AbortError");
    }
    if (!view) {
      throw new Refusal({
        title: "The browser cannot show the preview",
        detail: "Memory may not suffice for a picture of this size.",
      });
    }
    const old = this[side];
    this.#now({ size: size ?? made.size, [side]: { ...view, px, strength } });
    if (old) setTimeout(() => URL.revokeObjectURL(old.url), 2000); // it may still be on the screen
  }

  #now(news) {
    Object.assign(this, news);
    this.dispatchEvent(new Event("change"));
  }
}

/** A picture that the browser has decoded; null where it cannot, or should not for its size. */
async function look(blob, mostPixels = Infinity) {
  const url = URL.createObjectURL(blob);
  const image = new Image();
  const loaded = new Promise((resolve, reject) => {
    image.onload = resolve;
    image.onerror = reject;
  });
  image.src = url;
  try {
    await loaded;
    if (image.naturalWidth * image.naturalHeight > mostPixels) throw new RangeError("too large");
    await image.decode();
    return { url, image };
  } catch {
    URL.revokeObjectURL(url);
    return null;
  }
}

/** A preview to color: small, and without the mark of our results, which are not colored again. */
function smaller({ image }, px) {
  const scale = Math.min(1, px / Math.max(image.naturalWidth, image.naturalHeight));
  const size = [image.naturalWidth, image.naturalHeight].map((side) =>
    Math.max(1, Math.round(side * scale)),
  );
  const canvas = new OffscreenCanvas(...size);
  const pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(image, 0, 0, ...size);
  return canvas;
}
