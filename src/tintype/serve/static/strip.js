// The filmstrip: every photograph as a small frame.

import { cover } from "./cover.js";

const byId = (id) => document.getElementById(id);

/** Events: "choose" and "remove" with a photograph as `detail`. */
export class Strip extends EventTarget {
  #frames = new Map();
  #list = byId("strip").querySelector("ol");

  constructor() {
    super();
    this.#list.addEventListener("keydown", (event) => this.#key(event));
  }

  add(photo) {
    const frame = byId("frame").content.firstElementChild.cloneNode(true);
    const tell = (what) => this.dispatchEvent(new CustomEvent(what, { detail: photo }));
    frame.querySelector(".frame").addEventListener("click", () => tell("choose"));
    frame.querySelector(".drop").addEventListener("click", () => tell("remove"));
    frame.querySelector(".drop").setAttribute("aria-label", `Remove ${photo.name}`);
    frame.title = photo.name;
    this.#frames.set(photo, frame);
    this.#list.append(frame);
    this.update(photo);
  }

  remove(photo) {
    const frame = this.#frames.get(photo);
    const focused = frame.contains(document.activeElement);
    const next = frame.nextElementSibling ?? frame.previousElementSibling;
    frame.remove();
    this.#frames.delete(photo);
    if (focused) next?.querySelector(".frame").focus();
  }

  update(photo) {
    const frame = this.#frames.get(photo);
    const state = photo.after ? "in color" : photo.state === "failed" ? "refused" : "waiting";
    frame.dataset.state = state;
    frame.querySelector(".unseen").textContent = `${photo.name}, ${state}`;
    const view = photo.after ?? photo.before;
    if (view && frame.dataset.url !== view.url) {
      frame.dataset.url = view.url;
      cover(frame.querySelector("canvas"), view.image);
    }
  }

  show(photos, current) {
    byId("strip").hidden = photos.length < 2;
    for (const [photo, frame] of this.#frames) {
      const button = frame.querySelector(".frame");
      const was = button.getAttribute("aria-current");
      button.setAttribute("aria-current", photo === current);
      if (photo === current && was !== "true") {
        frame.scrollIntoView({ block: "nearest", inline: "nearest" });
      }
    }
  }

  #key(event) {
    const frame = event.target.closest("li");
    const to = {
      ArrowLeft: frame.previousElementSibling,
      ArrowRight: frame.nextElementSibling,
      Home: this.#list.firstElementChild,
      End: this.#list.lastElementChild,
    }[event.key];
    if (to) {
      event.preventDefault();
      to.querySelector(".frame").focus();
      to.querySelector(".frame").click();
    } else if (event.key === "Delete") {
      frame.querySelector(".drop").click();
    }
  }
}
