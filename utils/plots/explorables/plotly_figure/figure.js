(() => {
  const root = document.getElementById("ID");
  const spec = JSON.parse(root.querySelector("script[type='application/json']").textContent);
  const place = root.parentElement;
  const ink = () => getComputedStyle(root).color;
  let height = spec.layout.height;
  const draw = () => {
    root.hidden = false;
    place.querySelector(".book-still").hidden = true;
    const axes = {};
    Object.keys(spec.layout).filter(k => /^[xy]axis/.test(k)).forEach(k => {
      axes[k] = {...spec.layout[k], color: ink(), gridcolor: "rgba(128,128,128,.25)"};
    });
    const layout = {...spec.layout, ...axes, height, font: {...spec.layout.font, color: ink()}};
    window.Plotly.react(root.querySelector(".book-plot"), spec.data, layout,
      {responsive: true, displaylogo: false});
  };
  const load = (urls) => {
    if (window.Plotly) { draw(); return; }
    if (!urls.length) { return; } // the still stays
    const script = document.createElement("script");
    script.src = urls[0];
    script.onload = () => {
      height = Math.max(height, place.clientHeight); // what the still took: nothing moves
      draw();
    };
    script.onerror = () => load(urls.slice(1));
    document.head.append(script);
  };
  // The library is large: it is asked for when a reader is about to see the figure.
  const near = new IntersectionObserver((seen) => {
    if (!seen.some(entry => entry.isIntersecting)) return;
    near.disconnect();
    load(["../_static/plotly.min.js"]);
  }, {rootMargin: "100% 0px"});
  if (window.Plotly) { draw(); } else { near.observe(place); }
  new MutationObserver(() => window.Plotly && draw()).observe(
    document.documentElement, {attributes: true, attributeFilter: ["data-theme"]});
})();
