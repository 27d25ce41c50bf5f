(() => {
  const {spec, find, written, make, set, place: pointer, drag, dial} = bookFigure("ID");
  const choice = find(".book-graph"), atoms = find(".book-atom");
  const molecule = find(".book-molecule"), numbers = find(".book-numbers");
  const said = find("output"), counted = find(".book-count"), range = find(".book-dial input");
  const [left, right, labels, dots, top, base, near, ends] = spec.frame;
  const [chosen, changed] = spec.colours;
  const paper = "var(--book-paper, #fff)", ink = {fill: "none", stroke: "currentColor"};
  const middled = {"font-size": 11.5, "text-anchor": "middle"};
  let atom = spec.start[0], t = spec.start[1], graph;

  // A molecule with its graphs read: atoms, orders of the bonds by pairs, two verdicts.
  const loaded = spec.graphs.map(g => {
    const n = g.points.length, pairs = [];
    for (let i = 0; i < n; i += 1) for (let j = i + 1; j < n; j += 1) pairs.push([i, j]);
    const size = n + pairs.length + 2;
    const read = k => {
      const digits = Array.from(g.graphs.slice(k * size, (k + 1) * size), Number);
      return {atoms: digits.slice(0, n), bonds: digits.slice(n, -2), valid: digits[size - 2] === 1,
        connected: digits[size - 1] === 1};
    };
    const all = Array.from({length: g.graphs.length / size}, (_, k) => read(k));
    const own = all[g.lines[0].at[g.lines[0].own]];
    all.forEach(one => {
      one.newAtoms = one.atoms.map((kind, i) => kind !== own.atoms[i]);
      one.newBonds = one.bonds.map((order, k) => order !== own.bonds[k]);
      one.differ = [...one.newAtoms, ...one.newBonds].filter(Boolean).length;
    });
    const names = own.atoms.map((kind, i) => `${spec.holds[kind]}${i + 1}`);
    return {...g, pairs, all, own, names};
  });
  const line = () => graph.lines[atom];
  const place = value => left + (right - left)
    * (value - line().values[line().own] + spec.reach) / (2 * spec.reach);
  const whole = value => left + (right - left) * (value - spec.span[0]) / (spec.span[1] - spec.span[0]);
  const plus = x => (/^[^\u2212]/.test(written(x, 3)) ? "+" : "") + written(x, 3);
  const counts = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;

  const bond = ([x, y], [u, v], bend, order) => {
    const length = Math.max(Math.hypot(u - x, v - y), 1e-9);
    const nx = -(v - y) / length, ny = (u - x) / length;
    const p = (a, b) => `${a.toFixed(1)} ${b.toFixed(1)}`;
    return Array.from({length: order}, (_, k) => {
      const aside = (k - (order - 1) / 2) * spec.apart, far = bend + aside;
      return `M${p(x + aside * nx, y + aside * ny)}`
        + `Q${p((x + u) / 2 + far * nx, (y + v) / 2 + far * ny)} ${p(u + aside * nx, v + aside * ny)}`;
    }).join("");
  };
  const strokes = {
    kept: {stroke: "currentColor", "stroke-width": 1.8},
    changed: {stroke: changed, "stroke-width": 2.6, "stroke-dasharray": "6 3"},
    gone: {stroke: changed, "stroke-width": 2, "stroke-dasharray": "1.5 4.5"},
  };
  const drawMolecule = shown => {
    molecule.replaceChildren();
    graph.pairs.forEach(([i, j], k) => {
      const order = shown.bonds[k], before = graph.own.bonds[k];
      if (!order && !before) return;
      const kind = order === before ? "kept" : order ? "changed" : "gone";
      make(molecule, "path", {d: bond(graph.points[i], graph.points[j], graph.bends[k],
        order || before), class: `book-${kind}`, fill: "none", ...strokes[kind]});
    });
    graph.points.forEach(([x, y], i) => {
      const at = {cx: x, cy: y}, kind = shown.atoms[i];
      make(molecule, "circle", {...at, r: spec.disc, fill: paper, class: "book-disc",
        ...(i === atom ? {stroke: chosen, "stroke-width": 2.4} : {})});
      if (shown.newAtoms[i]) {
        make(molecule, "circle", {...at, r: spec.disc + 3, fill: "none", class: "book-ring",
          stroke: changed, "stroke-width": 2.4, "stroke-dasharray": "4 2.5"});
      }
      make(molecule, "text", {x, y: y + 4.3, "font-size": 12.5, "text-anchor": "middle"},
        `${kind < spec.holds.length - 1 ? spec.holds[kind] : "\u2013"}${i + 1}`);
      make(molecule, "circle", {...at, r: 16, fill: "transparent", class: "book-pick"})
        .addEventListener("click", () => choose(i));
    });
  };

  // What depends on molecule and atom alone; the moving parts are drawn over it.
  let spot, stem, knob, grip;
  const drawNumbers = () => {
    numbers.replaceChildren();
    const own = line(), values = own.values, x = values.map(place), centre = x[own.own];
    make(numbers, "path", {d: `M${left} ${dots}H${right}`, ...ink, "stroke-opacity": .5});
    graph.at.forEach((at, i) => {
      const z = graph.letters[i], mine = i === atom ? {class: "book-mine"} : {};
      make(numbers, "path", {d: `M${at} ${dots}L${z} ${labels + 3}`, ...ink, "stroke-opacity": .4});
      make(numbers, "circle", {cx: at, cy: dots, r: 3.2, fill: paper, stroke: "currentColor",
        "stroke-width": 1.4});
      make(numbers, "text", {x: z, y: labels, ...middled, ...mine}, graph.names[i]);
    });
    const [low, high] = [-1, 1].map(s => whole(values[own.own] + s * spec.reach).toFixed(1));
    make(numbers, "path", {d: `M${left} ${top - 16}L${low} ${dots + 6}H${high}L${right} ${top - 16}`,
      ...ink, "stroke-opacity": .4});
    const one = (right - left) * graph.widths[atom] / (2 * spec.reach);
    make(numbers, "rect", {x: centre - one, y: top, width: 2 * one, height: base - top,
      fill: chosen, "fill-opacity": .22});
    const edges = [x[0], ...x.slice(1).map((value, i) => (value + x[i]) / 2), x[x.length - 1]];
    own.at.forEach((k, i) => {
      if (i && own.at[i - 1] === k) return;
      let end = i + 1;
      while (own.at[end] === k) end += 1;
      const shown = graph.all[k], wide = edges[end] - edges[i];
      if (!shown.differ) {
        make(numbers, "rect", {x: edges[i], y: base - 5, width: wide, height: 5, fill: chosen,
          class: "book-same"});
        return;
      }
      const tall = (base - top) * Math.min(shown.differ, spec.most) / spec.most;
      make(numbers, "rect", {x: edges[i] + .4, y: base - tall, width: Math.max(wide - .8, .6),
        height: tall, stroke: "currentColor", "stroke-width": .6, class: "book-bar",
        ...(shown.valid ? {fill: "currentColor", "fill-opacity": .4} : {fill: "none"})});
    });
    make(numbers, "path", {d: `M${left} ${base}H${right}`, ...ink, "stroke-opacity": .6});
    graph.near[atom].forEach(([j, at, letter]) => {
      make(numbers, "path", {d: `M${at} ${base}v6L${letter} ${near - 11}`, ...ink,
        "stroke-opacity": .6});
      make(numbers, "text", {x: letter, y: near, ...middled}, graph.names[j]);
    });
    [["start", 2, -1], ["middle", centre, 0], ["end", spec.side - 2, 1]].forEach(([anchor, at, s]) =>
      make(numbers, "text", {x: at, y: ends, "font-size": 11.5, "text-anchor": anchor},
        written(values[own.own] + s * spec.reach)));
    make(numbers, "rect", {x: 0, y: 0, width: spec.side, height: dots + 8, fill: "transparent",
      class: "book-pick"}).addEventListener("click", pick);
    make(numbers, "rect", {x: 0, y: top - 16, width: spec.side, height: base - top + 16,
      fill: "transparent", class: "book-pick"}).addEventListener("click", to);
    spot = make(numbers, "circle", {cy: dots, r: 4.2, fill: chosen, class: "book-spot"});
    stem = make(numbers, "path", {d: "", stroke: chosen, "stroke-width": 1.6});
    knob = make(numbers, "circle", {cy: top - 8, r: 7, fill: chosen, stroke: paper,
      "stroke-width": 1.5, class: "book-knob"});
    grip = make(numbers, "circle", {cy: top - 8, r: 18, fill: "transparent"});
    drag(grip, numbers, at => move(nearest(at)));
    const same = own.at.filter(k => !graph.all[k].differ).length;
    const valid = own.at.filter(k => graph.all[k].valid).length;
    counted.textContent = `${graph.names[atom]}\u2019s number is decoded at ${values.length} values, `
      + `${spec.step} apart and where it equals another\u2019s: the molecule at ${same}, valences `
      + `respected at ${valid}.`;
  };
  const nearest = x => line().values.reduce((best, value, i, all) =>
    (Math.abs(place(value) - x) < Math.abs(place(all[best]) - x) ? i : best), 0);
  const to = event => move(nearest(pointer(numbers, event)[0]));
  const pick = event => {
    const [x, y] = pointer(numbers, event), places = y < (labels + dots) / 2 ? graph.letters : graph.at;
    choose(places.reduce((best, at, i) => (Math.abs(at - x) < Math.abs(places[best] - x) ? i : best), 0));
  };

  const changes = shown => [
    ...graph.names.map((name, i) => shown.newAtoms[i] && `${name} \u2192 ${spec.holds[shown.atoms[i]]}`),
    ...graph.pairs.map(([i, j], k) => shown.newBonds[k] && `${graph.names[i]}\u2013\u2060${graph.names[j]} `
      + `${spec.orders[graph.own.bonds[k]]} \u2192 ${spec.orders[shown.bonds[k]]}`),
  ].filter(Boolean);
  const words = shown => {
    const own = line(), value = own.values[t], moved = value - own.values[own.own];
    let text = `${graph.names[atom]}\u2019s number ${written(value, 3)}, `;
    if (t === own.own) text += "as it came: the molecule";
    else {
      text += `moved by ${plus(moved)} (${(Math.abs(moved) / graph.widths[atom]).toFixed(1)} \u03b7): `;
      const found = changes(shown), more = found.length - spec.listed;
      const count = list => list.filter(Boolean).length;
      text += found.length ? found.slice(0, spec.listed).join(", ")
        + (more > 0 ? ` and ${more} more` : "") + `; ${counts(count(shown.newBonds), "bond")} and `
        + `${counts(count(shown.newAtoms), "atom")} differ` : "still the molecule";
    }
    text += `; ${shown.valid ? "valences respected" : "a valence exceeded"}, `
      + `${shown.connected ? "in one piece" : "in pieces"}.`;
    own.meets.filter(([at]) => at === t).forEach(([, j, alike]) => {
      text += ` It equals ${graph.names[j]}\u2019s number`
        + (alike ? ": both get the same element and bonds." : ".");
    });
    return text;
  };

  const show = dial(find(".book-dial"), index => move(index));
  const move = index => {
    t = index;
    const own = line(), value = own.values[t], shown = graph.all[own.at[t]];
    drawMolecule(shown);
    const x = place(value).toFixed(1);
    set(spot, {cx: whole(value).toFixed(1)});
    set(stem, {d: `M${x} ${top - 6}V${base}`});
    [knob, grip].forEach(circle => set(circle, {cx: x}));
    show(t, written(value, 3));
    const text = words(shown);
    said.textContent = text;
    molecule.setAttribute("aria-label", `Decoded from ${graph.name}: ${text}`);
    numbers.setAttribute("aria-label", `The numbers of ${graph.name}. ${text}`);
  };
  const choose = (which, index) => {
    atom = which;
    atoms.value = which;
    range.max = line().values.length - 1;
    drawNumbers();
    move(index ?? line().own);
  };
  const load = (which, index) => {
    graph = loaded[choice.value];
    atoms.replaceChildren(...graph.names.map((name, i) => new Option(name, i)));
    choose(which, index);
  };
  choice.addEventListener("input", () => load(0));
  atoms.addEventListener("input", () => choose(Number(atoms.value)));
  load(atom, t);
})();
