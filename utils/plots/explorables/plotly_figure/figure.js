(() => {
  const root = document.getElementById("ID");
  const spec = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const ink = () => getComputedStyle(root).color;
  const draw = () => {
    root.hidden = false;
    root.parentElement.querySelector(".book-still").hidden = true;
    const axes = {};
    Object.keys(spec.layout).filter(k => /^[xy]axis/.test(k)).forEach(k => {
      axes[k] = {...spec.layout[k], color: ink(), gridcolor: "rgba(128,128,128,.25)"};
    });
    const layout = {...spec.layout, ...axes, font: {...spec.layout.font, color: ink()}};
    window.Plotly.react(root.querySelector(".book-plot"), spec.data, layout,
      {responsive: true, displaylogo: false});
  };
  const load = (urls) => {
    if (window.Plotly) { draw(); return; }
    if (!urls.length) { return; } // the still stays
    const script = document.createElement("script");
    script.src = urls[0];
    script.onload = draw;
    script.onerror = () => load(urls.slice(1));
    document.head.append(script);
  };
  load(["../_static/plotly.min.js"]);
  new MutationObserver(() => window.Plotly && draw()).observe(
    document.documentElement, {attributes: true, attributeFilter: ["data-theme"]});
})();
