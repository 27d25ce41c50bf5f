(() => {
  const {spec, find, all, written, make, set, drag, dial} = bookFigure("ID");
  const square = find(".book-plane"), cone = find(".book-quotient"), said = find("output");
  const [inPlane, inQuotient] = all(".book-drawn");
  const [group, chosen] = all("select"), named = find(".book-named");
  const {scale, reach, step, turn, colours} = spec, ink = "currentColor";
  const codes = spec.codes.map(code => [...code]); // distance in steps, angle in degrees
  const mod = (x, period) => (x % period + period) % period;
  const rad = x => x * Math.PI / 180;
  // Above -period / 2 and at most period / 2; in whole degrees, and so exact.
  const wrapped = (x, period) => {
    const rest = mod(x, period);
    return 2 * rest > period ? rest - period : rest;
  };

  // A line goes from distance r and angle a to distance s and angle a + span: there v, turned, is.
  const lengthOf = ({r, s, span}) =>
    Math.sqrt((r - s) ** 2 + 4 * r * s * Math.sin(rad(span) / 2) ** 2);
  const away = ({r, s, span}, d) => r * s * Math.sin(rad(span))
    / (r * Math.sin(rad(d)) + s * Math.sin(rad(span - d)));
  const lines = (n, [r, a], [s, b]) => {
    if (r === 0 || s === 0) {
      const line = {r, s, a: r === 0 ? b : a, span: 0, turned: 0};
      return [line, [line]];
    }
    const to = span => ({r, s, a, span, turned: mod(a + span - b, 360)});
    const least = wrapped(b - a, 360 / n);
    const spans = 2 * least === 360 / n ? [least, -least] : [least];
    const [one, other = one] = spans.map(to); // in a tie two, ordered by their turns
    const ways = one === other ? [one] : one.turned < other.turned ? [one, other] : [other, one];
    return [to(wrapped(b - a, 360)), ways];
  };
  const seen = (n, angle) => {
    const own = wrapped(angle, 360 / n);
    return 2 * own === 360 / n ? [own, -own] : [own];
  };
  const crossings = (n, {a, span}) => {
    const found = [], sign = Math.sign(span);
    if (Math.abs(span) === 180) return found;
    for (let d = sign; d !== span; d += sign) {
      if (2 * wrapped(a + d, 360 / n) === 360 / n) found.push(d);
    }
    return found;
  };
  const pieces = (n, line) => {
    const {r, s, a, span} = line, wedge = 360 / n;
    if (span === 0) return seen(n, a).map(t => [[r, t], [s, t]]);
    if (Math.abs(span) === 180) { // through the tip
      return [...seen(n, a).map(t => [[r, t], [0, t]]),
        ...seen(n, a + span).map(t => [[0, t], [s, t]])];
    }
    const stops = [0, ...crossings(n, line), span];
    return stops.slice(1).map((end, i) => {
      const shift = wedge * Math.round((2 * a + stops[i] + end) / (2 * wedge));
      return [stops[i], end].map(d => [away(line, d), a + d - shift]);
    });
  };

  const flat = ([r, t], [x, y]) =>
    [x + scale * r * Math.cos(rad(t)), y - scale * r * Math.sin(rad(t))];
  const above = rad(20), high = Math.cos(above), low = Math.sin(above);
  const rolled = (n, r, t, front) => {
    const around = rad(n * (t - front)), down = Math.sqrt(1 - 1 / n ** 2);
    return [[spec.apex[0] + scale * r / n * Math.sin(around),
      spec.apex[1] + scale * r * (down * high + Math.cos(around) / n * low)],
    down * high * Math.cos(around) + low / n > 0];
  };
  const path = places => `M${places.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;
  const onCone = (n, line, front) => {
    const {r, s, a, span} = line, parts = ["", ""];
    const [x0, y0] = flat([r, a], [0, 0]), [x1, y1] = flat([s, a + span], [0, 0]);
    let before = null, side = null;
    for (let k = 0; k <= 60; k += 1) {
      const t = k / 60, x = (1 - t) * x0 + t * x1, y = (1 - t) * y0 + t * y1;
      const angle = Math.abs(span) !== 180 ? Math.atan2(-y, x) * 180 / Math.PI
        : (1 - t) * r >= t * s ? a : a + span;
      const [at, faces] = rolled(n, Math.hypot(x, y) / scale, angle, front);
      if (before) {
        const [own, word] = [before.faces ? 0 : 1, path([at]).slice(1)];
        parts[own] += side === own ? `L${word}` : path([before.at, at]);
        side = own;
      }
      before = {at, faces};
    }
    return parts;
  };

  const dashed = {fill: "none", stroke: ink, "stroke-width": 1.5, "stroke-dasharray": "5 4"};
  const solid = {fill: "none", stroke: colours[2], "stroke-width": 3};
  const edge = {fill: "none", stroke: ink}, pale = {"stroke-opacity": .35};
  const paper = "var(--book-paper, #fff)";
  const draw = (parent, d, style, kind = "") => d && make(
    parent, "path", kind ? {d, ...style, class: kind} : {d, ...style});
  const mark = (parent, which, [x, y], size, kind, letter = "", filled = false) => {
    const style = {fill: filled ? colours[which] : paper, stroke: colours[which],
      "stroke-width": 2, class: kind};
    if (which) make(parent, "circle", {cx: x.toFixed(1), cy: y.toFixed(1), r: size, ...style});
    else make(parent, "rect", {x: (x - size).toFixed(1), y: (y - size).toFixed(1),
      width: 2 * size, height: 2 * size, ...style});
    if (letter) make(parent, "text", {x: x.toFixed(1), y: (y + 4).toFixed(1),
      "font-size": 13, "text-anchor": "middle"}, letter);
  };
  const sector = (parent, n, tip) => {
    const radius = (scale * reach).toFixed(1);
    const [[x, y], [p, q]] = [-180 / n, 180 / n].map(t => flat([reach, t], tip));
    draw(parent, `M${tip.join(" ")}L${x.toFixed(1)} ${y.toFixed(1)}A${radius} ${radius} 0 0 0 `
      + `${p.toFixed(1)} ${q.toFixed(1)}Z`, {fill: ink, "fill-opacity": .08});
    [[x, y], [p, q]].forEach(end => draw(parent, path([tip, end]), edge));
  };
  const chevrons = (parent, n) => [-180 / n, 180 / n].forEach(t => {
    const c = Math.cos(rad(t)), s = -Math.sin(rad(t));
    const [x, y] = flat([.94 * reach, t], spec.wedge);
    const [left, right] = [-1, 1].map(k => [x - 6 * c - 4 * k * s, y - 6 * s + 4 * k * c]);
    draw(parent, path([left, [x, y], right]), {...edge, "stroke-width": 1.6});
  });
  const silhouette = (parent, n) => {
    const [x, y] = spec.apex, radius = scale * reach / n;
    const level = y + scale * reach * Math.sqrt(1 - 1 / n ** 2) * high;
    const slope = low / high / Math.sqrt(n ** 2 - 1);
    const side = radius * Math.sqrt(1 - slope ** 2);
    const [left, right] = [-side, side].map(
      d => `${(x + d).toFixed(3)} ${(level - radius * low * slope).toFixed(3)}`);
    const rim = `${radius.toFixed(3)} ${(radius * low).toFixed(3)} 0`;
    draw(parent, `M${left}L${x} ${y}L${right}A${rim} 1 1 ${left}`,
      {fill: ink, "fill-opacity": .08, stroke: ink, class: "book-outline"});
    draw(parent, `M${left}A${rim} 0 1 ${right}`, {...edge, ...pale});
  };

  const drawPlane = (n, points, straight, ways) => {
    const wedge = 360 / n, tip = spec.plane;
    const segment = ({r, s, a, span}, by = 0) => path([[r, a + by], [s, a + span + by]].map(
      code => flat(code, tip)));
    inPlane.replaceChildren();
    make(inPlane, "circle", {cx: tip[0], cy: tip[1], r: (scale * reach).toFixed(1), ...edge, ...pale});
    sector(inPlane, n, tip);
    const turns = Array.from({length: n - 1}, (_, k) => (k + 1) * wedge);
    draw(inPlane, ways.flatMap(way => turns.map(by => segment(way, by))).join(""),
      {fill: "none", stroke: colours[2], "stroke-opacity": .6});
    draw(inPlane, segment(straight), dashed, "book-straight");
    draw(inPlane, ways.map(way => segment(way)).join(""), solid, "book-ways");
    points.forEach(([r, t], which) => turns.forEach(by => mark(inPlane, which,
      flat([r, t + by], tip), 4.5, "book-copy", "",
      which === 1 && ways.some(({turned}) => turned === by))));
    points.forEach((code, which) => mark(
      inPlane, which, flat(code, tip), 8.5, "book-mark", "uv"[which]));
  };
  const drawQuotient = (n, points, straight, ways) => {
    const tip = spec.wedge, parent = inQuotient, front = points[0][1];
    const folded = line => pieces(n, line).map(
      ends => path(ends.map(code => flat(code, tip)))).join("");
    parent.replaceChildren();
    sector(parent, n, tip);
    chevrons(parent, n);
    draw(parent, folded(straight), dashed, "book-straight");
    draw(parent, ways.map(folded).join(""), solid, "book-ways");
    ways.forEach(way => crossings(n, way).forEach(d => [180 / n, -180 / n].forEach(t => {
      const [x, y] = flat([away(way, d), t], tip);
      draw(parent, `M${x.toFixed(1)} ${(y - 5).toFixed(1)}l5 5l-5 5l-5 -5Z`,
        {fill: paper, stroke: colours[2], "stroke-width": 2}, "book-crossing");
    })));
    points.forEach(([r, t], which) => seen(n, t).forEach(own => mark(
      parent, which, flat([r, own], tip), 7.5, "book-mark", "uv"[which])));
    silhouette(parent, n);
    const [rim, faces] = rolled(n, reach, 180 / n, front);
    draw(parent, path([spec.apex, rim]), faces ? edge : {...edge, ...pale}, "book-seam");
    [[straight, dashed, "straight"], ...ways.map(way => [way, solid, "way"])].forEach(
      ([line, style, kind]) => {
        const [ahead, behind] = onCone(n, line, front);
        draw(parent, behind, {...style, ...pale}, `book-cone-${kind}`);
        draw(parent, ahead, style, `book-cone-${kind}`);
      });
    [1, 0].forEach(which => mark(parent, which,
      rolled(n, ...points[which], front)[0], 4.5, "book-dot"));
  };

  const state = (n, [u, v], straight, ways) => {
    const names = ways.map(({turned}) => (turned ? `v turned by ${turned}\u00b0` : "v itself"));
    const [far, near] = [lengthOf(straight), lengthOf(ways[0])];
    const which = test => ["u", "v"].filter((_, i) => test([u, v][i]));
    const tips = which(([r]) => r === 0);
    const cut = which(([r, t]) => r > 0 && seen(n, t).length === 2);
    let why = `the nearest copy of v is ${names[0]}.`, more = "";
    if (tips.length) {
      why = `${tips.join(" and ")} ${tips.length > 1 ? "are" : "is"} at the tip, `
        + "which every turn leaves in place.";
    } else if (near === 0) {
      why = ways[0].turned ? `u is ${names[0]}: one orbit.` : "u and v are the same.";
    } else if (ways.length === 2) {
      why = `a tie of ${names.join(" and ")}. Shortest paths pass the tip on both sides.`;
    }
    if (near > 0 && ways.length === 1 && crossings(n, ways[0]).length) {
      more = " The shortest path crosses the cut.";
    } else if (cut.length) {
      more = ` ${cut.join(" and ")} ${cut.length > 1 ? "lie" : "lies"} on the cut, `
        + "seen at both edges.";
    }
    return `Straight (dashed) ${written(far)}, quotient (solid) ${written(near)}: ${why}${more}`;
  };

  const angled = t => `${written(t, 0)}\u00b0`;
  const dials = all(".book-dial").map((element, c) => dial(element, value => {
    codes[chosen.value][c] = value;
    show();
  }));
  const grips = find(".book-grips"), handles = [];
  function show() {
    const n = Number(group.value), wedge = 360 / n;
    const points = codes.map(([k, t]) => [k * step, t]);
    const [straight, ways] = lines(n, ...points);
    drawPlane(n, points, straight, ways);
    drawQuotient(n, points, straight, ways);
    handles.forEach(({which, k, element}) => {
      const [r, t] = points[which], [x, y] = flat([r, t + k * wedge], spec.plane);
      set(element, {cx: x.toFixed(1), cy: y.toFixed(1), display: k < n ? "inline" : "none"});
    });
    const own = codes[chosen.value];
    dials[0](own[0], written(own[0] * step));
    dials[1](own[1], angled(own[1]));
    named.textContent = `The quotient: ${wedge}\u00b0 rolled into a cone`;
    said.textContent = state(n, points, straight, ways);
    const [u, v] = points.map(([r, t]) => `at distance ${written(r)} and angle ${angled(t)}`);
    set(square, {"aria-label": `The plane with u ${u}, v ${v}, and their copies under turns by `
      + `multiples of ${wedge}\u00b0. ${said.textContent}`});
    const inside = ways.map(way => crossings(n, way).map(d => written(away(way, d))));
    const told = inside.map(at => (at.length
      ? `leaves the wedge at one edge and comes back at the other, ${at[0]} from the tip`
      : "stays in the wedge"));
    set(cone, {"aria-label": `A wedge of ${wedge}\u00b0 and the cone it is glued to. ${
      told.map((words, i) => `${i ? "Another" : "A"} shortest path ${words}.`).join(" ")}`});
  }

  // A copy that is taken becomes the code: it names the same orbit.
  const grip = (which, k) => {
    const element = make(grips, "circle", {r: k ? 14 : 16, fill: "transparent"});
    handles.push({which, k, element});
    drag(element, square, (x, y) => {
      const [dx, dy] = [x - spec.plane[0], spec.plane[1] - y];
      const far = Math.min(Math.round(Math.hypot(dx, dy) / scale / step), Math.round(reach / step));
      codes[which][0] = far;
      if (far) codes[which][1] = turn * Math.round(Math.atan2(dy, dx) * 180 / Math.PI / turn);
      show();
    }, () => {
      chosen.value = which;
      codes[which][1] = wrapped(codes[which][1] + k * 360 / group.value, 360);
      show();
    });
  };
  for (let k = spec.most - 1; k >= 0; k -= 1) [0, 1].forEach(which => grip(which, k));
  [group, chosen].forEach(control => control.addEventListener("input", show));
  show();
})();
