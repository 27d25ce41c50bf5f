(() => {
  const {spec, find, all, written, make, set, place, drag, dial} = bookFigure("ID");
  const plane = find(".book-plane"), ways = find(".book-ways"), handles = find(".book-handles");
  const strip = find(".book-bars"), chart = find(".book-graphs"), said = find("output");
  const [choice, way] = all("select");
  const {parts, side, disc, colours, dashes, tops, rise} = spec;
  const middle = side / 2, unit = disc / (parts * spec.reach), most = parts * spec.reach;
  const [left, right] = spec.box, names = ["z", "w"];
  // A point is its length in parts of a unit and its angle in degrees, both whole numbers.
  const points = spec.points.map(point => [...point]);

  const round = angle => ((angle % 360) + 360) % 360;
  const radians = angle => angle * Math.PI / 180;
  const at = (radius, angle) => [
    middle + radius * Math.cos(radians(angle)), middle - radius * Math.sin(radians(angle))];
  const pair = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;

  // The angles of a point on its way into the wedge, its own first and that of its code last.
  const folded = (angle, wide) => {
    const path = [angle];
    for (let a = angle; a > wide; path.push(a)) a = round(2 * (a > 180 ? 0 : wide) - a);
    return path;
  };
  const steps = (angle, wide, turning) => {
    if (!turning) return folded(angle, wide);
    return angle < wide ? [angle] : [angle, angle % wide];
  };
  const apart = ([r, a], [s, b]) => Math.hypot(
    r * Math.cos(radians(a)) - s * Math.cos(radians(b)),
    r * Math.sin(radians(a)) - s * Math.sin(radians(b))) / parts;
  const orbit = (angle, wide, turning) => {
    const turns = [];
    for (let k = 0; k < 360; k += turning ? wide : 2 * wide) turns.push(round(angle + k));
    return turning ? turns : [...turns, ...turns.map(a => round(-a))];
  };

  const head = (tip, [u, v]) => {
    const size = Math.hypot(u, v), x = u / size, y = v / size;
    const [one, two] = [1, -1].map(
      s => pair([tip[0] - 7 * x + s * 3.5 * y, tip[1] - 7 * y - s * 3.5 * x]));
    return `M${one}L${pair(tip)}L${two}`;
  };
  const route = (radius, angles, turning) => {
    let shafts = "", heads = "";
    angles.slice(1).forEach((end, k) => {
      const tail = at(radius, angles[k]), tip = at(radius, end), r = radius.toFixed(1);
      shafts += `M${pair(tail)}` + (turning ? `A${r} ${r} 0 ${angles[k] - end > 180 ? 1 : 0} 1 ` : "L")
        + pair(tip);
      heads += head(tip, turning ? [Math.sin(radians(end)), Math.cos(radians(end))]
        : [tip[0] - tail[0], tip[1] - tail[1]]);
    });
    return [shafts, heads];
  };
  // A name (k = 0) or number stands beside its point, and a name not where the first step ends.
  const label = (radius, angles, k, sign, turning) => {
    if (k === 0 && angles.length > 1 && !turning) {
      const [x, y] = at(radius, angles[0]), [u, v] = at(radius, angles[1]);
      const far = Math.hypot(x - u, y - v);
      if (far < 24) return [x + 14 * (x - u) / far, y + 14 * (y - v) / far];
    }
    return at(radius + 14 * sign, angles[k]);
  };

  const mark = (parent, which, [x, y], size, style) => {
    const edge = 1.8 * size;
    if (which === 0) make(parent, "circle", {cx: x.toFixed(1), cy: y.toFixed(1), r: size, ...style});
    else {
      make(parent, "rect", {x: (x - edge / 2).toFixed(1), y: (y - edge / 2).toFixed(1),
        width: edge.toFixed(1), height: edge.toFixed(1), ...style});
    }
  };

  const drawPlane = (wide, turning, routes) => {
    const ends = routes.map((angles, i) => at(points[i][0] * unit, angles.at(-1)));
    const spokes = [];
    for (let a = 0; a < 360; a += wide) spokes.push(`M${middle} ${middle}L${pair(at(disc, a))}`);
    set(find(".book-wedge"), {d: `M${middle} ${middle}L${pair(at(disc, 0))}`
      + `A${disc} ${disc} 0 0 0 ${pair(at(disc, wide))}Z`});
    set(find(".book-lines"), {d: spokes.join(""), "stroke-dasharray": turning ? "4 3" : ""});
    set(find(".book-between"), {d: `M${ends.map(pair).join("L")}`});
    ways.replaceChildren();
    const outer = points[0][0] >= points[1][0] ? 0 : 1;
    routes.forEach((angles, i) => {
      const radius = points[i][0] * unit, stroke = colours[i];
      route(radius, angles, turning).forEach((d, k) => make(ways, "path",
        {d, fill: "none", stroke, "stroke-width": 1.6, "stroke-dasharray": k ? "" : dashes[i]}));
      mark(ways, i, ends[i], 7.5, {fill: "none", stroke, "stroke-width": 2});
      mark(ways, i, at(radius, angles[0]), 5, {fill: stroke});
      angles.slice(0, turning ? 1 : angles.length).forEach((_, k) => {
        const [x, y] = label(radius, angles, k, i === outer ? 1 : -1, turning);
        make(ways, "text", {x: x.toFixed(1), y: (y + 4).toFixed(1)}, k ? String(k) : names[i]);
      });
    });
  };

  const drawBars = (wide, values) => {
    const longest = spec.reach * Math.max(1, 2 * Math.sin(radians(wide / 2)));
    strip.replaceChildren();
    ["codes apart", "orbits apart"].forEach((word, i) => {
      const long = spec.bar[1] * values[i] / longest, y = 4 + 21 * i;
      make(strip, "text", {x: 2, y: y + 12}, word);
      make(strip, "rect", {x: spec.bar[0], y: y + 2, width: long.toFixed(1), height: 11,
        ...(i ? {fill: "none", stroke: "currentColor"} : {fill: "currentColor"})});
      make(strip, "text", {x: (spec.bar[0] + long + 6).toFixed(1), y: y + 12}, written(values[i]));
    });
    set(strip, {"aria-label": `Codes ${written(values[0])} apart, orbits ${written(values[1])}`});
  };

  const axes = wide => {
    const line = {fill: "none", stroke: "currentColor", "stroke-opacity": .5};
    tops.forEach(top => {
      make(chart, "path", {d: `M${left} ${top}V${top + rise}H${right}`, ...line});
      make(chart, "text", {x: left - 4, y: top + rise + 4, "text-anchor": "end"}, "0\u00b0");
      make(chart, "text", {x: left - 4, y: top + 8, "text-anchor": "end"}, `${wide}\u00b0`);
    });
    for (let angle = 0; angle <= 360; angle += 90) {
      const x = left + (right - left) * angle / 360, bottom = tops[1] + rise;
      make(chart, "path", {d: `M${x} ${bottom}v4`, ...line});
      make(chart, "text", {x, y: bottom + 16, "text-anchor": "middle"}, `${angle}\u00b0`);
    }
    make(chart, "text", {x: (left + right) / 2, y: spec.tall - 3, "text-anchor": "middle"},
      "angle of the point");
  };
  const graph = (wide, turning) => {
    const count = 360 / wide, top = tops[turning ? 1 : 0];
    const [high, low] = [top, top + rise].map(y => y.toFixed(1));
    const x = k => (left + (right - left) * k / count).toFixed(1);
    const each = [...Array(count).keys()];
    if (turning) return each.map(k => `M${x(k)} ${low}L${x(k + 1)} ${high}`).join("");
    return `M${[...each, count].map(k => `${x(k)} ${k % 2 ? high : low}`).join("L")}`;
  };
  const drawGraphs = (wide, turning) => {
    chart.replaceChildren();
    axes(wide);
    const spoken = ["angle folded to: no jump", `angle turned to: ${360 / wide} jumps a round`]
      .map((title, i) => {
        const used = Boolean(i) === turning;
        make(chart, "text", {x: left, y: tops[i] - 8, "font-weight": used ? "bold" : "normal"},
          title);
        make(chart, "path", {d: graph(wide, Boolean(i)), fill: "none", stroke: spec.blue,
          "stroke-width": used ? 2.4 : 1.2});
        const chosen = points.map(([, a]) => steps(a, wide, Boolean(i)).at(-1));
        chosen.forEach((a, k) => mark(chart, k, [left + (right - left) * points[k][1] / 360,
          tops[i] + rise * (1 - a / wide)], 4.5, {fill: colours[k]}));
        return `${title}; z at ${chosen[0]}\u00b0, w at ${chosen[1]}\u00b0`;
      });
    set(chart, {"aria-label": `Over the angle of the point, ${spoken.join(". ")}.`});
  };

  const words = (turning, routes, [far, near]) => {
    const codes = written(far), orbits = written(near);
    if (!turning) {
      const [one, two] = routes.map(angles => angles.length - 1);
      return `Reflections into the wedge: ${one} for z, ${two} for w. The codes are ${codes} apart, `
        + `the orbits ${orbits}: no tear.`;
    }
    const [one, two] = routes.map(angles => angles[0] - angles.at(-1));
    const start = `Turned back: z by ${one}\u00b0, w by ${two}\u00b0.`;
    if (codes === orbits) {
      return `${start} Here the codes are ${codes} apart, as are the orbits; go across an edge.`;
    }
    return `${start} ${far >= 2 * near ? "Torn" : "Stretched"}: the codes are ${codes} apart, the `
      + `orbits only ${orbits}.`;
  };

  const grips = names.map(() => make(handles, "circle", {r: 15, fill: "transparent"}));
  const draw = () => {
    const wide = 180 / spec.mirrors[choice.value], turning = way.value === "1";
    const routes = points.map(([, angle]) => steps(angle, wide, turning));
    const [z, w] = points.map(([length], i) => [length, routes[i].at(-1)]);
    const values = [apart(z, w), Math.min(...orbit(points[1][1], wide, turning).map(
      angle => apart(points[0], [points[1][0], angle])))];
    drawPlane(wide, turning, routes);
    drawBars(wide, values);
    drawGraphs(wide, turning);
    grips.forEach((grip, i) => {
      const [cx, cy] = at(points[i][0] * unit, points[i][1]);
      set(grip, {cx: cx.toFixed(1), cy: cy.toFixed(1)});
      turn[i](points[i][1], `${points[i][1]}\u00b0`);
      stretch[i](points[i][0], written(points[i][0] / parts));
    });
    const sentence = words(turning, routes, values);
    said.textContent = sentence;
    const where = names.map(
      (name, i) => `${name} at ${points[i][1]}\u00b0 with length ${written(points[i][0] / parts)}`);
    set(plane, {"aria-label": `A wedge of ${wide}\u00b0; ${where.join(", ")}. ${sentence}`});
  };

  const dials = all(".book-dial");
  const turn = dials.slice(0, 2).map((one, i) => dial(one, angle => {
    points[i][1] = angle;
    draw();
  }));
  const stretch = dials.slice(2).map((one, i) => dial(one, length => {
    points[i][0] = length;
    draw();
  }));

  // Where the grips of z and w overlap, the nearer point is taken.
  const held = [0, 1];
  grips.forEach((grip, i) => {
    grip.addEventListener("pointerdown", event => {
      const [x, y] = place(plane, event);
      const far = points.map(([length, angle]) => {
        const [px, py] = at(length * unit, angle);
        return Math.hypot(px - x, py - y);
      });
      held[i] = far[0] <= far[1] ? 0 : 1;
    });
    drag(grip, plane, (x, y) => {
      const u = (x - middle) / unit, v = (middle - y) / unit;
      const length = Math.round(Math.min(most, Math.max(spec.least, Math.hypot(u, v))));
      points[held[i]] = [length, round(Math.round(Math.atan2(v, u) * 180 / Math.PI))];
      draw();
    });
  });
  [choice, way].forEach(control => control.addEventListener("input", draw));
  draw();
})();
