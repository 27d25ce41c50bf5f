(() => {
  const {spec, find, all, written: signed, make, set: put, drag, dial, calm} = bookFigure("ID");
  const plane = find(".book-plane"), lines = find(".book-lines"), field = find(".book-field");
  const handles = find(".book-handles"), strip = find(".book-scale"), said = find("output");
  const table = find(".book-matrix"), choice = find("select"), solve = find(".book-solve");
  const side = spec.side, scale = side / (2 * spec.reach);
  const solved = spec.functions.map(() => false);
  let weights = [...spec.weights];
  let running = 0;

  const matrix = w => [0, 1].map(i => [0, 1].map(
    j => w.reduce((sum, weight, k) => sum + weight * spec.mix[k][i][j], 0)));
  const times = (a, [x, y]) => a.map(row => row[0] * x + row[1] * y);
  const square = (form, w) => w.reduce(
    (sum, left, i) => sum + w.reduce((more, right, j) => more + left * form[i][j] * right, 0), 0);
  const change = (f, w) => Math.sqrt(Math.max(0, square(f.form, w)) / square(f.norm, w));

  const mixed = share => {
    const [[from, thin], [to, thick]] = spec.strokes;
    const channels = [1, 3, 5].map(i => Math.round((1 - share) * parseInt(from.slice(i, i + 2), 16)
      + share * parseInt(to.slice(i, i + 2), 16)));
    return [`rgb(${channels})`, (thin + share * (thick - thin)).toFixed(2)];
  };
  const arrow = ([x, y], [dx, dy]) => {
    const p = (...numbers) => numbers.map(n => n.toFixed(1)).join(" ");
    const length = Math.hypot(dx, dy), shaft = `M${p(x, y)}l${p(dx, dy)}`;
    if (length < 1) return shaft;
    const ux = dx / length, uy = dy / length, head = Math.min(5, .4 * length);
    const end = s => p(x + dx - head * (ux + s * .6 * uy), y + dy - head * (uy - s * .6 * ux));
    return `${shaft}M${end(1)}L${p(x + dx, y + dy)}L${end(-1)}`;
  };
  const place = ([x, y]) => [side / 2 + x * scale, side / 2 - y * scale];
  const step = ([x, y]) => [x * spec.length * scale, -y * spec.length * scale];

  const arrows = spec.starts.map(() => make(field, "path", {}));
  const far = Math.max(...spec.starts.map(start => start[0]));
  const columns = [[far, 0], [0, far]];
  const grips = columns.map(() => [
    make(handles, "circle", {r: 5.5, fill: "none", stroke: "currentColor", "stroke-width": 1.8}),
    make(handles, "circle", {r: 15, fill: "transparent"}),
  ]);

  // What is said, and shown on the scale: both follow from the weights and the two forms.
  const words = (f, w) => {
    if (!w.some(weight => weight)) return "There are no arrows: all four weights are zero.";
    const value = change(f, w), most = f.roots[3];
    const least = value <= f.roots[0] + 1e-6 * most;
    return `The arrows ${value < spec.flat * most ? "run along" : "cross"} the level lines: along `
      + `them f changes by ${value.toFixed(3)} per unit of length, `
      + `${(100 * value / most).toFixed(0)} % of the most possible.`
      + (least ? " No other arrows change it less." : "")
      + (solved[choice.value] ? ` The four roots: ${f.roots.map(r => r.toFixed(3)).join(", ")}.` : "");
  };
  const measure = (f, w) => {
    strip.replaceChildren();
    const at = value => 10 + (side - 20) * value / f.roots[3];
    const line = {stroke: "currentColor", "stroke-opacity": .55};
    make(strip, "path", {d: `M10 34H${side - 10}M10 30v8M${side - 10} 30v8`, fill: "none", ...line});
    make(strip, "text", {x: 10, y: 54, "text-anchor": "middle"}, "0");
    make(strip, "text", {x: side - 4, y: 54, "text-anchor": "end"}, `most ${f.roots[3].toFixed(2)}`);
    if (solved[choice.value]) {
      f.roots.forEach(r => make(strip, "path", {d: `M${at(r).toFixed(1)} 24v20`, class: "book-root"}));
    }
    const some = w.some(weight => weight), x = some ? at(change(f, w)) : 10;
    const text = some ? change(f, w).toFixed(3) : "\u2013";
    if (some) make(strip, "circle", {cx: x.toFixed(1), cy: 34, r: 6, class: "book-marker"});
    const held = Math.min(side - 24, Math.max(24, x)).toFixed(1);
    make(strip, "text", {x: held, y: 18, class: "book-value"}, text);
    strip.setAttribute("aria-label",
      `The change of f along the arrows: ${text} on a scale from 0 to ${f.roots[3].toFixed(3)}`);
  };

  const stop = () => { cancelAnimationFrame(running); running = 0; };
  let set = null;
  const turn = all(".book-dial").map((element, k) => dial(element, value => set(
    weights.map((weight, i) => (i === k ? value / spec.steps : weight)))));
  const draw = ({speak = true} = {}) => {
    const f = spec.functions[choice.value], a = matrix(weights);
    lines.setAttribute("d", f.lines);
    arrows.forEach((path, i) => {
      const v = times(a, spec.starts[i]), g = f.gradients[i];
      const norms = Math.hypot(...v) * Math.hypot(...g);
      const share = norms > 0 ? Math.abs(v[0] * g[0] + v[1] * g[1]) / norms : 0;
      const [colour, width] = mixed(share);
      put(path, {d: arrow(place(spec.starts[i]), step(v)), stroke: colour, "stroke-width": width});
    });
    grips.forEach((pair, i) => {
      const [x, y] = place(columns[i]), [dx, dy] = step(times(a, columns[i]));
      pair.forEach(circle => put(circle, {cx: (x + dx).toFixed(1), cy: (y + dy).toFixed(1)}));
    });
    turn.forEach((to, k) => to(Math.round(weights[k] * spec.steps), signed(weights[k])));
    table.replaceChildren(...a.flat().map(entry => {
      const cell = document.createElement("span");
      cell.textContent = signed(entry);
      return cell;
    }));
    measure(f, weights);
    if (!speak) return;
    const rows = a.map(row => row.map(signed).join(", "));
    table.setAttribute("aria-label", `A has the rows ${rows.join(" and ")}`);
    const mixture = spec.names.map((name, k) => `${name} ${signed(weights[k])}`)
      .filter((_, k) => weights[k]).join(", ");
    said.textContent = words(f, weights);
    plane.setAttribute("aria-label",
      `Level lines of ${f.name}, and the arrows of A = ${mixture || "0"}. ${words(f, weights)}`);
  };

  set = next => { stop(); weights = next; draw(); };
  choice.addEventListener("input", () => set(weights));

  solve.addEventListener("click", () => {
    stop();
    const f = spec.functions[choice.value], from = weights;
    const same = from.reduce((sum, weight, k) => sum + weight * f.best[k], 0) < 0 ? -1 : 1;
    const to = f.best.map(weight => same * weight);
    const end = () => { solved[choice.value] = true; set(to); };
    if (calm()) { end(); return; }
    let begin = null;
    const frame = now => {
      begin ??= now;
      const t = Math.min(1, (now - begin) / 900), s = t * t * (3 - 2 * t);
      if (t === 1) { end(); return; }
      weights = from.map((weight, k) => (1 - s) * weight + s * to[k]);
      draw({speak: false});
      running = requestAnimationFrame(frame);
    };
    running = requestAnimationFrame(frame);
  });

  grips.forEach(([, grip], i) => drag(grip, plane, (across, down) => {
    const [x, y] = place(columns[i]), unit = spec.length * scale * far;
    const a = matrix(weights);
    [(across - x) / unit, (y - down) / unit].forEach((entry, row) => { a[row][i] = entry; });
    // The four generators are orthogonal, each of square length 2.
    set(spec.mix.map(m => {
      const weight = m.flat().reduce((sum, entry, k) => sum + entry * a.flat()[k], 0) / 2;
      return Math.round(Math.min(1, Math.max(-1, weight)) * spec.steps) / spec.steps;
    }));
  }, stop));
  draw();
})();
