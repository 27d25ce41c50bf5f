// Lays the slides out, once: what does not fit on one is continued on the next. Letters are never
// made smaller; figures are made as large as the slide lets them be.
(() => {
  const LEAST_LABEL = 16; // pixels: a figure with smaller letters is also shown in parts
  const OWN_LABEL = 12; // pixels: the letters of a drawing that does not say how small its are
  const LEAST_ZOOM = 20 / 24; // of a figure that moves, whose letters have 24 pixels
  const LEAST_DRAWING = 1.2; // of the size that a drawing among others has on the page
  const BESIDE = 360; // pixels: the width of a caption that stands beside its figure
  const html = document.documentElement;
  const printing = /print-pdf/i.test(window.location.search);

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const follow = () => { html.dataset.theme = dark.matches && !printing ? "dark" : "light"; };
  follow();
  dark.addEventListener("change", follow);

  const height = element => element.getBoundingClientRect().height;
  const narrow = element => element.scrollWidth <= element.clientWidth + 1;
  const fits = body => body.scrollHeight <= body.clientHeight + 1
    && [body, ...body.querySelectorAll("div.math > mjx-container, .math")].every(narrow);
  const below = (element, line) => element.getBoundingClientRect().bottom > line + 0.5;

  // A slide that goes on: the same place and notes, no title.
  const next = section => {
    const more = section.cloneNode(false);
    more.id += "-more";
    const sheet = section.querySelector(".sheet").cloneNode(false);
    const where = section.querySelector(".where").cloneNode(true);
    if (!where.querySelector(".continued")) {
      where.insertAdjacentHTML("beforeend", '<span class="continued"> (continued)</span>');
    }
    const body = section.querySelector(".body").cloneNode(false);
    sheet.append(where, body);
    more.append(sheet, section.querySelector("aside.notes").cloneNode(true));
    section.after(more);
    return [more, body];
  };

  // Cut a paragraph after the last sentence that ends above a line.
  const cutParagraph = (paragraph, line) => {
    let found = null;
    const walker = document.createTreeWalker(paragraph, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.parentElement.closest("mjx-container")) continue;
      for (const stop of node.data.matchAll(/[.?!:;]\s+(?=\S)|[.?!]\s*$/g)) {
        const range = document.createRange();
        range.setStart(node, 0);
        range.setEnd(node, stop.index + 1);
        if (range.getBoundingClientRect().bottom > line) return found;
        found = [node, stop.index + stop[0].length];
      }
    }
    return found;
  };

  // Take from an element what lies below a line, in a copy of its shell; null if all of it does.
  const cut = (element, line) => {
    if (element.tagName === "P") {
      const place = cutParagraph(element, line);
      if (!place) return null;
      const range = document.createRange();
      range.setStart(...place);
      range.setEnd(element, element.childNodes.length);
      const rest = element.cloneNode(false);
      rest.append(range.extractContents());
      return rest.textContent.trim() ? rest : null;
    }
    if (element.tagName === "PRE") {
      const lines = element.textContent.replace(/\n+$/, "").split("\n");
      const room = line - element.getBoundingClientRect().top;
      const many = Math.floor(room / (height(element) / lines.length));
      if (many < 2) return null;
      const rest = element.cloneNode(false);
      rest.textContent = lines.slice(many).join("\n");
      element.textContent = lines.slice(0, many).join("\n");
      return rest;
    }
    if (!/^(DIV|SECTION|OL|UL|LI|TABLE|TBODY)$/.test(element.tagName)) return null;
    const children = [...element.children];
    let first = children.findIndex(child => below(child, line));
    if (first < 0) return null;
    const rest = element.cloneNode(false);
    const inner = cut(children[first], line);
    if (inner) { rest.append(inner); first += 1; }
    // A title does not stand alone.
    if (!inner && (first === 0 || (first === 1 && children[0].matches(".admonition-title, thead")))) return null;
    if (element.tagName === "OL") rest.start = (element.start || 1) + first - (inner ? 1 : 0);
    rest.append(...children.slice(first));
    const head = element.querySelector(":scope > thead, :scope > .admonition-title");
    if (head) rest.prepend(head.cloneNode(true));
    return rest;
  };

  const flow = section => {
    const body = section.querySelector(".body");
    if (!section.querySelector(".continued")) body.classList.add("large");
    if (fits(body)) return;
    body.classList.remove("large");
    body.querySelectorAll("pre").forEach(pre => {
      if (pre.scrollWidth > pre.clientWidth) pre.classList.add("small");
    });
    if (fits(body)) return;
    const line = body.getBoundingClientRect().top + body.clientHeight;
    const children = [...body.children];
    let first = children.findIndex(child => below(child, line));
    if (first < 0) return;
    const inner = cut(children[first], line);
    if (!inner && first === 0) return; // nothing can be cut: a test finds such a slide
    const [more, room] = next(section);
    if (inner) { room.append(inner); first += 1; }
    room.append(...children.slice(first));
    flow(more);
  };

  // The empty strips across a drawing, along an axis, in its own units.
  const strips = (svg, box, axis) => {
    const frame = svg.getBoundingClientRect();
    const [start, size, from, length] = axis === "y"
      ? [frame.top, frame.height, box[1], box[3]] : [frame.left, frame.width, box[0], box[2]];
    const unit = length / size;
    const spans = [...svg.querySelectorAll("path, use, image, text, rect, circle, ellipse, line, polyline, polygon")]
      .filter(leaf => !leaf.closest("defs, clipPath, mask"))
      .map(leaf => leaf.getBoundingClientRect())
      .filter(r => (r.width || r.height) && (r.width < 0.95 * frame.width || r.height < 0.95 * frame.height))
      .map(r => axis === "y" ? [r.top, r.bottom] : [r.left, r.right])
      .toSorted((a, b) => a[0] - b[0]);
    const found = [];
    let end = Infinity;
    for (const [low, high] of spans) {
      if (low > end) found.push([from + (end - start) * unit, from + (low - start) * unit]);
      end = end === Infinity ? high : Math.max(end, high);
    }
    return found;
  };

  // Where to cut a drawing into so many parts: in the widest strip near each place.
  const cuts = (found, from, length, parts) => Array.from({length: parts - 1}, (_, i) => {
    const aim = from + length * (i + 1) / parts;
    const near = found.filter(s => Math.abs((s[0] + s[1]) / 2 - aim) < 0.4 * length / parts);
    const best = near.toSorted((a, b) => (b[1] - b[0]) - (a[1] - a[0]))[0];
    return best && (best[0] + best[1]) / 2;
  });

  // A drawing with small letters, in parts with larger ones: rows first, then columns.
  const parts = (svg, box, label, room) => {
    const scale = b => Math.min(room[0] / b[2], room[1] / b[3]);
    for (const [rows, columns] of [[2, 1], [1, 2], [3, 1], [4, 1], [1, 3], [2, 2], [3, 2], [2, 3], [3, 3]]) {
      const edges = (axis, from, length, many) =>
        [from, ...cuts(many > 1 ? strips(svg, box, axis) : [], from, length, many), from + length];
      const y = edges("y", box[1], box[3], rows), x = edges("x", box[0], box[2], columns);
      if ([...x, ...y].includes(undefined)) continue;
      const boxes = y.slice(1).flatMap((bottom, i) => x.slice(1).map((right, j) =>
        [x[j], y[i], right - x[j], bottom - y[i]]));
      if (boxes.every(b => label * scale(b) >= LEAST_LABEL)) return boxes;
    }
    return [];
  };

  const showParts = (section, svg, box, label) => {
    const body = section.querySelector(".body");
    const number = section.querySelector(".caption-number")?.textContent.trim() ?? "Figure";
    const line = 44; // pixels: what names the part
    const found = parts(svg, box, label, [body.clientWidth, body.clientHeight - line]);
    let drawing = svg.querySelector(":scope > g[id]:only-child");
    if (found.length && !drawing) {
      drawing = document.createElementNS("http://www.w3.org/2000/svg", "g");
      drawing.id = `drawing-${section.id}`;
      drawing.append(...svg.childNodes);
      svg.append(drawing);
    }
    let last = section;
    found.forEach((part, i) => {
      const [more, room] = next(last);
      more.id = `${section.id}-part-${i + 1}`;
      room.className = "body";
      const scale = Math.min(body.clientWidth / part[2], (body.clientHeight - line) / part[3]);
      room.innerHTML = `<svg class="book-piece" aria-hidden="true" viewBox="${part.join(" ")}" `
        + `width="${part[2] * scale}" height="${part[3] * scale}"><use href="#${drawing.id}"/></svg>`
        + `<p class="caption">${number}, part ${i + 1} of ${found.length}</p>`;
      last = more;
    });
  };

  // Many drawings in one figure: as large as a slide lets them be, on several if need be.
  const spread = (section, grid) => {
    const body = section.querySelector(".body");
    const items = [...grid.children];
    const natural = Math.max(...items.map(item => parseFloat(item.querySelector("svg").getAttribute("width"))));
    const wide = body.clientWidth;
    const fit = many => {
      items.forEach((item, i) => { item.hidden = i >= many; });
      for (let columns = 1; columns <= many; columns += 1) {
        const width = Math.min(wide / columns - 12, 3 * natural);
        grid.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
        grid.style.setProperty("--drawing", `${width}px`);
        if (fits(body)) return width;
      }
      return 0;
    };
    let many = items.length;
    for (let slides = 1; slides < items.length; slides += 1) {
      many = Math.ceil(items.length / slides);
      if (fit(many) >= LEAST_DRAWING * natural) break;
    }
    items.forEach(item => { item.hidden = false; });
    if (many === items.length) return;
    const [more, room] = next(section);
    room.append(...[...body.children].map(child => child.cloneNode(child.matches(".caption"))));
    const figure = grid.parentElement.cloneNode(false), rest = grid.cloneNode(false);
    rest.append(...items.slice(many));
    figure.append(rest);
    room.querySelector(".picture").append(figure);
    if (rest.children.length > many) spread(more, rest);
  };

  const draw = section => {
    const body = section.querySelector(".body");
    const caption = body.querySelector(".caption");
    const svg = body.querySelector("figure.book-figure > svg[role='img']:not([hidden])");
    const moving = body.querySelector("[data-interactive]:not([hidden])");
    const gap = 14;
    if (moving) {
      const picture = body.querySelector(".picture");
      const zoomed = () => {
        for (let i = 0, zoom = 1; i < 4 && !fits(body) && zoom > LEAST_ZOOM; i += 1) {
          const room = body.classList.contains("beside") ? 0 : height(caption) + gap;
          zoom = Math.max(LEAST_ZOOM, zoom * (body.clientHeight - room) / height(picture));
          moving.style.zoom = zoom;
        }
        return fits(body);
      };
      const square = moving.querySelector(".book-square");
      if (!caption || (!square && zoomed())) return;
      moving.style.zoom = "";
      body.classList.add("beside");
      picture.style.width = `${body.clientWidth - (square ? 300 : BESIDE) - 40}px`;
      if (!square) { zoomed(); return; }
      for (let side = 640; side > 320 && !fits(body); side -= 20) square.style.maxWidth = `${side}px`;
      return;
    }
    const grid = body.querySelector("figure.book-figure > div[style*='grid']");
    if (grid) spread(section, grid);
    if (!svg) return;
    const box = svg.getAttribute("viewBox").split(/[\s,]+/).map(Number);
    const wide = body.clientWidth, tall = body.clientHeight;
    const under = Math.min(wide, (tall - (caption ? height(caption) + gap : 0)) * box[2] / box[3]);
    let width = under;
    if (caption) {
      body.classList.add("beside");
      const beside = Math.min(wide - BESIDE - 40, tall * box[2] / box[3]);
      if (beside > under) {
        width = beside;
        body.querySelector(".picture").style.width = `${width}px`;
      } else {
        body.classList.remove("beside");
      }
    }
    Object.assign(svg.style, {width: `${width}px`, maxWidth: "none", height: "auto"});
    const least = parseFloat(svg.style.getPropertyValue("--least"));
    // --least is the width at which the smallest letters have nine pixels; 0 where there are none.
    const label = (Number.isNaN(least) ? OWN_LABEL : least ? 9 * box[2] / least : Infinity);
    section.dataset.label = Math.round(10 * label * width / box[2]) / 10;
    if (label * width / box[2] < LEAST_LABEL) showParts(section, svg, box, label);
  };

  // The window of the notes has no MathJax: there, formulas are the browser's own.
  const noted = () => Promise.all([...document.querySelectorAll("aside.notes .math")].map(async formula => {
    const [, tex] = formula.textContent.match(/\\[([]([^]*)\\[)\]]/) ?? [];
    if (!tex) return;
    const block = formula.tagName === "DIV";
    formula.innerHTML = await window.MathJax.tex2mmlPromise(tex, {display: block});
  }));

  const start = async () => {
    const {MathJax, Reveal, RevealNotes} = window;
    await MathJax.startup.promise;
    // Formulas with words in them are measured in the book's letters.
    await Promise.all([...document.fonts].map(face => face.load()));
    await MathJax.typesetPromise([...document.querySelectorAll(".sheet")]);
    await noted();
    await document.fonts.ready;
    document.querySelectorAll(".slides > section").forEach(section => {
      if (section.matches(".figure")) draw(section);
      else flow(section);
    });
    document.body.classList.remove("measuring");
    const printed = printing && new Promise(done => { Reveal.on("pdf-ready", done); });
    await Reveal.initialize({
      width: 1280, height: 720, margin: 0, center: false, transition: "none", hash: true,
      slideNumber: "c/t", scrollActivationWidth: null, pdfMaxPagesPerSlide: 1,
      keyboardCondition: event => !event.target.closest?.("select, .book-plot"),
      plugins: [RevealNotes],
    });
    Reveal.addKeyBinding({keyCode: 68, key: "D", description: "Light or dark"}, () => {
      html.dataset.theme = html.dataset.theme === "dark" ? "light" : "dark";
    });
    // From the controls of a figure, Escape leads back to the slides.
    document.addEventListener("keydown", event => {
      if (event.key !== "Escape" || !event.target.closest?.("[data-interactive]")) return;
      event.target.blur();
      event.stopPropagation();
    }, true);
    Reveal.on("slidechanged", () => window.dispatchEvent(new Event("resize")));
    await printed;
    html.dataset.ready = "";
  };
  start();
})();
