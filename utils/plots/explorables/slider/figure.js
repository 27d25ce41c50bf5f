(() => {
  const root = document.getElementById("ID");
  root.hidden = false;
  root.parentElement.querySelector(".book-still").hidden = true;
  const spec = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const range = root.querySelector("input");
  const readout = root.querySelector("output");
  const cells = root.querySelectorAll(".book-panel");
  const pixels = spec.panels.map(p => p.kind === "image"
    ? Uint8Array.from(atob(p.data), c => c.charCodeAt(0)) : null);
  const draw = () => {
    const t = Number(range.value);
    readout.textContent = spec.labels[t];
    range.setAttribute("aria-valuetext", spec.labels[t]);
    spec.panels.forEach((panel, i) => {
      if (panel.kind === "image") {
        const canvas = cells[i].querySelector("canvas");
        const context = canvas.getContext("2d");
        const image = context.createImageData(panel.width, panel.height);
        const size = panel.width * panel.height;
        for (let j = 0; j < size; j += 1) {
          const grey = pixels[i][t * size + j];
          image.data.set([grey, grey, grey, 255], 4 * j);
        }
        context.putImageData(image, 0, 0);
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
