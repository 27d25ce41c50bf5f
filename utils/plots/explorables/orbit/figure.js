(() => {
  const {spec, find, written, make, set, drag, dial} = bookFigure("ID");
  const {side, unit, rim, names, hub, ring, small, bars, colours, shapes, least} = spec;
  const half = side / 2, warm = spec.palette[0], cool = spec.palette[1];
  const choice = find("select"), plane = find(".book-plane"), necklace = find(".book-beads");
  const [mirrors, dots, drawn, taps] = ["mirrors", "images", "drawn", "taps"].map(
    name => find(`.book-${name}`));
  const [ofPoint, ofBeads] = [find(".book-of-point"), find(".book-of-beads")];
  let {degrees, distance, colouring, most} = spec, group;

  const one = x => x.toFixed(1);
  const spot = (angle, length, x, y) => [x + length * Math.cos(angle * Math.PI / 180),
    y - length * Math.sin(angle * Math.PI / 180)];
  const turned = angle => (angle % 360 + 360) % 360;
  const write = (parent, x, y, words, anchor = "middle") => make(parent, "text",
    {x: one(x), y: one(y), "font-size": 11, "text-anchor": anchor}, words);
  const line = (parent, angle, length, centre, kept) => {
    const [a, b] = [0, 180].map(
      turn => spot(angle + turn, length, centre, centre).map(one).join(" "));
    make(parent, "path", {d: `M${a}L${b}`, fill: "none", ...(kept
      ? {stroke: warm, "stroke-width": 2.4}
      : {stroke: "currentColor", "stroke-opacity": .55, "stroke-dasharray": "4 4"})});
  };
  const disc = (parent, x, y, r, look) => make(parent, "circle",
    {cx: one(x), cy: one(y), r, ...look});
  const mark = (parent, colour, [x, y], r, hollow) => {
    const look = {stroke: colours[colour], "stroke-width": hollow && colour ? 2.6 : 1.2,
      fill: hollow || !colour ? "var(--book-paper, #fff)" : colours[colour]};
    if (shapes[colour] === "circle") return disc(parent, x, y, r, look);
    const square = shapes[colour] === "square", h = r * (square ? .9 : 1.25);
    return make(parent, "path", {...look, d: square
      ? `M${one(x - h)} ${one(y - h)}h${one(2 * h)}v${one(2 * h)}h${one(-2 * h)}z`
      : `M${one(x)} ${one(y - h)}l${one(h)} ${one(h)}l${one(-h)} ${one(h)}l${one(-h)} ${one(-h)}z`});
  };
  const polygon = (places, width) => make(drawn, "path", {
    d: `M${places.map(place => place.map(one).join(" ")).join("L")}z`,
    fill: "none", stroke: "currentColor", "stroke-width": width});
  const whole = words => words.replaceAll(" ", "\u00a0"); // no line ends within
  const handle = disc(plane, half, half, 22, {fill: "transparent"});
  const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

  // A point of the plane. Angles are whole degrees, so no rounding decides what is one place.
  const name = ([kind, angle]) => kind ? `the mirror at ${angle}°`
    : angle ? `the turn by ${angle}°` : "the identity";
  const moved = ([kind, angle], from) => turned(kind ? 2 * angle - from : angle + from);
  const showPoint = () => {
    const {moves} = group, kept = moves.map(
      move => distance === 0 || moved(move, degrees) === degrees);
    const found = new Map();
    moves.forEach(move => {
      const image = distance ? moved(move, degrees) : degrees;
      found.set(image, (found.get(image) || 0) + 1);
    });
    mirrors.replaceChildren();
    moves.forEach((move, g) => {
      if (!move[0]) return;
      line(mirrors, move[1], rim, half, kept[g]);
      const [x, y] = spot(move[1], names, half, half);
      write(mirrors, x, y + 4, `${move[1]}°`);
    });
    dots.replaceChildren();
    [...found].toReversed().forEach(([image, count]) => {
      const own = image === degrees, [x, y] = spot(image, distance * unit / 100, half, half);
      disc(dots, x, y, own ? 11 : 8.5, {fill: "var(--book-paper, #fff)",
        stroke: own ? warm : cool, "stroke-width": own ? 3 : 2});
      write(dots, x, y + 4, count);
      if (own) set(handle, {cx: one(x), cy: one(y)});
    });
    const left = moves.filter((_, g) => kept[g]).map(name);
    const words = left.length === 1 ? `only ${left[0]} leaves the point where it is`
      : left.length === moves.length ? `all ${moves.length} elements leave the point where it is`
        : `${left.length} elements leave the point where it is, ${left.slice(0, -1).join(", ")} `
          + `and ${left[left.length - 1]}`;
    ofPoint.textContent = `${many(found.size, "point")} in the orbit; ${words}: `
      + whole(`${found.size} × ${left.length} = ${found.size * left.length}.`);
    const far = written(distance / 100);
    showDegrees(degrees, `${degrees}°`);
    showDistance(distance, far);
    plane.setAttribute("aria-label",
      `The point at ${degrees}°, distance ${far}, and its orbit under ${group.name}: `
      + `${many(found.size, "point")}, each reached by ${many(left.length, "element")}`);
  };

  // A colouring of beads. Its number has the colours as digits, bead 0 first; all are listed.
  const digits = number => group.images[0].map(
    (_, i) => Math.floor(number / most ** (group.n - 1 - i)) % most);
  const value = beads => beads.reduce((number, colour) => number * most + colour, 0);
  const carried = (image, beads) => {
    const result = [];
    beads.forEach((colour, i) => { result[image[i]] = colour; });
    return value(result);
  };
  const count = () => {
    const every = most ** group.n, fixed = group.images.map(() => 0);
    let orbits = 0;
    for (let number = 0; number < every; number += 1) {
      const beads = digits(number), found = group.images.map(image => carried(image, beads));
      found.forEach((image, g) => { fixed[g] += Number(image === number); });
      orbits += Number(Math.min(...found) === number);
    }
    return {every, fixed, orbits, mean: fixed.reduce((sum, x) => sum + x, 0) / fixed.length};
  };
  let counted;
  const drawBars = kept => {
    const {left, right, step} = bars, long = right - left, {every, fixed, mean} = counted;
    write(drawn, 0, bars.top - 9, "Colourings that each element fixes", "start");
    let top = bars.top;
    group.classes.forEach(([label, members]) => {
      const height = Math.max(bars.class, step * members.length + 2.5), middle = top + height / 2;
      members.forEach((g, k) => {
        const y = middle + step * (k - (members.length - 1) / 2);
        make(drawn, "rect", {x: left, y: one(y - 2), height: 4,
          width: one(Math.max(1, long * fixed[g] / every)), fill: kept[g] ? warm : cool});
        if (kept[g]) disc(drawn, left - 5, y, 2.2, {fill: warm});
      });
      write(drawn, 0, middle + 4, label, "start");
      write(drawn, right + 5, middle + 4, fixed[members[0]], "start");
      top += height;
    });
    const x = left + long * mean / every;
    make(drawn, "path", {d: `M${one(x)} ${bars.top - 4}V${one(top + 3)}`, fill: "none",
      stroke: "currentColor", "stroke-dasharray": "3 2"});
    write(drawn, x, top + 14, `mean ${mean}`);
  };
  const showBeads = () => {
    const {n, moves, images} = group, own = colouring.slice(0, n), number = value(own);
    const found = images.map(image => carried(image, own));
    const kept = found.map(image => image === number);
    const orbit = [...new Set(found)].toSorted((a, b) => a - b);
    drawn.replaceChildren();
    const places = own.map((_, i) => spot(360 * i / n, ring, hub, hub));
    polygon(places, 1.2);
    moves.forEach(([kind, angle], g) => kind && line(drawn, angle, hub - 2, hub, kept[g]));
    places.forEach(([x, y], i) => {
      mark(drawn, own[i], [x, y], 11, true);
      write(drawn, x, y + 4, own[i]);
    });
    write(drawn, small.x - 14, 11, "its orbit", "start");
    orbit.forEach((image, k) => {
      const x = small.x + small.right * (k % 4), y = small.y + small.down * Math.floor(k / 4);
      if (image === number) {
        disc(drawn, x, y, 13, {fill: "none", stroke: warm, "stroke-width": 1.6});
      }
      const around = own.map((_, i) => spot(360 * i / n, small.ring, x, y));
      polygon(around, .6);
      digits(image).forEach((colour, i) => mark(drawn, colour, around[i], small.size, false));
    });
    drawBars(kept);
    const stay = kept.filter(Boolean).length, order = moves.length, {mean, every} = counted;
    const words = stay === 1 ? "only the identity fixes this one"
      : stay === order ? `all ${order} elements fix it` : `${stay} elements fix this one`;
    ofBeads.textContent = `${many(orbit.length, "colouring")} in the orbit; ${words}: `
      + `${whole(`${orbit.length} × ${stay} = ${orbit.length * stay}`)}. On average an element `
      + `fixes ${whole(`${mean * order} / ${order} = ${mean}`)} colourings; all ${every} fall into `
      + `${counted.orbits} orbits.`;
    find("[id$=-colouring]").max = every - 1;
    showColouring(number, own.join(" "));
    showColours(most, String(most));
    necklace.setAttribute("aria-label", `Beads ${own.join(" ")} and the orbit under ${group.name}. `
      + `Fixed colourings: ${group.classes.map(([label, members]) =>
        `${label}, ${counted.fixed[members[0]]}${members.length > 1 ? " each" : ""}`).join("; ")}`);
  };
  const recount = () => {
    colouring = colouring.map(colour => Math.min(colour, most - 1));
    counted = count();
    showBeads();
  };
  const regroup = () => {
    group = spec.groups[choice.value];
    taps.replaceChildren();
    group.images[0].forEach((_, i) => {
      const [x, y] = spot(360 * i / group.n, ring, hub, hub);
      disc(taps, x, y, 19, {fill: "transparent"}).addEventListener("click", () => {
        colouring[i] = (colouring[i] + 1) % most;
        showBeads();
      });
    });
    showPoint();
    recount();
  };

  const dialled = (at, turn) => dial(find(`[id$=-${at}]`).parentElement, turn);
  const showDegrees = dialled("degrees", angle => { degrees = angle; showPoint(); });
  const showDistance = dialled("distance", far => { distance = far; showPoint(); });
  const showColours = dialled("colours", choices => { most = choices; recount(); });
  const showColouring = dialled("colouring", number => {
    colouring.splice(0, group.n, ...digits(number));
    showBeads();
  });
  drag(handle, plane, (x, y) => {
    const far = Math.hypot(x - half, y - half), angle = Math.atan2(half - y, x - half);
    distance = far < least.centre ? 0 : Math.min(100, Math.round(100 * far / unit));
    if (distance) degrees = turned(Math.round(angle * 180 / Math.PI));
    const near = group.moves.filter(([kind]) => kind).flatMap(([, at]) => [at, at + 180]).find(
      at => Math.abs(Math.sin(angle - at * Math.PI / 180)) * Math.min(far, unit) < least.mirror
        && Math.cos(angle - at * Math.PI / 180) > 0);
    if (distance && near !== undefined) degrees = near;
    showPoint();
  });
  choice.addEventListener("input", regroup);
  choice.value = spec.start;
  regroup();
})();
