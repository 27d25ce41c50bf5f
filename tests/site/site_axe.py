"""Axe on a page, which judges every way of colouring text, and each of them once.

Contrast is most of axe's work: it looks at each span of each line of code. It follows from the
letters' colour and size and from what is painted below them, so texts that agree in all of it
agree in contrast. Of such a group axe is handed the first. Where that one does not pass, for
whatever reason, axe is handed all of the group. A text over or beside whose own ground something
else is painted is in no group, and neither is one in symbols alone: axe is handed each of these.
"""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from site_checks import violations

# Without preload axe does not fetch style sheets by itself, from addresses that it guesses.
OPTIONS = {"rules": {"label-content-name-mismatch": {"enabled": True}}, "preload": False}

# Marks with data-contrast whatever can have a contrast, which is what has text of its own and the
# fields of forms, but of each group its first alone; and returns the groups.
GROUPS = """() => {
  const letters = ["color", "-webkit-text-fill-color", "-webkit-text-stroke-width",
    "font-size", "font-weight"];
  const ground = ["background-color", "background-image", "background-clip", "opacity",
    "mix-blend-mode", "filter", "text-shadow"];
  const values = (e, names) => {
    const style = getComputedStyle(e);
    return names.map((name) => style.getPropertyValue(name)).join(";");
  };
  const along = (first, step) => {  // what step makes of an element and of what its parent gave
    const known = new Map([[null, first]]);
    const get = (e) => known.has(e) ? known.get(e)
      : (known.set(e, step(e, get(e.parentElement))), known.get(e));
    return get;
  };
  const numbers = new Map();
  const path = along("", (e, above) => {  // one number for the grounds from the root down to e
    const key = `${above}/${values(e, ground)}`;
    return numbers.get(key) ?? (numbers.set(key, numbers.size), numbers.size - 1);
  });
  const scroller = along(null, (e, above) =>
    e.scrollWidth > e.clientWidth && /auto|scroll/.test(getComputedStyle(e).overflowX) ? e : above);
  const own = (e) => [...e.childNodes].map((n) => n.nodeType === Node.TEXT_NODE ? n.data : "")
    .join("").trim();
  const seen = [...document.body.querySelectorAll("*:not(svg *, mjx-container *)")].filter(
    (e) => e.checkVisibility({visibilityProperty: true}));
  const painted = seen.filter((e) => {
    const style = getComputedStyle(e);
    return !/^rgba\\(.*, 0\\)$/.test(style.backgroundColor) || style.backgroundImage !== "none"
      || e.matches("img, svg, canvas, video, iframe, button, input, select, textarea");
  }).map((e) => [e, e.getBoundingClientRect()]);
  const groups = new Map();
  for (const e of seen) {
    if (!/[!-~]/.test(own(e))) continue;
    const box = e.getBoundingClientRect();
    const meets = (r) => r.left < box.right && box.left < r.right
      && r.top < box.bottom && box.top < r.bottom;
    const holds = (r, b) => r.left <= b.left + 1 && b.right <= r.right + 1
      && r.top <= b.top + 1 && b.bottom <= r.bottom + 1;
    const frame = scroller(e);  // what is around it shows the text as far as the frame does
    const shown = (p) => frame && p.contains(frame) ? frame.getBoundingClientRect() : box;
    if (painted.some(([p, r]) => p.contains(e) ? !holds(r, shown(p)) : meets(r))) continue;
    const key = `${path(e)}|${values(e, letters)}`;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(e);
  }
  for (const e of document.body.querySelectorAll("*")) {
    if (own(e) || e.matches("input, select, textarea")) e.setAttribute("data-contrast", "");
  }
  for (const group of groups.values()) {
    const first = Math.max(0, group.findIndex((e) => /\\w\\w/.test(own(e))));
    group.unshift(...group.splice(first, 1));
    group.slice(1).forEach((e) => e.removeAttribute("data-contrast"));
  }
  return [...groups.values()];
}"""

JUDGE = f"""async (options) => {{
  const html = (found) => ({{html: found.node.source.replaceAll(' data-contrast=""', "")}});
  axe.addReporter("found", (results, _, done) => done({{
    violations: results.map(({{id, help, violations}}) =>
      ({{id, help, nodes: violations.map(html)}})),
    passes: new Set(results.filter((r) => r.id === "color-contrast").flatMap(
      (r) => r.passes.map((p) => p.node.element))),
  }}));
  const contrast = (selector) => axe.configure({{rules: [{{id: "color-contrast", selector}}]}});
  const clear = () => document.querySelectorAll("[data-contrast]").forEach(
    (e) => e.removeAttribute("data-contrast"));
  const groups = ({GROUPS})();
  try {{
    contrast("[data-contrast]");
    const {{violations, passes}} = await axe.run({{...options, reporter: "found"}});
    const open = groups.filter((group) => group.length > 1 && !passes.has(group[0]));
    if (open.length) {{
      clear();
      open.forEach((group) => group.slice(1).forEach((e) => e.setAttribute("data-contrast", "")));
      const again = {{...options, reporter: "found", runOnly: ["color-contrast"]}};
      violations.push(...(await axe.run(again)).violations);
    }}
    return {{violations, groups: groups.length, open: open.length}};
  }} finally {{
    contrast("*");
    clear();
  }}
}}"""


def judge(tab: Any) -> list[str]:
    """Return what axe finds wrong with the page in a tab, one line each."""
    if not tab.evaluate("'axe' in window"):
        tab.evaluate(Axe().axe_script)
    return violations(tab.evaluate(JUDGE, OPTIONS))
