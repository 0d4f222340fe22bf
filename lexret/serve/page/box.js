// Lets somebody draw a box over a picture; tells it in the picture's own pixels.
import { el } from "./dom.js";

const SMALLEST = 8; // pixels of the screen; less is a click

export function drawable(image, size, box, onBox) {
  const frame = el("div", { class: "frame", hidden: true });
  const area = el("div", { class: "draw" }, image, frame);
  let start = null;

  const show = (x0, y0, x1, y1) => {
    frame.hidden = false;
    Object.assign(frame.style, {
      left: `${100 * x0}%`, top: `${100 * y0}%`, width: `${100 * (x1 - x0)}%`, height: `${100 * (y1 - y0)}%`,
    });
  };
  const at = (event) => {
    const { left, top, width, height } = image.getBoundingClientRect();
    const within = (value) => Math.min(1, Math.max(0, value));
    return [within((event.clientX - left) / width), within((event.clientY - top) / height)];
  };
  const corners = (event) => {
    const [x, y] = at(event);
    return [Math.min(x, start[0]), Math.min(y, start[1]), Math.max(x, start[0]), Math.max(y, start[1])];
  };
  area.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    area.setPointerCapture(event.pointerId);
    start = at(event);
  });
  area.addEventListener("pointermove", (event) => { if (start) show(...corners(event)); });
  area.addEventListener("pointercancel", () => { start = null; frame.hidden = true; });
  area.addEventListener("pointerup", (event) => {
    if (!start) return;
    const [x0, y0, x1, y1] = corners(event);
    const { width, height } = image.getBoundingClientRect();
    start = null;
    if ((x1 - x0) * width < SMALLEST || (y1 - y0) * height < SMALLEST) {
      frame.hidden = true;
      return onBox(null, [x0, y0]);
    }
    const x = Math.floor(x0 * size.width), y = Math.floor(y0 * size.height);
    const w = Math.max(1, Math.min(size.width - x, Math.round((x1 - x0) * size.width)));
    const h = Math.max(1, Math.min(size.height - y, Math.round((y1 - y0) * size.height)));
    onBox([x, y, w, h].join(","));
  });
  if (box) {
    const [x, y, w, h] = box.split(",").map(Number);
    show(x / size.width, y / size.height, (x + w) / size.width, (y + h) / size.height);
  }
  return area;
}
