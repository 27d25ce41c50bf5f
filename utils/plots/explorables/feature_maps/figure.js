(() => {
  const {spec, find, written, make, set, paint, place, drag, dial} = bookFigure("ID");
  const [wide, tall] = spec.size, {at, radius} = spec, last = spec.labels.length;
  const ring = find(".book-ring"), plane = find(".book-plane"), digit = find(".book-digit");
  const chart = find(".book-code"), said = find("output"), choice = find("select");
  const undo = find("input[type='checkbox']");
  const decode = text => Uint8Array.from(text, sign => parseInt(sign, 32));
  const pixels = decode(spec.pixels);
  const fields = spec.fields.map(field => ({...field, pixels: decode(field.pixels),
    filterPixels: decode(field.filterPixels ?? "")}));
  let t = Number(find("input[type='range']").value);

  // Number 4 i + q is stored picture i, turned counter-clockwise by q quarter turns.
  const draw = (canvas, stored, number, side) => {
    canvas.width = canvas.height = side;
    const begin = (number >> 2) * side * side;
    paint(canvas, pixel => {
      let row = Math.floor(pixel / side), column = pixel % side;
      for (let q = number & 3; q > 0; q -= 1) [row, column] = [column, side - 1 - row];
      const grey = Math.floor(255 * stored[begin + row * side + column] / 31 + 0.5);
      return [grey, grey, grey, 255];
    });
  };
  const spot = (out, turn) => [wide / 2 - out * Math.sin(turn), tall / 2 - out * Math.cos(turn)];
  const stand = (canvas, [x, y], r) => {
    canvas.style.left = `${100 * x / wide}%`;
    canvas.style.top = `${100 * y / tall}%`;
    canvas.style.width = `${200 * r / wide}%`;
  };
  const rim = ([cx, cy], r) => make(plane, "circle",
    {cx, cy, r, fill: "none", stroke: "currentColor", "stroke-opacity": 0.4});
  const canvas = () => {
    const made = document.createElement("canvas");
    made.setAttribute("aria-hidden", "true"); // the ring has a text for all
    ring.insertBefore(made, plane);
    return made;
  };

  // What stands on the drawing: as many maps as the chosen field has.
  let maps = [], filters = [], bars = [], rims = [], mark, knob;
  const arrange = field => {
    [...maps, ...filters].forEach(one => one.remove());
    plane.replaceChildren();
    chart.replaceChildren();
    const count = field.labels.length, [broad, high, line] = spec.bars, step = broad / count;
    maps = field.labels.map(canvas);
    filters = field.labels.map(canvas);
    stand(digit, spot(0, 0), radius.digit);
    rim(spot(0, 0), radius.digit);
    rims = [];
    field.labels.forEach((label, h) => {
      const turn = 2 * Math.PI * h / count;
      stand(maps[h], spot(at.map, turn), radius.map);
      stand(filters[h], spot(at.filter, turn), radius.filter);
      rim(spot(at.map, turn), radius.map);
      rims.push(rim(spot(at.filter, turn), radius.filter));
      const [x, y, anchor] = spec.spots[count][h];
      make(plane, "text", {x, y, "text-anchor": anchor, "font-size": 14}, label);
      make(chart, "text", {x: step * (h + 0.5), y: high - 3, "text-anchor": "middle",
        "font-size": 11}, label);
    });
    const box = h => ({x: step * (h + 0.2), width: 0.6 * step});
    bars = field.labels.map((_, h) => make(chart, "rect", {...box(h), fill: spec.colours[0]}));
    field.labels.forEach((_, h) => bar(make(chart, "rect", {...box(h), fill: "none",
      stroke: "currentColor", "stroke-dasharray": "3 2"}), field.code[0][h]));
    make(chart, "path", {d: `M0 ${line}H${broad}`, stroke: "currentColor"});
    mark = make(plane, "circle", {r: radius.map, fill: "none", stroke: spec.colours[1],
      "stroke-width": 4});
    knob = make(plane, "circle", {r: 5, fill: "currentColor", stroke: "var(--book-paper, #fff)",
      "stroke-width": 1.5});
    const [cx, cy] = spot(0, 0);
    grab(make(plane, "circle", {cx, cy, r: radius.digit + 5, fill: "transparent"}));
  };
  const bar = (rect, value) => {
    const [, , line, longest] = spec.bars;
    set(rect, {y: line - Math.max(value, 0) * longest, height: longest * Math.abs(value)});
  };

  const difference = error => error < spec.rounding ? "by rounding"
    : `by ${written(100 * error, error < 0.0995 ? 1 : 0)} %`;
  const show = () => {
    const field = fields[choice.value], count = field.labels.length, undone = undo.checked;
    const roll = undone ? field.rolls[t] : 0, codeRoll = undone ? field.codeRolls[t] : 0;
    const turn = 2 * Math.PI * t / last, label = spec.labels[t];
    draw(digit, pixels, spec.digits[t], spec.side);
    maps.forEach((map, h) => {
      draw(map, field.pixels, field.maps[t][(h + roll) % count], field.side);
      map.style.transform = `translate(-50%, -50%) rotate(${undone ? 360 * t / last : 0}deg)`;
      const seen = field.filters && !undone;
      filters[h].style.visibility = seen ? "visible" : "hidden";
      rims[h].setAttribute("visibility", seen ? "visible" : "hidden");
      if (field.filters) draw(filters[h], field.filterPixels, field.filters[h], field.filterSide);
      bar(bars[h], field.code[t][(h + codeRoll) % count]);
    });
    const strong = (field.strongest[t] + count - roll) % count;
    const [cx, cy] = spot(at.map, 2 * Math.PI * strong / count);
    set(mark, {cx, cy});
    const [x, y] = spot(radius.digit, turn);
    set(knob, {cx: x, cy: y});
    turned(t, label);
    const state = `${field.name}, digit turned by ${label}`;
    const own = field.codeRolls[t] === field.rolls[t] ? ""
      : `, rolled back by ${field.codeRolls[t]},`;
    const left = `differ from the first ${difference(field.errors[t])}, the code${own} `
      + `${difference(field.codeErrors[t])}.`;
    const rolled = `rolled back by ${field.rolls[t]} (the best of ${count} rolls)`;
    const strongest = `the map ${field.labels[strong]} is strongest.`;
    said.textContent = t === 0 ? `${state}: ${strongest} There is nothing to undo yet.`
      : undone ? `${state}, undone: turned back, and ${rolled}, the maps ${left}`
        : `${state}: ${strongest} Turned back, and ${rolled}, the maps would ${left}`;
    ring.setAttribute("aria-label", `The digit, with its maps round it, counter-clockwise from `
      + `the top. ${undone && t > 0 ? `${state}, undone` : state}: ${strongest}`);
    chart.setAttribute("aria-label", `Numbers of the code, as shares of the largest: ${
      field.labels.map((name, h) => `${name} ${
        written(field.code[t][(h + codeRoll) % count])}`).join(", ")}`);
  };

  const turned = dial(find(".book-dial"), position => { t = position; show(); });
  const direction = ([x, y]) => Math.atan2(wide / 2 - x, tall / 2 - y);
  const grab = handle => {
    let from = 0, way = 0, begun = 0;
    handle.addEventListener("pointerdown", event => {
      [from, way, begun] = [direction(place(plane, event)), 0, t];
    });
    drag(handle, plane, (x, y) => {
      if (Math.hypot(x - wide / 2, y - tall / 2) < 4) return; // at the middle there is no direction
      const now = direction([x, y]), step = now - from;
      way += step - 2 * Math.PI * Math.round(step / (2 * Math.PI));
      from = now;
      const position = begun + Math.round(way * last / (2 * Math.PI));
      t = ((position % last) + last) % last;
      show();
    });
  };
  choice.addEventListener("input", () => { arrange(fields[choice.value]); show(); });
  undo.addEventListener("input", show);
  arrange(fields[choice.value]);
  show();
})();
