// The window in which a photograph lies: zoom, pan, and the seam between before and after.

import { View } from "./view.js";

const TAP_PX = 5; // a pointer that moves less is a tap
const DOUBLE_MS = 320;
const STEP = 1.25; // of zoom
const PAN_PX = 60;
const KNOB_PX = 30; // how near to the edge of the picture the knob may come
const TAGS_PX = 220; // a narrower picture has no room for both

const byId = (id) => document.getElementById(id);
const narrow = matchMedia(
  "(max-width: 55.99rem) and (orientation: portrait), (max-width: 39.99rem)", // as in the style sheets
);

/** Events: "tap" with {x, y} in pixels of the picture while `placing`, "zoom" after any change. */
export class Stage extends EventTarget {
  view = new View();
  placing = false;
  #split = 0; // share of the picture that is shown before color
  #pointers = new Map();
  #gesture = null;
  #lastTap = { at: 0, x: 0, y: 0 };

  constructor() {
    super();
    this.window = byId("stage");
    this.#listen();
    new ResizeObserver(() => this.#resize()).observe(this.window);
  }

  /** Show a picture of another size, or none. */
  lay(size) {
    byId("sheet").hidden = byId("seam").hidden = !size;
    if (!size) return;
    this.view.width = size.width;
    this.view.height = size.height;
    this.fit({ glide: false });
  }

  get split() {
    return this.#split;
  }

  /** Move the seam; 0 shows all in color. */
  set split(share) {
    this.#split = Math.min(1, Math.max(0, share));
    this.#draw();
  }

  /** Color sweeps over the picture. */
  reveal() {
    const to = this.split;
    this.split = 1;
    this.window.getBoundingClientRect(); // where the sweep starts
    this.#glide("sweeping", 900);
    this.split = to;
  }

  fit({ glide = true } = {}) {
    if (glide) this.#glide();
    this.view.fit();
    this.#draw();
  }

  zoomTo(scale, at) {
    this.#glide();
    this.view.zoomAt(scale, at?.x, at?.y);
    this.#draw();
  }

  zoomBy(factor) {
    this.zoomTo(this.view.scale * factor);
  }

  /** Of a pointer's event, in pixels of the picture. */
  pictureAt(event) {
    const { x, y } = this.#local(event);
    return this.view.toPicture(x, y);
  }

  #resize() {
    const wasFit = this.view.isFit;
    const { width, height } = this.window.getBoundingClientRect();
    this.view.box = { width, height, inset: narrow.matches ? 0 : Math.min(24, height / 16) };
    if (wasFit) this.view.fit();
    else this.view.panBy(0, 0);
    this.#draw();
  }

  #draw() {
    const { view } = this;
    const { left, right, top, bottom } = view.seen;
    const line = left + this.#split * (right - left);
    const sheet = byId("sheet").style;
    sheet.width = `${view.width * view.scale}px`;
    sheet.height = `${view.height * view.scale}px`;
    sheet.transform = `translate(${view.x}px, ${view.y}px)`;
    byId("after").style.clipPath = `inset(0 0 0 ${Math.max(0, line - view.x)}px)`;
    const seam = byId("seam");
    seam.style.transform = `translate(${line}px, ${top}px)`;
    seam.style.height = `${bottom - top}px`;
    seam.classList.toggle("at-edge", this.#split < 0.004 || this.#split > 0.996);
    const edge = Math.min(KNOB_PX, (right - left) / 2);
    const inside = Math.min(right - edge, Math.max(left + edge, line));
    byId("knob").style.transform = `translate(${inside - line}px, 0)`;
    const percent = Math.round(this.#split * 100);
    byId("knob").setAttribute("aria-valuenow", percent);
    byId("knob").setAttribute("aria-valuetext", `${percent}% before, ${100 - percent}% in color`);
    const tagged = this.#split > 0.12 && this.#split < 0.88 && right - left > TAGS_PX;
    for (const [id, x] of [["tag-before", left], ["tag-after", right]]) {
      byId(id).style.transform = `translate(${x}px, ${top}px)`;
      byId(id).classList.toggle("shown", tagged);
    }
    this.window.classList.toggle("zoomed", !view.isFit);
    this.dispatchEvent(new Event("zoom"));
  }

  #glide(kind = "gliding", ms = 260) {
    this.window.classList.add(kind);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.window.classList.remove("gliding", "sweeping"), ms);
  }

  #local(event) {
    const { left, top } = this.window.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  #listen() {
    const { window: element } = this;
    element.addEventListener("pointerdown", (event) => this.#down(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      element.addEventListener(end, (event) => this.#up(event));
    }
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    element.addEventListener("keydown", (event) => this.#key(event));
    byId("knob").addEventListener("keydown", (event) => this.#knobKey(event));
  }

  #down(event) {
    if (event.button || byId("sheet").hidden || event.target.closest(".dot, .refusal")) return;
    const at = this.#local(event);
    this.#pointers.set(event.pointerId, at);
    this.window.setPointerCapture(event.pointerId);
    if (this.#pointers.size === 1) {
      const onSeam = event.target.closest(".seam") !== null;
      this.#gesture = { kind: onSeam ? "split" : "tap", start: at, last: at };
      if (onSeam) byId("knob").focus({ preventScroll: true });
    } else {
      this.#gesture = { kind: "pinch", ...this.#spread() };
    }
  }

  #move(event) {
    if (!this.#pointers.has(event.pointerId)) return;
    const at = this.#local(event);
    this.#pointers.set(event.pointerId, at);
    const gesture = this.#gesture;
    const far = (p) => Math.hypot(at.x - p.x, at.y - p.y);
    if (gesture.kind === "tap" && far(gesture.start) > TAP_PX) {
      gesture.kind = this.view.isFit ? "split" : "pan";
    }
    if (gesture.kind === "split") {
      const { left, right } = this.view.seen;
      this.split = (at.x - left) / (right - left);
    } else if (gesture.kind === "pan") {
      this.view.panBy(at.x - gesture.last.x, at.y - gesture.last.y);
      this.#draw();
    } else if (gesture.kind === "pinch" && this.#pointers.size === 2) {
      const now = this.#spread();
      this.view.panBy(now.middle.x - gesture.middle.x, now.middle.y - gesture.middle.y);
      const scale = (this.view.scale * now.apart) / gesture.apart;
      this.view.zoomAt(scale, now.middle.x, now.middle.y);
      this.#gesture = { kind: "pinch", ...now };
      this.#draw();
    }
    gesture.last = at;
  }

  #up(event) {
    if (event.type === "pointerup") this.#move(event); // the last way may come with it
    if (!this.#pointers.delete(event.pointerId)) return;
    const gesture = this.#gesture;
    if (gesture.kind === "pinch") {
      const [left] = this.#pointers.values();
      this.#gesture = left ? { kind: "pan", start: left, last: left } : null;
    } else if (gesture.kind === "tap" && event.type === "pointerup") {
      this.#tap(event, gesture.start);
    }
  }

  #spread() {
    const [a, b] = [...this.#pointers.values()];
    return {
      apart: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)),
      middle: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 },
    };
  }

  #tap(event, { x, y }) {
    const point = this.view.toPicture(x, y);
    const { width, height } = this.view;
    const inside = point.x >= 0 && point.y >= 0 && point.x < width && point.y < height;
    if (this.placing) {
      if (inside) this.dispatchEvent(new CustomEvent("tap", { detail: point }));
      return;
    }
    const last = this.#lastTap;
    const twice =
      event.timeStamp - last.at < DOUBLE_MS && Math.hypot(x - last.x, y - last.y) < 6 * TAP_PX;
    this.#lastTap = { at: twice ? 0 : event.timeStamp, x, y };
    if (!twice) return;
    if (this.view.isFit) this.zoomTo(Math.max(this.view.full, 2 * this.view.fitting), { x, y });
    else this.fit();
  }

  #wheel(event) {
    if (byId("sheet").hidden) return;
    event.preventDefault();
    const { x, y } = this.#local(event);
    const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1);
    this.view.zoomAt(this.view.scale * Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.002)), x, y);
    this.#draw();
  }

  #key(event) {
    if (byId("sheet").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    const pan = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.key === "+" || event.key === "=") this.zoomBy(STEP);
    else if (event.key === "-") this.zoomBy(1 / STEP);
    else if (event.key === "0") this.fit();
    else if (event.key === "1") this.zoomTo(this.view.full);
    else if (event.target === this.window && pan[event.key] && !this.view.isFit) {
      this.view.panBy(...pan[event.key].map((n) => n * PAN_PX));
      this.#draw();
    } else return;
    event.preventDefault();
  }

  #knobKey(event) {
    const step = event.shiftKey ? 0.1 : 0.02;
    const to = {
      ArrowLeft: this.split - step,
      ArrowDown: this.split - step,
      ArrowRight: this.split + step,
      ArrowUp: this.split + step,
      PageDown: this.split - 0.1,
      PageUp: this.split + 0.1,
      Home: 0,
      End: 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.split = to;
  }
}
