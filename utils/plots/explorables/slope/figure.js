(() => {
  const {spec, find, all, written, bytes, make, set, paint, drag, dial} = bookFigure("ID");
  const [way, network, zoom] = all("select");
  const canvas = find("canvas"), plane = find(".book-plane"), axes = find(".book-axes");
  const said = find("output"), range = find(".book-dial input");
  const [left, right, top, bottom] = spec.box;
  const pictures = spec.paths.map(path => bytes(path.pictures));
  const zeros = spec.paths.map(path => path.times.indexOf(0));
  const size = canvas.width * canvas.height;
  let at = spec.start;  // which of the times the secant ends at

  const number = x => String(Number(x.toPrecision(6))).replace("-", "\u2212");
  const lines = spec.strokes.map(([stroke, width, dash]) => make(find(".book-lines"), "path",
    {stroke, "stroke-width": width, "stroke-dasharray": dash || "none"}));
  const origin = make(find(".book-ends"), "circle", {r: 3.5, fill: "currentColor"});
  const end = make(find(".book-ends"), "circle", {r: 7, fill: spec.strokes[1][0]});
  const handle = make(find(".book-ends"), "circle", {r: 18, fill: "transparent"});
  const ticks = (low, high) => {
    const rough = (high - low) / 4, power = Math.floor(Math.log10(rough));
    const times = [1, 2, 5, 10].find(m => m * 10 ** power >= rough), step = times * 10 ** power;
    const found = [];
    for (let k = Math.ceil(low / step); k <= Math.floor(high / step); k += 1) found.push(k * step);
    return [found, Math.max(0, -power - (times === 10 ? 1 : 0))];
  };
  const reachOf = path => Math.max(...path.times.map(Math.abs)) / Number(zoom.value);
  const inside = (path, k) => Math.abs(path.times[k]) <= reachOf(path) * (1 + 1e-9);

  let turn = null;
  const draw = () => {
    const path = spec.paths[way.value], {times} = path, zero = zeros[way.value];
    const values = path.outputs[network.value], slope = path.slopes[network.value];
    const reach = reachOf(path), own = times.map((_, k) => k).filter(k => inside(path, k));
    const seen = own.map(k => values[k]), least = Math.min(...seen), most = Math.max(...seen);
    const air = .12 * (most - least) || .5, low = least - air, high = most + air;
    const across = t => left + (right - left) * (t + reach) / (2 * reach);
    const down = y => bottom - (bottom - top) * (y - low) / (high - low);
    const point = (t, y) => `${across(t).toFixed(1)} ${down(y).toFixed(1)}`;
    const straight = s => {
      const ends = s ? [(low - values[zero]) / s, (high - values[zero]) / s] : [-reach, reach];
      return `M${[Math.max(-reach, Math.min(...ends)), Math.min(reach, Math.max(...ends))].map(
        t => point(t, values[zero] + s * t)).join("L")}`;
    };
    const h = times[at], secant = (values[at] - values[zero]) / h;
    [`M${own.map(k => point(times[k], values[k])).join("L")}`, straight(secant), straight(slope)]
      .forEach((d, i) => lines[i].setAttribute("d", d));
    set(origin, {cx: across(0).toFixed(1), cy: down(values[zero]).toFixed(1)});
    [end, handle].forEach(circle => set(circle,
      {cx: across(h).toFixed(1), cy: down(values[at]).toFixed(1)}));

    axes.replaceChildren();
    make(axes, "path", {d: `M${across(0).toFixed(1)} ${top}V${bottom}`, stroke: "currentColor",
      "stroke-opacity": .25});
    const [marks, places] = ticks(low, high), text = {"font-size": 11};
    marks.forEach(y => {
      make(axes, "path", {d: `M${left} ${down(y).toFixed(1)}h4`, stroke: "currentColor"});
      make(axes, "text", {x: left - 4, y: (down(y) + 4).toFixed(1), "text-anchor": "end", ...text},
        written(y, places));
    });
    [[-reach, "start"], [0, "middle"], [reach, "end"]].forEach(([t, anchor]) => make(axes, "text",
      {x: across(t).toFixed(1), y: bottom + 14, "text-anchor": anchor, ...text}, number(t)));
    make(axes, "text", {x: (left + right) / 2, y: bottom + 29, "text-anchor": "middle", ...text},
      `h, in ${path.unit}s`);

    paint(canvas, i => {
      const grey = pictures[way.value][path.seen[at] * size + i];
      return [grey, grey, grey, 255];
    });
    const time = `${number(h)} ${path.unit}${Math.abs(h) === 1 ? "" : "s"}`;
    range.max = times.length - 2;
    turn(at < zero ? at : at - 1, time);
    const state = `${path.name}, ${spec.networks[network.value]}`;
    said.textContent = `${state}: h = ${time}. Slope of the secant ${written(secant, 3)} per `
      + `${path.unit}; Lie derivative ${written(slope, 3)}; they differ by `
      + `${written(Math.abs(secant - slope), 3)}.`;
    canvas.setAttribute("aria-label", `The picture, moved: ${path.name}, ${time}`);
    plane.setAttribute("aria-label", `${spec.output} for h from ${number(-reach)} to `
      + `${number(reach)} ${path.unit}s, with a secant and the tangent at 0. ${said.textContent}`);
  };

  // Zero is passed over: there a secant has no slope.
  turn = dial(find(".book-dial"), value => {
    const path = spec.paths[way.value];
    at = value < zeros[way.value] ? value : value + 1;
    while (!inside(path, at)) zoom.value = spec.zooms[spec.zooms.indexOf(Number(zoom.value)) - 1];
    draw();
  });
  // The end goes to the nearest of the times that are seen.
  const nearest = t => {
    const path = spec.paths[way.value];
    at = path.times.reduce((best, time, k) => (k !== zeros[way.value] && inside(path, k)
      && (best < 0 || Math.abs(time - t) < Math.abs(path.times[best] - t)) ? k : best), -1);
    draw();
  };
  drag(handle, plane, x => nearest(
    reachOf(spec.paths[way.value]) * (2 * (x - left) / (right - left) - 1)));
  let before = way.value;
  way.addEventListener("input", () => {
    const share = spec.paths[before].times[at] / Math.max(...spec.paths[before].times.map(Math.abs));
    before = way.value;
    nearest(share * Math.max(...spec.paths[before].times.map(Math.abs)));
  });
  network.addEventListener("input", draw);
  zoom.addEventListener("input", () => nearest(spec.paths[way.value].times[at]));
  draw();
})();
