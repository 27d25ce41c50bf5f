(() => {
  const {spec, find, all, written, make, set, place, drag} = bookFigure("ID");
  const choice = find("select"), range = find("input"), reading = find(".book-reading");
  const molecules = all(".book-molecule"), strips = all(".book-strip");
  const here = all(".book-here"), facts = all(".book-facts"), said = find("output");
  const [left, right] = spec.edges, steps = spec.pairs[0].ways[0].order.length;
  const cell = (right - left) / steps, apart = [[], [0], [-2.2, 2.2], [-3.8, 0, 3.8]];
  const whole = 0, impossible = 2;

  const drawn = spec.drawn.map(([symbols, places, bonds, crowded, name, state]) => ({
    symbols: [...symbols], crowded, state,
    at: i => places.slice(2 * i, 2 * i + 2),
    bonds: Array.from({length: bonds.length / 3}, (_, k) => bonds.slice(3 * k, 3 * k + 3)),
    words: (name ? `${name}, ` : "") + spec.words[state],
  }));
  const count = n => `${n} molecule${n === 1 ? "" : "s"}`;
  const share = n => `${Math.floor((200 * n + steps) / (2 * steps))}%`;

  const draw = (plane, graph) => {
    plane.replaceChildren();
    let d = "";
    graph.bonds.forEach(([i, j, order]) => {
      const [x0, y0] = graph.at(i), [x1, y1] = graph.at(j);
      const length = Math.hypot(x1 - x0, y1 - y0) || 1;
      apart[order].forEach(far => {
        const dx = (y0 - y1) / length * far, dy = (x1 - x0) / length * far;
        d += `M${(x0 + dx).toFixed(1)} ${(y0 + dy).toFixed(1)}`
          + `L${(x1 + dx).toFixed(1)} ${(y1 + dy).toFixed(1)}`;
      });
    });
    make(plane, "path", {d, fill: "none", stroke: "currentColor", "stroke-width": 1.6});
    const bonded = new Set(graph.bonds.flatMap(([i, j]) => [i, j]));
    graph.symbols.forEach((symbol, i) => {
      const [cx, cy] = graph.at(i);
      if (symbol !== "C" || !bonded.has(i)) {
        make(plane, "circle", {cx, cy, r: 8, fill: "var(--book-paper, #fff)"});
        make(plane, "text", {x: cx, y: cy + 5, "font-size": 15, "font-weight": "bold",
          "text-anchor": "middle", fill: spec.colours[symbol] ?? "currentColor"}, symbol);
      }
      if (graph.crowded.includes(i)) {
        make(plane, "circle", {cx, cy, r: 11, fill: "none", stroke: "currentColor",
          "stroke-width": 1.4, "stroke-dasharray": "3 2.5"});
      }
    });
  };

  const layers = strips.map(plane => {
    const bars = make(plane, "g", {});
    const mark = make(plane, "path", {class: "book-wedge", fill: "currentColor"});
    const ground = make(plane, "rect", {width: 200, height: 34, fill: "transparent"});
    const go = x => {
      range.value = Math.floor((x - left) / cell);
      show();
    };
    drag(ground, plane, go);
    ground.addEventListener("pointerdown", event => go(place(plane, event)[0]));
    return {bars, mark};
  });
  const measure = order => {
    const found = order.filter(k => drawn[k].state === whole);
    return {whole: found.length, met: new Set(found).size,
      valid: order.filter(k => drawn[k].state !== impossible).length};
  };
  const bar = (bars, begin, end, state, colour) => {
    const x = left + begin * cell + 1.7, wide = (end - begin) * cell - 3.4;
    if (state === impossible) {
      let d = `M${x.toFixed(2)} 11h${wide.toFixed(2)}`;
      for (let k = begin; k < end; k += 1) {
        d += `M${(left + (k + .5) * cell - 2.5).toFixed(2)} 8.5l5 5m0 -5l-5 5`;
      }
      make(bars, "path", {d, fill: "none", stroke: "currentColor", "stroke-width": 1});
    } else {
      make(bars, "rect", {x: x.toFixed(2), y: 4.75, width: wide.toFixed(2), height: 12.5,
        fill: state === whole ? colour : "none", stroke: colour, "stroke-width": 1.5});
    }
  };

  // A new pair: its strips, and what is said of whole ways.
  const take = () => {
    spec.pairs[choice.value].ways.forEach(({order, length}, w) => {
      const found = measure(order), {bars} = layers[w];
      bars.replaceChildren();
      let begin = 0;
      order.forEach((k, i) => {
        if (order[i + 1] === k) return;
        bar(bars, begin, i + 1, drawn[k].state, spec.ways[w]);
        begin = i + 1;
      });
      facts[w].textContent = `${written(length)} long, ${count(found.met)}; `
        + `${share(found.whole)} of the steps whole, ${share(found.valid)} valid`;
    });
    show();
  };
  const show = () => {
    const {ways} = spec.pairs[choice.value], t = Number(range.value);
    reading.textContent = `${t} of ${steps - 1}`;
    range.setAttribute("aria-valuetext", `step ${t} of ${steps - 1}`);
    const met = ways.map(({order}) => measure(order).met);
    ways.forEach(({order}, w) => {
      const graph = drawn[order[t]], kind = spec.kinds[w];
      draw(molecules[w], graph);
      here[w].textContent = graph.words;
      const x = left + (t + .5) * cell;
      set(layers[w].mark, {d: `M${x.toFixed(2)} 20l6 10h-12z`});
      molecules[w].setAttribute("aria-label", `Between ${kind} codes, step ${t}: ${graph.words}`);
      strips[w].setAttribute("aria-label",
        `The ${kind} way, at step ${t} of ${steps - 1}: ${facts[w].textContent}`);
    });
    said.textContent = `Step ${t} of ${steps - 1}. Raw: ${drawn[ways[0].order[t]].words}; `
      + `sorted: ${drawn[ways[1].order[t]].words}. The raw way is ${written(ways[0].length)} long `
      + `and passes ${count(met[0])}, the sorted one ${written(ways[1].length)} and passes ${met[1]}.`;
  };
  choice.addEventListener("input", take);
  range.addEventListener("input", show);
  take();
})();
