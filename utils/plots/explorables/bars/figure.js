(() => {
  const {spec, find, all, set} = bookFigure("ID");
  const range = find("input"), reading = find(".book-reading"), said = find("output");
  const steps = spec.labels.length;
  const panels = all(".book-panel").map(panel => ({
    choice: panel.querySelector("select"),
    svg: panel.querySelector("svg"),
    bars: [...panel.querySelectorAll(".book-bar")],
    seeds: [...panel.querySelectorAll(".book-seed")],
    values: [...panel.querySelectorAll(".book-value")],
  }));
  const down = (value, top) => (spec.floor - spec.tall * value / top).toFixed(1);
  const draw = () => {
    const t = Number(range.value);
    reading.textContent = spec.labels[t];
    range.setAttribute("aria-valuetext", spec.labels[t]);
    const lines = panels.map(({choice, svg, bars, seeds, values}) => {
      const state = spec.states[choice.value * steps + t];
      const each = seeds.length / bars.length;
      state.bars.forEach(([mean, shown, colour, dots], i) => {
        const top = spec.tops[i], tall = spec.tall * (mean ?? 0) / top;
        set(bars[i], {y: down(mean ?? 0, top), height: tall.toFixed(1), fill: colour});
        seeds.slice(i * each, (i + 1) * each).forEach((dot, j) => set(dot, j < dots.length
          ? {cy: down(dots[j], top), visibility: "visible"} : {visibility: "hidden"}));
        set(values[i], {y: (down(Math.max(mean ?? 0, ...dots), top) - 6).toFixed(1)});
        values[i].textContent = shown;
      });
      svg.setAttribute("aria-label", state.said);
      const line = document.createElement("span");
      line.textContent = state.said;
      return line;
    });
    said.replaceChildren(...lines);
  };
  range.addEventListener("input", draw);
  panels.forEach(panel => panel.choice.addEventListener("input", draw));
  draw();
})();
