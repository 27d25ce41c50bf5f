(() => {
  const root = document.getElementById("ID");
  root.hidden = false;
  root.parentElement.querySelector(".book-still").hidden = true;
  const spec = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const range = root.querySelector("input");
  const reading = root.querySelector(".book-reading");
  const said = root.querySelector("output");
  const steps = spec.labels.length;
  const panels = [...root.querySelectorAll(".book-panel")].map(panel => ({
    choice: panel.querySelector("select"),
    svg: panel.querySelector("svg"),
    bars: [...panel.querySelectorAll(".book-bar")],
    seeds: [...panel.querySelectorAll(".book-seed")],
    values: [...panel.querySelectorAll(".book-value")],
  }));
  const set = (element, attributes) => Object.entries(attributes).forEach(
    ([name, value]) => element.setAttribute(name, typeof value === "number"
      ? value.toFixed(1) : value));
  const draw = () => {
    const t = Number(range.value);
    reading.textContent = spec.labels[t];
    range.setAttribute("aria-valuetext", spec.labels[t]);
    const lines = panels.map(({choice, svg, bars, seeds, values}) => {
      const state = spec.states[choice.value * steps + t];
      const each = seeds.length / bars.length;
      state.bars.forEach(([mean, shown, colour, dots], i) => {
        const down = value => spec.floor - spec.tall * value / spec.tops[i];
        const y = down(mean ?? 0);
        set(bars[i], {y, height: spec.floor - y, fill: colour});
        seeds.slice(i * each, (i + 1) * each).forEach((dot, j) => set(dot, j < dots.length
          ? {cy: down(dots[j]), visibility: "visible"} : {visibility: "hidden"}));
        set(values[i], {y: down(Math.max(mean ?? 0, ...dots)) - 6});
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
