(() => {
  const {spec, find, all, written, make, set, drag, dial} = bookFigure("ID");
  const plane = find(".book-plane"), chart = find(".book-chart"), said = find("output");
  const [choice, chosen] = all("select"), [more, fewer] = all("input[type='button']");
  const {same, step} = spec, scale = spec.side / (2 * spec.reach), degree = Math.PI / 180;
  const paper = "var(--book-paper, #fff)", mirrors = find(".book-mirrors");
  // A group: how many turns it has, and whether it has as many mirrors, the first one level.
  const groups = [...choice.options].map(({value}) => (
    {turns: parseInt(value, 10), mirrored: value.endsWith("m")}));
  const most = Math.max(...groups.map(({turns, mirrored}) => (mirrored ? 2 : 1) * turns));
  // a, b and the templates: where each is, and where its dials stand, in degrees and steps.
  const places = [...spec.codes, ...spec.templates].map(z => [...z]);
  const turnOf = z => (Math.round(Math.atan2(z[1], z[0]) / degree) + 360) % 360;
  const dialled = places.map(z => [turnOf(z), Math.round(Math.hypot(...z) / step)]);
  let shown = spec.shown;

  const group = () => groups[choice.selectedIndex];
  const turned = ([x, y], angle) => [
    x * Math.cos(angle) - y * Math.sin(angle), x * Math.sin(angle) + y * Math.cos(angle)];
  const orbit = z => {
    const {turns, mirrored} = group();
    return (mirrored ? [z, [z[0], -z[1]]] : [z]).flatMap(own => [...Array(turns).keys()].map(
      g => turned(own, 2 * Math.PI * g / turns)));
  };
  const dot = (v, w) => v[0] * w[0] + v[1] * w[1];
  const gap = (v, w) => Math.hypot(...v.map((x, i) => x - w[i]));
  const templates = () => places.slice(2, 2 + shown);
  const filter = (z, w) => Math.max(...orbit(w).map(own => dot(z, own)));
  const values = z => templates().map(w => filter(z, w));
  const distance = (a, b) => Math.min(...orbit(b).map(own => gap(a, own)));

  // The smallest and the largest ratio over the pairs of a fixed grid: see _filters.py.
  const bracket = () => {
    const {turns, mirrored} = group(), count = spec.directions;
    // Directions within one turn, and how far the nearest copies of two are apart: around a cone,
    // or with mirrors within a wedge from mirror to mirror.
    const by = mirrored ? Math.PI / turns / (count - 1) : 2 * Math.PI / turns / count;
    const found = [...Array(count).keys()].map(i => values(turned([1, 0], by * i)));
    const near = [...Array(count).keys()].map(
      i => Math.cos(by * (mirrored ? i : Math.min(i, count - i))));
    let least = Infinity, largest = 0;
    for (const r of spec.lengths) for (let i = 0; i < count; i += 1) {
      for (let j = r < 1 ? 0 : i + 1; j < count; j += 1) {
        let sum = 0;
        for (let k = 0; k < shown; k += 1) sum += (found[i][k] - r * found[j][k]) ** 2;
        const ratio = sum / (1 + r * r - 2 * r * near[Math.abs(i - j)]);
        least = Math.min(least, ratio);
        largest = Math.max(largest, ratio);
      }
    }
    return [Math.sqrt(least), Math.sqrt(largest)];
  };

  // A code close to the other's orbit, to where all values are the other's, or to its lines, is
  // put there.
  const caught = (z, other) => {
    const wanted = values(other), own = templates();
    const within = (list, reach) => list.filter(at => gap(z, at) < reach)
      .reduce((best, at) => (best && gap(z, best) <= gap(z, at) ? best : at), null);
    const crossings = shown < 2 ? [] : orbit(own[0]).flatMap(v => orbit(own[1]).map(w => {
      const area = v[0] * w[1] - v[1] * w[0];
      return [(wanted[0] * w[1] - wanted[1] * v[1]) / area,
        (wanted[1] * v[0] - wanted[0] * w[0]) / area];
    })).filter(at => gap(values(at), wanted) < same);
    const feet = own.flatMap((w, k) => orbit(w).map(v => {
      const by = (wanted[k] - dot(z, v)) / dot(v, v);
      return [z[0] + by * v[0], z[1] + by * v[1]];
    }).filter(at => Math.abs(filter(at, w) - wanted[k]) < same));
    const [point, line] = spec.caught;
    return within(orbit(other), point) ?? within(crossings, point) ?? within(feet, line) ?? z;
  };
  const put = (i, angle, length) => {
    const [low, high] = spec.limits[i < 2 ? "code" : "template"];
    dialled[i] = [angle, Math.min(high, Math.max(low, length))];
    const z = turned([dialled[i][1] * step, 0], angle * degree);
    places[i] = i < 2 ? caught(z, places[1 - i]) : z;
    show();
  };

  const at = ([x, y]) => [spec.side / 2 + scale * x, spec.side / 2 - scale * y];
  const path = points => `M${points.map(
    z => at(z).map(x => x.toFixed(1)).join(" ")).join("L")}`;
  const arrow = tip => {
    const length = Math.hypot(...tip), [u, v] = tip.map(x => x / length);
    const back = tip.map((x, i) => x - .12 * [u, v][i]);
    return path([[0, 0], tip]) + path([[back[0] - .06 * v, back[1] + .06 * u], tip,
      [back[0] + .06 * v, back[1] - .06 * u]]);
  };
  // The polygon on which a filter has a value: its sides are perpendicular to the copies of w.
  const corners = (w, value) => {
    const round = 2 * Math.PI, ways = orbit(w).map(([x, y]) => (Math.atan2(y, x) + round) % round)
      .toSorted((a, b) => a - b);
    return ways.map((way, i) => {
      const half = ((ways[i + 1] ?? ways[0] + round) - way) / 2;
      return turned([value / (Math.hypot(...w) * Math.cos(half)), 0], way + half);
    });
  };
  const along = (x, [left, right, top]) => left
    + (right - left) * Math.min(1, Math.max(0, x / top));
  const moving = find(".book-moving");
  const text = (x, y, anchor = "start") => make(moving, "text",
    {x, y, "font-size": 11, "text-anchor": anchor});
  const short = x => x.toFixed(1);

  const lines = spec.templates.map((_, k) => make(find(".book-level"), "path",
    {stroke: spec.colours[k], "stroke-dasharray": spec.dashes[k]}));
  const arrows = spec.templates.map((_, k) => make(find(".book-arrows-drawn"), "path",
    {stroke: spec.colours[k]}));
  const dots = ["currentColor", paper].map(fill => [...Array(most).keys()].map(
    // The last is the copy with the name, over the others.
    i => make(find(".book-orbits"), "circle", {r: i < most - 1 ? 4 : 8.5, fill})));
  const names = ["a", "b", ...spec.templates.map((_, k) => k + 1)].map((name, i) => make(
    find(".book-names"), "text", {class: i === 0 ? "book-on-ink" : i > 1 ? "book-on-paper" : ""}, String(name)));
  const rows = spec.templates.map((_, k) => {
    const y = spec.rows[k];
    return {
      number: text(2, y + 4),
      key: make(moving, "path", {d: `M12 ${y}h26`, fill: "none", stroke: spec.colours[k],
        "stroke-width": 2, "stroke-dasharray": spec.dashes[k]}),
      dots: [make(moving, "circle", {cy: y, r: 3.5, fill: "currentColor"}),
        make(moving, "circle", {cy: y, r: 5.5, fill: "none", stroke: "currentColor",
          "stroke-width": 1.6})],
      values: [text(188, y + 4, "end"), text(236, y + 4, "end")],
    };
  });
  const bar = make(moving, "rect", {y: 140, height: 8, fill: "#8a6fd1"});
  const ends = [text(0, 148, "end"), text(0, 148)];
  const mark = make(moving, "path", {fill: "currentColor"}), pair = text(0, 126, "middle");

  const hide = (element, hidden) => element.setAttribute("visibility", hidden ? "hidden" : "visible");
  const [turn, length] = all(".book-dial").map((element, c) => dial(element, value => put(
    Number(chosen.value), c ? dialled[chosen.value][0] : value,
    c ? value : dialled[chosen.value][1])));
  const range = find(".book-dial:last-child input");

  const sentence = (apart, far, ratio, [least, largest]) => {
    let first = "a and b lie in one orbit, so all values are the same.", outside = "";
    if (apart >= same && far < same) {
      first = `The orbits are ${written(apart)} apart, the values the same: not told apart.`;
      outside = least >= .005 ? "below" : "";
    } else if (apart >= same) {
      first = `The orbits are ${written(apart)} apart, the values ${written(far)}: `
        + `ratio ${written(ratio)}.`;
      outside = ratio < least - .005 ? "below" : ratio > largest + .005 ? "above" : "";
    }
    return `${first} Measured over ${spec.pairs} pairs, the ratio goes from ${written(least)} to `
      + `${written(largest)}${outside && `; this pair is ${outside} them all`}.`;
  };
  const polar = z => `${turnOf(z)}\u00b0, length ${written(Math.hypot(...z))}`;

  let measured = "", limits = [0, 0];
  const show = () => {
    const [a, b] = places, found = [values(a), values(b)];
    const {turns, mirrored} = group(), now = JSON.stringify([choice.value, templates()]);
    if (now !== measured) {
      limits = bracket();
      measured = now;
    }
    const apart = distance(a, b), far = gap(...found), ratio = far / apart;
    spec.templates.forEach((_, k) => {
      const own = places[2 + k], here = k < shown, row = rows[k];
      [lines[k], arrows[k], names[2 + k], handles[2 + k], row.number, row.key, ...row.dots,
        ...row.values].forEach(element => hide(element, !here));
      if (!here) return;
      set(lines[k], {d: `${path(corners(own, found[0][k]))}Z`});
      set(arrows[k], {d: arrow(own)});
      row.number.textContent = k + 1;
      row.dots.forEach((circle, c) => set(circle, {cx: short(along(found[c][k], spec.strip))}));
      row.values.forEach((number, c) => { number.textContent = written(found[c][k]); });
    });
    set(mirrors, {d: mirrored ? [...Array(turns).keys()].map(k => path([0, 1].map(
      end => turned([spec.reach, 0], Math.PI * (k / turns + end))))).join("") : ""});
    dots.forEach((circles, c) => {
      const copies = orbit(places[c]);
      circles.forEach((circle, i) => {
        const g = most - 1 - i, [cx, cy] = at(copies[g] ?? places[c]).map(short);
        hide(circle, g >= copies.length);
        set(circle, {cx, cy});
      });
    });
    places.forEach((z, i) => {
      const r = Math.hypot(...z), beside = [.6 * z[0] + .13 * z[1] / r, .6 * z[1] - .13 * z[0] / r];
      const [x, y] = at(i < 2 ? z : beside);
      set(names[i], {x: short(x), y: short(y + 4)});
      const [cx, cy] = at(z).map(short);
      set(handles[i], {cx, cy});
    });
    hide(names[0], gap(a, b) < .02); // b hides it
    const [low, high] = limits.map(x => along(x, spec.axis));
    set(bar, {x: short(low), width: short(high - low)});
    ends.forEach((end, c) => {
      set(end, {x: short(c ? high + 4 : low - 4)});
      end.textContent = written(limits[c]);
    });
    const none = apart < same, x = none ? 0 : along(ratio, spec.axis);
    hide(mark, none);
    set(mark, {d: `M${short(x)} 139l-5 -9h10z`});
    set(pair, {x: short(Math.max(x, 40))});
    pair.textContent = none ? "" : `this pair ${written(ratio)}`;

    const words = sentence(apart, far, ratio, limits);
    if (said.textContent !== words) said.textContent = words;
    plane.setAttribute("aria-label", `The plane with the turns by ${360 / turns}\u00b0${
      mirrored ? ` and ${turns} mirrors` : ""}. a at ${polar(a)}; b at ${polar(b)}; ${templates().map(
        (w, k) => `template ${k + 1} at ${polar(w)}`).join("; ")}.`);
    chart.setAttribute("aria-label", `${found[0].map((value, k) => `Template ${k + 1}: `
      + `${written(value)} at a, ${written(found[1][k])} at b`).join("; ")}. ${words}`);
    more.disabled = shown === spec.templates.length;
    fewer.disabled = shown === 1;
    [...chosen.options].forEach((option, i) => { option.disabled = i >= 2 + shown; });
    const i = Number(chosen.value), [min, max] = spec.limits[i < 2 ? "code" : "template"];
    set(range, {min, max});
    turn(dialled[i][0], `${turnOf(places[i])}\u00b0`);
    length(dialled[i][1], written(Math.hypot(...places[i])));
  };

  const handles = places.map(() => make(find(".book-handles"), "circle",
    {r: 15, fill: "transparent"}));
  // Codes are taken before templates where both lie under the finger.
  handles.slice(0, 2).forEach(handle => handle.parentNode.append(handle));
  handles.forEach((handle, i) => drag(handle, plane, (x, y) => {
    const z = [(x - spec.side / 2) / scale, (spec.side / 2 - y) / scale];
    put(i, turnOf(z), Math.round(Math.hypot(...z) / step));
  }, () => { chosen.value = i; show(); }));
  const count = by => {
    shown += by;
    if (chosen.value >= 2 + shown) chosen.value = 1;
    show();
  };
  more.addEventListener("click", () => count(1));
  fewer.addEventListener("click", () => count(-1));
  [choice, chosen].forEach(list => list.addEventListener("input", show));
  show();
})();
