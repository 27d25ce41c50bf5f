(() => {
  const {spec, find, make, set, drag} = bookFigure("ID");
  const plane = find(".book-plane"), table = find(".book-tensors"), said = find("output");
  const bands = find(".book-bands"), entries = find(".book-entries");
  const choice = find(".book-graph"), rounds = find(".book-rounds"), reading = find(".book-reading");
  const pair = [find(".book-one"), find(".book-two")];
  const n = spec.slots, [width, height] = spec.size, [large, small] = spec.radii;
  const [left, top, cell] = spec.cells, [, kind, colour] = spec.columns;
  const orders = ["no", "single", "double", "triple"];
  let graph = null, slots = [], news = "", last = [], changed = [], picked = null;
  let atoms = [], numbers = [], moving = null, ghost = null, ring = null;

  const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
  const listed = items => (items.length < 2 ? `${items}`
    : `${items.slice(0, -1).join(", ")} and ${items[items.length - 1]}`);
  const move = (element, x, y) => { element.style.transform = `translate(${x}px,${y}px)`; };
  const real = i => i < graph.symbols.length;
  const at = slot => slots.indexOf(slot); // what stands in a slot
  const stable = () => graph.colours.length - 1;
  const colours = () => graph.colours[Math.min(Number(rounds.value), stable())];
  const symbol = i => (real(i) ? graph.symbols[i] : "\u2013");

  // Kinds and bonds, one number or name for each entry, in the order of the slots.
  const tensors = () => {
    const found = [...Array(n).keys()].map(slot => symbol(at(slot)));
    const bonds = Array(n * n).fill(0);
    graph.bonds.forEach(([i, j, order]) => { bonds[slots[i] * n + slots[j]] = order; });
    return [...found, ...bonds];
  };

  const build = () => {
    graph = spec.graphs[choice.value];
    slots = [...Array(n).keys()];
    [last, changed, picked] = [[], [], null];
    plane.replaceChildren();
    entries.replaceChildren();
    make(plane, "path",
      {d: graph.lines, fill: "none", stroke: "currentColor", "stroke-width": 1.6});
    if (graph.symbols.length < n) make(plane, "text", {x: 20, y: 200, class: "book-small"}, "empty");
    atoms = graph.places.map(([x, y], i) => {
      if (!real(i)) {
        make(plane, "circle", {cx: x, cy: y, r: small, fill: "none", stroke: "currentColor",
          "stroke-dasharray": "3 2"});
        return {kind: make(entries, "text", {class: "book-moves book-kind", y: 4.2}, "\u2013")};
      }
      make(plane, "circle", {cx: x, cy: y, r: large, fill: "var(--book-paper, #fff)"});
      const disc = make(plane, "circle",
        {cx: x, cy: y, r: large, "fill-opacity": .28, "stroke-width": 2.2});
      make(plane, "text", {x: x - 4.5, y: y + 4.2}, symbol(i));
      const [u, v] = graph.letters[i];
      const letter = make(plane, "text", {x: u, y: v + 4, class: "book-letter book-shade"});
      const badge = make(entries, "g", {class: "book-moves book-badge"});
      make(badge, "circle", {r: 8, "fill-opacity": .28, "stroke-width": 1.6});
      make(badge, "text", {y: 3.8, class: "book-letter"});
      return {disc, letter, badge,
        kind: make(entries, "text", {class: "book-moves book-kind", y: 4.2}, symbol(i))};
    });
    graph.cells = graph.bonds.map(([, , order]) => {
      const group = make(entries, "g", {class: "book-moves book-bond"});
      make(group, "rect", {width: cell, height: cell, fill: spec.hues[0],
        "fill-opacity": spec.strengths[order]});
      make(group, "text", {x: cell / 2, y: cell / 2 + 4.2}, order);
      return group;
    });
    numbers = slots.map(slot => make(plane, "text", {class: "book-moves book-number"}, slot));
    ring = make(plane, "circle", {r: large + 4, fill: "none", stroke: "currentColor",
      "stroke-width": 2, "stroke-dasharray": "5 3"});
    moving = make(plane, "g", {});
    make(moving, "circle", {r: 11, fill: "var(--book-paper, #fff)", stroke: "currentColor",
      "stroke-width": 1.6});
    ghost = make(moving, "text", {y: 4.2, class: "book-bold"});
    graph.places.forEach(([x, y], i) => hold(
      make(plane, "circle", {cx: x, cy: y, r: real(i) ? 20 : 14, fill: "transparent"}), i));
    const ends = graph.colours[stable()];
    const tied = ends.flatMap((c, i) => ends.flatMap((d, j) => (i < j && c === d ? [[i, j]] : [])));
    news = "Nothing has been exchanged";
    offer(tied.length ? tied[0] : [0, 1]);
  };

  // Both lists name the slots and what stands in them.
  const offer = ends => pair.forEach((list, k) => {
    list.replaceChildren(...slots.map((_, slot) => {
      const option = document.createElement("option");
      option.value = slot;
      option.textContent = `${slot} ${symbol(at(slot))}`;
      return option;
    }));
    list.value = ends[k];
  });

  const words = () => {
    const t = Number(rounds.value), final = t >= stable(), now = colours();
    const every = [...Array(n).keys()], names = every.filter(c => now.includes(c));
    const tied = names.map(name => every.filter(slot => now[at(slot)] === name))
      .filter(group => group.length > 1).map(listed);
    const when = final ? (stable() ? `From round ${stable()} on` : "In every round")
      : t ? `After ${plural(t, "round")}` : "Before the first round";
    const deep = final ? "a message-passing network, however deep,"
      : `a message-passing network of ${plural(t, "layer")}`;
    const twins = graph.twins[t];
    return `${news}; ${graph.orders.toLocaleString("en")} of the 9! = 362,880 orders ${graph.orders === 1 ? "gives" : "give"} `
      + `these tensors. ${when} there ${names.length === 1 ? "is" : "are"} `
      + `${plural(names.length, "colour")}: ${deep} ${tied.length
        ? `gives equal codes to ${tied.join(", and to ")}` : "can tell all atoms apart"}`
      + (twins.length ? `, and cannot tell ${graph.name} from ${listed(twins)}.` : ".");
  };

  const draw = () => {
    const now = colours(), middle = k => top + (k + .5) * cell;
    const tint = c => ({fill: spec.hues[c], stroke: spec.hues[c]});
    atoms.forEach((one, i) => {
      move(one.kind, kind, middle(slots[i]));
      if (!real(i)) return;
      set(one.disc, tint(now[i]));
      one.letter.textContent = spec.letters[now[i]];
      set(one.badge.firstChild, tint(now[i]));
      one.badge.lastChild.textContent = spec.letters[now[i]];
      move(one.badge, colour, middle(slots[i]));
    });
    graph.bonds.forEach(([i, j], k) => move(
      graph.cells[k], left + slots[j] * cell, top + slots[i] * cell));
    graph.places.forEach(([x, y], i) => move(
      numbers[slots[i]], real(i) ? x + 5.5 : x, y + 4.2));
    moving.style.display = "none";
    ring.style.display = picked === null ? "none" : "";
    if (picked !== null) set(ring, {cx: graph.places[picked][0], cy: graph.places[picked][1]});

    bands.replaceChildren();
    const band = {fill: "currentColor", "fill-opacity": .1};
    last.forEach(slot => {
      make(bands, "rect", {x: 2, y: top + slot * cell, width: width - 4, height: cell, ...band});
      make(bands, "rect", {x: left + slot * cell, y: 2, width: cell, height: top - 2 + n * cell,
        ...band});
    });
    table.querySelectorAll(".book-frame").forEach(frame => frame.remove());
    changed.forEach(k => {
      const column = k < n ? null : (k - n) % n, row = k < n ? k : Math.floor((k - n) / n);
      make(table, "rect", {class: "book-frame", fill: "none", stroke: "currentColor",
        "stroke-width": 1.8, y: top + row * cell + 1.5, height: cell - 3,
        x: column === null ? kind - 7.5 : left + column * cell + 1.5,
        width: column === null ? 15 : cell - 3});
    });

    const state = words(), order = slots.map((_, slot) => at(slot));
    reading.textContent = rounds.value;
    rounds.setAttribute("aria-valuetext", `${plural(Number(rounds.value), "round")}, `
      + plural(new Set(now).size, "colour"));
    said.textContent = state;
    plane.setAttribute("aria-label", `${graph.name}, by slot: ${order.map((i, slot) => (real(i)
      ? `${slot} ${symbol(i)} of colour ${spec.letters[now[i]]}` : `${slot} empty`)).join(", ")}.`);
    const bonds = tensors().slice(n).flatMap((o, k) => (o && k % n > Math.floor(k / n)
      ? [`${Math.floor(k / n)} to ${k % n} ${orders[o]}`] : []));
    table.setAttribute("aria-label",
      `Kinds by slot: ${order.map(symbol).join(" ")}. Bonds: ${bonds.join(", ")}. ${state}`);
  };

  // Take other slots, and see which entries this has changed.
  const renumber = (next, ends, tell) => {
    const before = tensors();
    slots = next;
    changed = tensors().flatMap((entry, k) => (entry === before[k] ? [] : [k]));
    last = ends;
    picked = null;
    news = tell(changed.length ? `changed ${changed.length} entries` : "changed nothing");
    offer(ends.length ? ends : pair.map(list => list.value));
    draw();
  };
  const exchange = (p, q) => {
    const i = at(p), j = at(q), next = [...slots], ends = graph.colours[stable()];
    [next[i], next[j]] = [q, p];
    const tied = real(i) && real(j) && ends[i] === ends[j];
    renumber(next, [p, q], effect => {
      if (p === q) return "Exchanging a slot with itself changed nothing";
      if (!real(i) && !real(j)) return `Exchanging the empty slots ${p} and ${q} ${effect}`;
      return `Exchanging slots ${p} and ${q} ${effect}`
        + (tied ? (changed.length ? ", though the two atoms are tied" : ": the two atoms are tied")
          : "");
    });
  };

  // A handle over each atom and each empty slot: drag its number onto another, or tap two.
  const nearest = (x, y, own) => {
    const gaps = graph.places.map(([u, v], i) => (i === own ? 99 : Math.hypot(u - x, v - y)));
    const least = Math.min(...gaps);
    return least < 24 ? gaps.indexOf(least) : null;
  };
  const hold = (handle, i) => {
    let target = null, far = false;
    const clear = () => { picked = null; draw(); };
    drag(handle, plane, (x, y) => {
      const [u, v] = graph.places[i];
      far ||= Math.hypot(x - u, y - v) > 8;
      if (!far) return;
      target = nearest(x, y, i);
      ghost.textContent = slots[i];
      moving.style.display = "";
      move(moving, Math.min(width - 12, Math.max(12, x)), Math.min(height - 12, Math.max(12, y)));
      ring.style.display = target === null ? "none" : "";
      if (target !== null) set(ring, {cx: graph.places[target][0], cy: graph.places[target][1]});
    }, () => { [target, far] = [null, false]; });
    handle.addEventListener("pointerup", () => {
      if (far && target !== null) exchange(slots[i], slots[target]);
      else if (far || picked === i) clear();
      else if (picked !== null) exchange(slots[picked], slots[i]);
      else {
        picked = i;
        pair[0].value = slots[i];
        draw();
      }
    });
    handle.addEventListener("pointercancel", clear);
  };

  find(".book-exchange").addEventListener("click",
    () => exchange(...pair.map(list => Number(list.value))));
  find(".book-shuffle").addEventListener("click", () => {
    const next = [...slots];
    for (let i = n - 1; i > 0; i -= 1) {
      const j = Math.floor(Math.random() * (i + 1));
      [next[i], next[j]] = [next[j], next[i]];
    }
    renumber(next, [], effect => `The shuffle ${effect}`);
  });
  find(".book-back").addEventListener("click", () => renumber(
    slots.map((_, i) => i), [], effect => `Going back to the first order ${effect}`));
  choice.addEventListener("input", () => { build(); draw(); });
  rounds.addEventListener("input", draw);
  build();
  draw();
})();
