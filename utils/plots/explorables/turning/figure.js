(() => {
  const {spec, find, all, bytes, numbers, paint} = bookFigure("ID");
  const pictures = bytes(spec.pictures), entries = numbers(spec.codes, Int8Array);
  const [choice, item] = all("select");
  const range = find("input"), reading = find(".book-reading"), said = find("output");
  const truth = find(".book-truth"), drawn = find(".book-drawn"), code = find(".book-code");
  const [height, width] = spec.size, [channels, places] = spec.shape;
  const colours = spec.colours.map(
    colour => [1, 3, 5].map(i => parseInt(colour.slice(i, i + 2), 16)));
  const picture = (canvas, k) => paint(canvas, i => {
    const grey = pictures[k * height * width + i];
    return [grey, grey, grey, 255];
  });
  const draw = () => {
    const t = Number(range.value), own = item.value, action = spec.actions[choice.value];
    picture(truth, spec.truth[own][t]);
    picture(drawn, action.drawings[own][t]);
    paint(code, i => {
      const value = entries[action.codes[own][t] * channels * places + i];
      return [...colours[value > 0 ? 1 : 0], Math.round(255 * Math.abs(value) / spec.most)];
    });
    reading.textContent = spec.labels[t];
    range.setAttribute("aria-valuetext", spec.labels[t]);
    const state = `${action.name}, ${spec.items[own]}, ${spec.labels[t]}`;
    said.textContent = `${state}: the drawing differs from the turned picture by `
      + `${action.errors[own][t].toFixed(3)} of the variance. `
      + `Mean over all items and steps: ${action.mean.toFixed(3)}.`;
    truth.setAttribute("aria-label", `The picture, turned: ${spec.items[own]}, ${spec.labels[t]}`);
    drawn.setAttribute("aria-label", `The drawing: ${state}`);
    code.setAttribute("aria-label", `The code: ${state}`);
  };
  [choice, item, range].forEach(control => control.addEventListener("input", draw));
  draw();
})();
