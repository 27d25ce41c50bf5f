// What the scripts of the figures share: each calls bookFigure with its identifier, which shows the
// figure in place of its still and returns its elements, its data and a few tools.
function bookFigure(name) {
  const root = document.getElementById(name);
  root.hidden = false;
  root.parentElement.querySelector(".book-still").hidden = true;
  const find = selector => root.querySelector(selector);
  const all = selector => [...root.querySelectorAll(selector)];
  const spec = JSON.parse(find("script[type='application/json']").textContent);

  // Numbers as a reader sees them: a fixed number of places, a true minus, no minus before zero.
  const written = (x, places = 2) => {
    const text = x.toFixed(places);
    return /^-0(\.0*)?$/.test(text) ? text.slice(1) : text.replace("-", "\u2212");
  };
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
  // Numbers that Python stored with base64_text; kind is the array's, for example Float32Array.
  const numbers = (text, kind) => new kind(bytes(text).buffer);

  // A new element inside a drawing.
  const make = (parent, tag, attributes, text = "") => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
    element.textContent = text;
    parent.append(element);
    return element;
  };
  const set = (element, attributes) => Object.entries(attributes).forEach(
    ([key, value]) => element.setAttribute(key, value));

  // Draw an array of grey values or colours, four numbers a pixel, on a canvas of its size.
  const paint = (canvas, pixel) => {
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    for (let i = 0; i < canvas.width * canvas.height; i += 1) image.data.set(pixel(i), 4 * i);
    context.putImageData(image, 0, 0);
  };

  // Where an event is on a drawing, in the units of its viewBox.
  const place = (plane, event) => {
    const at = new DOMPoint(event.clientX, event.clientY)
      .matrixTransform(plane.getScreenCTM().inverse());
    return [at.x, at.y];
  };
  // Let a handle on a drawing be dragged by mouse, pen or finger: moved(x, y) says where to.
  const drag = (handle, plane, moved, taken = () => {}) => {
    handle.classList.add("book-handle");
    // Inside a drawing touch-action is not enough to keep the page from scrolling.
    handle.addEventListener("touchstart", event => event.preventDefault(), {passive: false});
    handle.addEventListener("pointerdown", event => {
      handle.setPointerCapture(event.pointerId);
      event.preventDefault();
      taken();
    });
    handle.addEventListener("pointermove", event => {
      if (handle.hasPointerCapture(event.pointerId)) moved(...place(plane, event));
    });
  };

  // A dial is a range with its value in words beside it: show(value, words) sets both.
  const dial = (element, turned) => {
    const range = element.querySelector("input"), shown = element.querySelector("span");
    range.addEventListener("input", () => turned(Number(range.value)));
    return (value, words) => {
      range.value = value;
      range.setAttribute("aria-valuetext", words);
      shown.textContent = words;
    };
  };
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  return {root, spec, find, all, written, bytes, numbers, make, set, paint, place, drag, dial, calm};
}
