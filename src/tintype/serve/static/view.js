// Where a picture lies in its window: plain geometry. Lengths are CSS pixels, scale is CSS pixels
// a pixel of the picture.

const CLOSEST = 8; // device pixels a pixel of the picture
const LARGEST_FIT = 2; // a small picture is not blown up beyond this

export class View {
  width = 1; // of the picture
  height = 1;
  box = { width: 1, height: 1, inset: 0 };
  scale = 1;
  x = 0; // of the picture's top left corner
  y = 0;

  get fitting() {
    const inner = (side) => Math.max(1, this.box[side] - 2 * this.box.inset);
    return Math.min(inner("width") / this.width, inner("height") / this.height, LARGEST_FIT);
  }

  get isFit() {
    return this.scale <= this.fitting * 1.001;
  }

  /** One pixel of the picture on one of the screen. */
  get full() {
    return 1 / window.devicePixelRatio;
  }

  fit() {
    this.scale = this.fitting;
    this.#settle();
  }

  /** Zoom so that the point of the window under (x, y) stays where it is. */
  zoomAt(scale, x = this.box.width / 2, y = this.box.height / 2) {
    const lowest = Math.min(this.fitting, this.full);
    const next = Math.min(Math.max(scale, lowest), CLOSEST * this.full);
    this.x = x - ((x - this.x) * next) / this.scale;
    this.y = y - ((y - this.y) * next) / this.scale;
    this.scale = next;
    this.#settle();
  }

  panBy(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.#settle();
  }

  /** The part of the window that shows picture. */
  get seen() {
    const cut = (at, length, room) => [Math.max(0, at), Math.min(room, at + length)];
    const [left, right] = cut(this.x, this.width * this.scale, this.box.width);
    const [top, bottom] = cut(this.y, this.height * this.scale, this.box.height);
    return { left, right, top, bottom };
  }

  /** A point of the window in pixels of the picture. */
  toPicture(x, y) {
    return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  #settle() {
    const place = (at, length, room, inset) => {
      if (length <= room - 2 * inset + 1) return (room - length) / 2;
      return Math.min(inset, Math.max(room - inset - length, at));
    };
    const { width, height, inset } = this.box;
    this.x = place(this.x, this.width * this.scale, width, inset);
    this.y = place(this.y, this.height * this.scale, height, inset);
  }
}
