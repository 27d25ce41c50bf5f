(() => {
  const {spec, find, all, bytes, numbers, place: where} = bookFigure("ID");
  const packed = bytes(spec.images);
  const places = spec.readings.map(r => numbers(r.points, Uint16Array));
  const near = spec.readings.map(r => numbers(r.neighbours, Uint16Array));
  const choice = find("select");
  const range = find("input");
  const reading = find(".book-reading");
  const found = find(".book-found");
  const map = find("svg");
  const dots = [...map.querySelector("g").children];
  const [ring, ...rings] = map.querySelectorAll("circle.book-ring");
  const canvas = find("canvas");
  const context = canvas.getContext("2d");
  const values = all("dd");
  const s = spec.side, n = spec.labels.length, k = spec.count, columns = Math.ceil(k / 2);
  const paint = (item, left, top, zoom) => {
    const image = context.createImageData(s * zoom, s * zoom);
    for (let y = 0; y < s * zoom; y += 1) for (let x = 0; x < s * zoom; x += 1) {
      const i = (item * s + Math.floor(y / zoom)) * s + Math.floor(x / zoom);
      const level = i % 2 ? packed[i >> 1] & 15 : packed[i >> 1] >> 4;
      image.data.set([level * 17, level * 17, level * 17, 255], 4 * (y * s * zoom + x));
    }
    context.putImageData(image, left, top);
  };
  const put = (element, c, i) => {
    element.style.transform =
      `translate(${places[c][2 * i] / 10}px,${places[c][2 * i + 1] / 10}px)`;
  };
  const draw = () => {
    const c = Number(choice.value), q = Number(range.value);
    const own = [...near[c].subarray(q * k, q * k + k)];
    dots.forEach((dot, i) => put(dot, c, i));
    put(ring, c, q);
    rings.forEach((element, j) => put(element, c, own[j]));
    context.clearRect(0, 0, canvas.width, canvas.height);
    paint(q, 0, 0, 2);
    own.forEach((item, j) => paint(item,
      2 * s + 6 + (j % columns) * (s + 2), Math.floor(j / columns) * (s + 2), 1));
    const text = `nearest: ${own.map(i => spec.labels[i]).join(", ")}`;
    reading.textContent = spec.labels[q];
    range.setAttribute("aria-valuetext", `${spec.labels[q]}, number ${q + 1} of ${n}`);
    found.textContent = text;
    canvas.setAttribute("aria-label", `the chosen item, ${spec.labels[q]}; ${text}`);
    Object.values(spec.readings[c].numbers).forEach((v, i) => { values[i].textContent = v; });
  };
  map.addEventListener("click", event => {
    const [x, y] = where(map, event);
    const place = places[Number(choice.value)];
    let best = 0, least = Infinity;
    for (let i = 0; i < n; i += 1) {
      const d = Math.hypot(place[2 * i] / 10 - x, place[2 * i + 1] / 10 - y);
      if (d < least) { least = d; best = i; }
    }
    range.value = best;
    draw();
  });
  choice.addEventListener("input", draw);
  range.addEventListener("input", draw);
  draw();
})();
