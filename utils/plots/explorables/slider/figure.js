(() => {
  const {spec, find, all, bytes, paint} = bookFigure("ID");
  const range = find("input");
  const readout = find("output");
  const cells = all(".book-panel");
  const pixels = spec.panels.map(p => (p.kind === "image" ? bytes(p.data) : null));
  const draw = () => {
    const t = Number(range.value);
    readout.textContent = spec.labels[t];
    range.setAttribute("aria-valuetext", spec.labels[t]);
    spec.panels.forEach((panel, i) => {
      if (panel.kind === "image") {
        const first = t * panel.width * panel.height;
        paint(cells[i].querySelector("canvas"), j => {
          const grey = pixels[i][first + j];
          return [grey, grey, grey, 255];
        });
      } else if (panel.kind === "drawing") {
        cells[i].querySelector(".book-drawing").innerHTML = panel.drawings[panel.order[t]];
      } else {
        const marker = cells[i].querySelector(".book-marker");
        marker.setAttribute("cx", panel.path[t][0]);
        marker.setAttribute("cy", panel.path[t][1]);
      }
    });
  };
  range.addEventListener("input", draw);
  draw();
})();
