(() => {
  const {spec, find, all, written, numbers, make, set, drag, dial} = bookFigure("ID");
  const [kernel, output] = all("select"), planes = all(".book-plane");
  const sign = find(".book-sign"), key = find(".book-key"), said = find("output");
  const middle = spec.side / 2, scale = spec.rim / spec.reach, {points} = spec;
  const jets = Object.fromEntries(Object.entries(spec.jets).map(
    ([input, text]) => [input, numbers(text, Float32Array)]));
  let degrees = spec.angle, arrow = spec.arrow;

  const rotation = d => [Math.cos(d * Math.PI / 180), Math.sin(d * Math.PI / 180)];
  const spun = ([x, y], [c, s]) => [c * x - s * y, s * x + c * y];
  // The jet of point i: for each component of the blurred field its value and two slopes.
  const jet = (input, i) => {
    const count = jets[input].length / (3 * points.length);
    return [...Array(count).keys()].map(
      c => jets[input].subarray(3 * (i * count + c), 3 * (i * count + c + 1)));
  };
  // At g p, that of the turned field; a pair of components is an arrow, and turns.
  const turned = (own, r) => {
    const moved = own.map(([value, ...slopes]) => [value, ...spun(slopes, r)]);
    if (moved.length === 1) return moved;
    const pairs = moved[0].map((_, k) => spun([moved[0][k], moved[1][k]], r));
    return [0, 1].map(a => pairs.map(pair => pair[a]));
  };
  const filtered = (own, parts) => parts.map(
    row => row.reduce((sum, [component, place]) => sum + own[component][place], 0));
  // Turn, then filter; and filter, then turn: a list for each point.
  const ways = (chosen, asArrow, d) => points.map((_, i) => {
    const r = rotation(d), own = jet(chosen.input, i), last = filtered(own, chosen.parts);
    return [filtered(turned(own, r), chosen.parts), asArrow ? spun(last, r) : last];
  });
  const apart = (a, b) => Math.hypot(...a.map((x, k) => x - b[k]));
  const error = both => Math.sqrt(
    both.reduce((sum, [a, b]) => sum + apart(a, b) ** 2, 0)
    / both.reduce((sum, [, b]) => sum + Math.hypot(...b) ** 2, 0));

  const f = x => x.toFixed(1);
  const line = ([x, y], dx, dy) => {
    const length = Math.hypot(dx, dy);
    if (length < 1.5) return `M${f(x)} ${f(y)}h.01`;
    const ux = dx / length, uy = dy / length, head = Math.min(5, .5 * length);
    const tip = `${f(x + dx)} ${f(y + dy)}`;
    const [left, right] = [1, -1].map(side => `${f(x + dx - head * (ux + side * .6 * uy))} `
      + f(y + dy - head * (uy - side * .6 * ux)));
    return `M${f(x)} ${f(y)}L${tip}M${left}L${tip}L${right}`;
  };
  const mark = (parent, at, value, other, largest) => {
    const differs = apart(value, other) > spec.seen * largest;
    const [agreed] = spec.colours, stroke = spec.colours[differs ? 1 : 0];
    if (value.length === 1) {
      make(parent, "circle", {cx: f(at[0]), cy: f(at[1]), stroke, "stroke-width": 1.6,
        r: f(spec.disc * Math.sqrt(Math.abs(value[0]) / largest)),
        fill: value[0] < 0 ? "none" : stroke, "fill-opacity": .55,
        "stroke-dasharray": differs ? spec.dashes : "none"});
      return;
    }
    const one = ([dx, dy], colour, width) => make(parent, "path", {fill: "none", stroke: colour,
      "stroke-width": width,
      d: line(at, spec.longest * dx / largest, -spec.longest * dy / largest)});
    one(value, stroke, spec.widths[0]);
    if (differs) one(other, agreed, spec.widths[1]);
  };

  const circle = {cx: middle, cy: middle, r: spec.rim, fill: "none", stroke: "currentColor",
    "stroke-opacity": .35};
  const scenes = planes.map(plane => {
    make(plane, "circle", circle);
    return {
      under: make(plane, "path", {class: "book-under", fill: "none", stroke: "currentColor",
        "stroke-opacity": .45}),
      marks: make(plane, "g", {class: "book-marks", "stroke-linecap": "round",
        "stroke-linejoin": "round"}),
      disc: make(plane, "circle", {r: 11, fill: "var(--book-paper, #fff)", stroke: "currentColor"}),
      north: make(plane, "text", {"font-size": 13, "text-anchor": "middle"}, "N"),
      handle: make(plane, "circle", {r: 26, fill: "transparent"}),
    };
  });
  const showTurn = dial(find(".book-dial"), d => { degrees = d; draw(); });

  const sentence = (who, now, most) => {
    if (most < spec.rounding) {
      return `${who}, and the two ways agree, at ${degrees}\u00b0 as at every turn: the kernel commutes `
        + "with turning.";
    }
    const worst = `over all turns the relative error is at most ${written(most)}.`;
    if (degrees === 0) return `${who}. At 0\u00b0 nothing is turned yet, and the two ways agree; ${worst}`;
    if (now < spec.rounding) {
      return `${who}, and at ${degrees}\u00b0 the two ways happen to agree; ${worst}`;
    }
    return `${who}, and at ${degrees}\u00b0 the two ways differ: relative error ${written(now)}, at most `
      + `${written(most)} over all turns.`;
  };
  const draw = () => {
    const chosen = spec.kernels[kernel.value], pair = chosen.parts.length === 2;
    const asArrow = pair && arrow, angle = `${degrees}\u00b0`;
    output.disabled = !pair;
    output.value = asArrow ? 1 : 0;
    const both = ways(chosen, asArrow, degrees);
    const largest = Math.max(...both.map(([, b]) => Math.hypot(...b)));
    const now = error(both);
    const turns = [...Array(360 / spec.step).keys()].map(k => k * spec.step);
    const most = Math.max(...turns.map(d => error(ways(chosen, asArrow, d))));
    const r = rotation(degrees), [nx, ny] = spun([0, spec.north], r);
    scenes.forEach((scene, way) => {
      set(scene.under, {d: spec.under[chosen.input],
        transform: `rotate(${-degrees} ${middle} ${middle})`});
      scene.marks.replaceChildren();
      both.forEach((values, i) => {
        const [x, y] = spun(points[i], r);
        mark(scene.marks, [middle + scale * x, middle - scale * y], values[way], values[0], largest);
      });
      [scene.disc, scene.handle].forEach(one => set(one, {cx: f(middle + nx), cy: f(middle - ny)}));
      set(scene.north, {x: f(middle + nx), y: f(middle - ny + 4.5)});
    });
    showTurn(degrees, angle);
    const agree = now < spec.rounding;
    sign.textContent = agree ? "=" : "\u2260";
    key.textContent = (chosen.input === "height" ? "Level lines: the height. "
      : "Thin arrows: the wind. ")
      + (pair ? "Thick arrows: the output. " : "Discs: the output, open where negative. ")
      + (agree ? "" : pair ? "Orange: not as in the first map (thin blue)."
        : "Orange and dashed: not as in the first map.");
    said.textContent = sentence(spec.moved[pair ? 1 + asArrow : 0], now, most);
    planes.forEach((plane, way) => plane.setAttribute("aria-label",
      `${way ? "Filter, then turn" : "Turn, then filter"}. ${chosen.name}. ${said.textContent}`));
  };

  kernel.addEventListener("input", draw);
  output.addEventListener("input", () => { arrow = output.value === "1"; draw(); });
  scenes.forEach(({handle}, way) => drag(handle, planes[way], (x, y) => {
    const from = Math.atan2(middle - y, x - middle) * 180 / Math.PI - 90;
    degrees = (Math.round(from / spec.step) * spec.step + 360) % 360;
    draw();
  }));
  draw();
})();
