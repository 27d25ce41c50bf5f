(() => {
  const {spec, find, all, written: signed, make, set, drag, dial, calm} = bookFigure("ID");
  const plane = find(".book-plane"), ways = find(".book-ways"), discs = find(".book-discs");
  const chart = find(".book-chart"), lines = find(".book-lines"), said = find("output");
  const [choice, chosen] = all("select");
  const clock = find(".book-time"), reading = find(".book-reading"), play = find(".book-play");
  const n = spec.masses.length, scale = spec.side / (2 * spec.reach);
  let starts = spec.positions.map(place => [...place]);
  let path = null, running = 0;

  // Positions, momenta and forces are flat: x and y of the first body, then of the next.
  const pairs = first => [...Array(n).keys()].flatMap(
    i => [...Array(n).keys()].filter(j => j >= i + first).map(j => [i, j]));
  const springs = ({stiffness, anchors}) => q => {
    const pull = new Float64Array(2 * n);
    for (let i = 0; i < n; i += 1) for (let c = 0; c < 2; c += 1) {
      let sum = -anchors[i] * q[2 * i + c];
      for (let j = 0; j < n; j += 1) sum += stiffness[i][j] * (q[2 * j + c] - q[2 * i + c]);
      pull[2 * i + c] = sum;
    }
    return pull;
  };
  const lessMean = v => {
    for (let c = 0; c < 2; c += 1) {
      let mean = 0;
      for (let i = 0; i < n; i += 1) mean += v[2 * i + c] / n;
      for (let i = 0; i < n; i += 1) v[2 * i + c] -= mean;
    }
    return v;
  };
  const network = ({kind, hidden, bias, out}) => {
    const own = kind === "products" ? pairs(0) : pairs(1);
    const see = {
      positions: q => q,
      centred: q => lessMean(Float64Array.from(q)),
      products: q => own.map(([i, j]) => q[2 * i] * q[2 * j] + q[2 * i + 1] * q[2 * j + 1]),
      distances: q => own.map(
        ([i, j]) => (q[2 * i] - q[2 * j]) ** 2 + (q[2 * i + 1] - q[2 * j + 1]) ** 2),
    }[kind];
    return q => {
      const seen = see(q), slopes = new Float64Array(seen.length);
      hidden.forEach((row, h) => {
        let sum = bias[h];
        for (let k = 0; k < row.length; k += 1) sum += row[k] * seen[k];
        const slope = out[h] * (1 - Math.tanh(sum) ** 2);
        for (let k = 0; k < row.length; k += 1) slopes[k] += slope * row[k];
      });
      if (kind === "positions") return slopes.map(slope => -slope);
      if (kind === "centred") return lessMean(slopes.map(slope => -slope));
      const pull = new Float64Array(2 * n);
      own.forEach(([i, j], k) => {
        for (let c = 0; c < 2; c += 1) {
          if (kind === "products") {
            pull[2 * i + c] -= slopes[k] * q[2 * j + c];
            pull[2 * j + c] -= slopes[k] * q[2 * i + c];
          } else {
            const along = 2 * slopes[k] * (q[2 * i + c] - q[2 * j + c]);
            pull[2 * i + c] -= along;
            pull[2 * j + c] += along;
          }
        }
      });
      return pull;
    };
  };
  const forces = spec.laws.map(law => (law.kind === "springs" ? springs(law) : network(law)));

  const move = force => {
    let q = Float64Array.from(starts.flat()), p = Float64Array.from(spec.momenta.flat());
    const speed = v => v.map((x, i) => x / spec.masses[i >> 1]);
    const on = (v, t, w) => v.map((x, i) => x + t * w[i]);
    const h = spec.step, found = [[q, p]];
    for (let s = 0; s < spec.steps; s += 1) {
      const k1 = speed(p), l1 = force(q);
      const k2 = speed(on(p, h / 2, l1)), l2 = force(on(q, h / 2, k1));
      const k3 = speed(on(p, h / 2, l2)), l3 = force(on(q, h / 2, k2));
      const k4 = speed(on(p, h, l3)), l4 = force(on(q, h, k3));
      q = q.map((x, i) => x + h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]));
      p = p.map((x, i) => x + h / 6 * (l1[i] + 2 * l2[i] + 2 * l3[i] + l4[i]));
      found.push([q, p]);
    }
    return found;
  };
  const totals = ([q, p]) => {
    let px = 0, py = 0, l = 0, size = 0, arms = 0;
    for (let i = 0; i < 2 * n; i += 2) {
      const length = Math.hypot(p[i], p[i + 1]);
      px += p[i];
      py += p[i + 1];
      l += q[i] * p[i + 1] - q[i + 1] * p[i];
      size += length;
      arms += Math.hypot(q[i], q[i + 1]) * length;
    }
    return [px, py, l, size, arms];
  };
  const drifts = states => {
    const found = states.map(totals), [first] = found;
    const size = first[3] || 1, arms = first[4] || 1;
    return [found.map(t => Math.hypot(t[0] - first[0], t[1] - first[1]) / size),
      found.map(t => Math.abs(t[2] - first[2]) / arms)];
  };

  const written = x => {
    if (x === 0) return "0";
    if (x < 1e-3) return x.toExponential(0).replace("e+", "e");
    return x.toFixed(x < .0995 ? 3 : x < .995 ? 2 : 1);
  };
  const fate = x => (x < spec.kept[0] ? "kept to rounding"
    : x < spec.kept[1] ? "kept up to the integrator" : "lost") + ` (drift ${written(x)})`;

  const tracks = spec.colours.map(stroke => make(ways, "path", {stroke}));
  const bodies = spec.colours.map((stroke, i) => [
    make(discs, "circle", {r: spec.radii[i], fill: "var(--book-paper, #fff)", stroke,
      "stroke-width": 2.4}),
    make(discs, "text", {}, String(i + 1)),
  ]);
  const handles = spec.colours.map(() => make(discs, "circle",
    {r: 16, fill: "transparent"}));
  const [left, right, top, bottom] = spec.box, [low, high] = spec.powers;
  const curves = [["#3a7bd5", ""], ["#d9730d", "5 3"]].map(
    ([stroke, dash]) => make(lines, "path", {stroke, "stroke-dasharray": dash}));
  const hand = make(lines, "path", {stroke: "currentColor", "stroke-width": 1, d: ""});
  const level = x => bottom - (bottom - top)
    * (Math.min(high, Math.max(low, Math.log10(Math.max(x, 1e-300)))) - low) / (high - low);
  const along = t => left + (right - left) * t / spec.steps;
  const point = (x, y) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const place = (q, i) => [spec.side / 2 + q[2 * i] * scale, spec.side / 2 - q[2 * i + 1] * scale];

  const show = () => {
    const t = Number(clock.value), time = (t * spec.step).toFixed(2);
    const [q] = path.states[t];
    bodies.forEach(([disc, number], i) => {
      const [x, y] = place(q, i);
      [disc, handles[i]].forEach(circle => set(circle, {cx: x.toFixed(1), cy: y.toFixed(1)}));
      set(number, {x: x.toFixed(1), y: (y + 4).toFixed(1)});
    });
    hand.setAttribute("d", `M${along(t).toFixed(1)} ${top}V${bottom}`);
    reading.textContent = time;
    clock.setAttribute("aria-valuetext", time);
    const [momentum, angular] = path.drifts.map(drift => written(drift[t]));
    chart.setAttribute("aria-label", `Drift at time ${time}, on a logarithmic scale: `
      + `momentum ${momentum}, angular momentum ${angular}`);
  };
  const stop = () => {
    cancelAnimationFrame(running);
    running = 0;
    play.value = "Play";
  };
  let begin = null;
  const turn = all(".book-dial").map((element, c) => dial(element, value => {
    starts[chosen.value][c] = value * spec.reach / spec.grid;
    begin();
  }));
  const compute = () => {
    const states = move(forces[choice.value]);
    path = {states, drifts: drifts(states)};
    tracks.forEach((track, i) => track.setAttribute("d", `M${spec.drawn.map(
      t => point(...place(states[t][0], i))).join("L")}`));
    curves.forEach((line, k) => line.setAttribute("d", `M${spec.drawn.slice(1).map(
      t => point(along(t), level(path.drifts[k][t]))).join("L")}`));
    const [momentum, angular] = path.drifts.map(drift => fate(Math.max(...drift)));
    const {name} = spec.laws[choice.value];
    said.textContent = `${name}: momentum ${momentum}, angular momentum ${angular}.`;
    plane.setAttribute("aria-label", `Bodies that start at ${starts.map(
      ([x, y]) => `(${signed(x)}, ${signed(y)})`).join(", ")}, and their ways. ${said.textContent}`);
    const own = starts[chosen.value];
    turn.forEach((to, c) => to(Math.round(own[c] * spec.grid / spec.reach), signed(own[c])));
    show();
  };
  begin = () => {
    stop();
    clock.value = 0;
    compute();
  };

  choice.addEventListener("input", () => { stop(); compute(); });
  chosen.addEventListener("input", () => { stop(); compute(); });
  clock.addEventListener("input", () => { stop(); show(); });
  find(".book-back").addEventListener("click", () => {
    starts = spec.positions.map(own => [...own]);
    begin();
  });
  play.addEventListener("click", () => {
    if (running) { stop(); return; }
    if (calm()) { clock.value = spec.steps; show(); return; }
    const from = Number(clock.value) < spec.steps ? Number(clock.value) : 0;
    let first = null;
    play.value = "Stop";
    const frame = now => {
      first ??= now;
      const t = Math.min(spec.steps, from + (now - first) * spec.steps / 8000);
      clock.value = Math.round(t);
      show();
      if (t === spec.steps) { stop(); return; }
      running = requestAnimationFrame(frame);
    };
    running = requestAnimationFrame(frame);
  });
  const edge = Number(find(".book-dial input").max), unit = spec.reach / spec.grid;
  handles.forEach((handle, i) => drag(handle, plane, (x, y) => {
    starts[i] = [x - spec.side / 2, spec.side / 2 - y].map(
      v => Math.min(edge, Math.max(-edge, Math.round(v / scale / unit))) * unit);
    begin();
  }, () => {
    chosen.value = i;
    begin();
  }));
  compute();
})();
