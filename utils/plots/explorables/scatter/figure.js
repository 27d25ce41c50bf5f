(() => {
  const {spec, find, all, written, make, set, place} = bookFigure("ID");
  const plane = find(".book-plane"), ticks = find(".book-ticks"), drawn = find(".book-marks");
  const said = find("output"), told = find(".book-chosen"), item = find("input");
  const [across, up, where, shown] = all("select");
  const [left, right, top, bottom] = spec.box;

  const limits = values => {
    const logs = values.map(Math.log10), low = Math.min(...logs), high = Math.max(...logs);
    const pad = .06 * (high - low) || .5;
    return [low - pad, high + pad];
  };
  const rounded = ([low, high]) => {
    let found = [];
    for (const digits of [[1, 2, 3, 5], [1, 2, 5], [1]]) {
      found = [];
      for (let power = Math.floor(low); power <= Math.ceil(high); power += 1) {
        digits.filter(d => low <= Math.log10(d) + power && Math.log10(d) + power <= high)
          .forEach(d => found.push(power < 0 ? d / 10 ** -power : d * 10 ** power));
      }
      if (found.length <= 6) break;
    }
    return found;
  };
  const along = (value, [low, high]) => (Math.log10(value) - low) / (high - low);
  const x = (value, ends) => (left + (right - left) * along(value, ends)).toFixed(1);
  const y = (value, ends) => (bottom - (bottom - top) * along(value, ends)).toFixed(1);

  // Equal values share the mean of their ranks.
  const ranks = values => values.map(v => values.filter(w => w < v).length
    + (values.filter(w => w === v).length - 1) / 2);
  const agreement = (first, second) => {
    const [a, b] = [first, second].map(values => {
      const own = ranks(values), mean = (own.length - 1) / 2;
      return own.map(rank => rank - mean);
    });
    const dot = (u, v) => u.reduce((sum, entry, i) => sum + entry * v[i], 0);
    const size = Math.sqrt(dot(a, a) * dot(b, b));
    return size ? written(dot(a, b) / size) : "not to be compared";
  };
  // The network of the smallest value, or of the largest where that is the better one; equals are
  // counted.
  const first = (rows, values, measure) => {
    const most = spec.largest[measure], own = rows.map(i => values[i]);
    const best = most ? Math.max(...own) : Math.min(...own);
    const found = rows.filter(i => values[i] === best), more = found.length - 1;
    return `${most ? "largest" : "smallest"} value of ${spec.measures[measure]}: `
      + spec.names[found[0]] + (more ? ` and ${more} more` : "");
  };
  // Three digits, none of them an exponent.
  const short = v => v.toFixed(Math.max(0, 2 - Math.floor(Math.log10(v))));

  const marks = spec.families.map((family, i) => make(drawn, "path", {
    d: spec.marks[family], stroke: spec.colours[family], "stroke-width": 1.5,
    fill: spec.solid[i] ? spec.colours[family] : "none",
  }));
  const ring = make(drawn, "circle",
    {r: 10, fill: "none", stroke: "currentColor", "stroke-width": 1.8});
  const edge = {stroke: "currentColor"};

  const draw = () => {
    const t = Number(where.value), rows = spec.rows[shown.value], chosen = Number(item.value);
    const [a, b] = [across, up].map(choice => spec.values[choice.value][t]);
    const [one, other] = [across, up].map(choice => spec.measures[choice.value]);
    const ends = [limits(a), limits(b)];
    ticks.replaceChildren();
    rounded(ends[0]).forEach(v => {
      make(ticks, "path", {d: `M${x(v, ends[0])} ${bottom}v4`, ...edge});
      make(ticks, "text", {x: x(v, ends[0]), y: bottom + 16, "text-anchor": "middle"}, String(v));
    });
    rounded(ends[1]).forEach(v => {
      make(ticks, "path", {d: `M${left} ${y(v, ends[1])}h-4`, ...edge});
      make(ticks, "text", {x: left - 6, y: Number(y(v, ends[1])) + 4, "text-anchor": "end"},
        String(v));
    });
    const middle = (top + bottom) / 2;
    make(ticks, "text", {x: (left + right) / 2, y: spec.side - 4, "text-anchor": "middle"}, one);
    make(ticks, "text", {x: 11, y: middle, "text-anchor": "middle",
      transform: `rotate(-90 11 ${middle})`}, other);
    marks.forEach((mark, i) => set(mark, {
      transform: `translate(${x(a[i], ends[0])} ${y(b[i], ends[1])})`,
      visibility: rows.includes(i) ? "visible" : "hidden",
    }));
    set(ring, {cx: x(a[chosen], ends[0]), cy: y(b[chosen], ends[1])});
    const firsts = `${first(rows, a, across.value)}; ${first(rows, b, up.value)}`;
    said.textContent = `${rows.length} networks, ${spec.cases[t]}. `
      + `${firsts[0].toUpperCase()}${firsts.slice(1)}. Rank correlation of the two measures: `
      + `${agreement(rows.map(i => a[i]), rows.map(i => b[i]))}.`;
    told.textContent = `${spec.names[chosen]}: ${one} ${short(a[chosen])}, `
      + `${other} ${short(b[chosen])}.`;
    item.setAttribute("aria-valuetext", told.textContent);
    plane.setAttribute("aria-label", `${other} against ${one}. ${said.textContent}`);
  };
  // The slider goes over what is shown: what is hidden is passed over.
  let before = Number(item.value);
  const settle = () => {
    const rows = spec.rows[shown.value], now = Number(item.value);
    if (!rows.includes(now)) {
      const beyond = rows.filter(i => (now < before ? i < now : i > now));
      item.value = beyond.length ? (now < before ? Math.max : Math.min)(...beyond)
        : (now < before ? Math.min : Math.max)(...rows);
    }
    before = Number(item.value);
    draw();
  };
  plane.addEventListener("click", event => {
    const [px, py] = place(plane, event), t = Number(where.value);
    const [a, b] = [across, up].map(choice => spec.values[choice.value][t]);
    const far = i => Math.hypot(x(a[i], limits(a)) - px, y(b[i], limits(b)) - py);
    item.value = spec.rows[shown.value].reduce((best, i) => (far(i) < far(best) ? i : best));
    settle();
  });
  // Whoever wants on one axis the measure of the other exchanges the two.
  let axes = [across.value, up.value];
  [across, up].forEach((choice, i) => choice.addEventListener("input", () => {
    if (across.value === up.value) [up, across][i].value = axes[i];
    axes = [across.value, up.value];
    draw();
  }));
  where.addEventListener("input", draw);
  [shown, item].forEach(choice => choice.addEventListener("input", settle));
  draw();
})();
