// Mends what the theme leaves unnamed for readers who cannot see the page.
document.addEventListener("DOMContentLoaded", () => {
  // Landmarks: the skip link and the button to the top lie outside any.
  const name = (selector, role, label) => {
    document.querySelectorAll(selector).forEach((element) => {
      if (!element.getAttribute("role")) element.setAttribute("role", role);
      if (label && !element.getAttribute("aria-label")) element.setAttribute("aria-label", label);
    });
  };
  name("#pst-skip-link", "navigation", "Skip");
  name(".bd-header-article", "region", "Tools of this page");

  // A fold of the contents has an arrow but no name: take the page's.
  document.querySelectorAll(".bd-links details > summary").forEach((summary) => {
    const link = summary.closest("li").querySelector("a");
    summary.setAttribute("aria-label", `Pages under ${link ? link.textContent.trim() : "this page"}`);
  });

  // Bootstrap's tooltip takes the title away and leaves icon buttons nameless.
  document.querySelectorAll("button[title], button[data-bs-original-title]").forEach((button) => {
    const title = button.getAttribute("title") || button.getAttribute("data-bs-original-title");
    if (title && !button.textContent.trim() && !button.getAttribute("aria-label")) {
      button.setAttribute("aria-label", title);
    }
  });

  // The empty corner of a data frame is no heading.
  document.querySelectorAll("table.dataframe th").forEach((cell) => {
    if (cell.textContent.trim()) return;
    const plain = document.createElement("td");
    if (cell.hasAttribute("colspan")) plain.setAttribute("colspan", cell.getAttribute("colspan"));
    cell.replaceWith(plain);
  });

  // A fold around code says what it does; its label says less.
  document.querySelectorAll("details.hide summary[aria-label]").forEach((summary) => {
    if (summary.textContent.trim()) summary.removeAttribute("aria-label");
  });

  // Hidden cells that follow one another share one fold, at the first of them.
  const folds = new Map();
  document.querySelectorAll("div.cell.tag_hide-input").forEach((cell) => {
    const before = cell.previousElementSibling;
    const own = cell.querySelector(":scope > details.hide");
    if (own) folds.set(cell, own);
    const shared = folds.get(before);
    if (!own || !shared || before.querySelector(".cell_output")) return;
    shared.append(...own.querySelectorAll(":scope > .cell_input"));
    own.remove();
    folds.set(cell, shared);
  });

  // Works in the bibliography are items of its list.
  document.querySelectorAll(".citation-list > .citation").forEach((work) => {
    work.setAttribute("role", "listitem");
  });

  // The lines of a long signature are no definitions.
  document.querySelectorAll("dt.sig > dl").forEach((list) => {
    const lines = document.createElement("span");
    lines.className = "sig-lines";
    list.querySelectorAll(":scope > dd").forEach((line) => {
      const row = document.createElement("span");
      row.append(...line.childNodes);
      lines.append(row);
    });
    list.replaceWith(lines);
  });

  // Whatever scrolls sideways must be reachable by keyboard.
  const focusable = () => {
    const boxes = "div.highlight pre, .pst-scrollable-table-container, .cell_output, div.math, mjx-container[display=true], span.math.wide, figure.book-figure";
    document.querySelectorAll(boxes).forEach((box) => {
      const scrolls = box.scrollWidth > box.clientWidth + 1;
      if (scrolls && !box.hasAttribute("tabindex")) box.setAttribute("tabindex", "0");
    });
  };
  // A formula in a line that is wider than its column gets a line of its own, which scrolls.
  const widen = () => {
    document.querySelectorAll("span.math").forEach((formula) => {
      formula.classList.remove("wide");
      const column = formula.parentElement.closest("p, li, dd, td, figcaption, div");
      const set = formula.querySelector("mjx-container");
      if (set && column && set.getBoundingClientRect().width > column.clientWidth + 1) {
        formula.classList.add("wide");
      }
    });
    focusable();
  };
  widen();
  window.addEventListener("resize", widen);
  window.addEventListener("load", () => window.MathJax?.startup?.promise?.then(widen));
});
