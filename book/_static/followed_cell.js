// Who follows a link to a cell sees its code, marked, and the ways back: to the row of the claim
// that led here, and to the number in the text. Who follows one to a figure sees the figure.
document.addEventListener("DOMContentLoaded", () => {
  // Noted before folds are shared, which moves the code of a cell into the fold of another one.
  const inputs = new Map();
  document.querySelectorAll("div.cell").forEach((cell) => {
    inputs.set(cell, [...cell.querySelectorAll(".cell_input")]);
  });
  const ways = document.createElement("p");
  ways.className = "cell-ways";

  const link = (text, href) => {
    const made = document.createElement("a");
    made.href = href;
    made.textContent = text;
    return made;
  };
  const unfold = (element) => {
    for (let fold = element.closest("details"); fold; fold = fold.parentElement.closest("details")) {
      fold.open = true;
    }
    element.closest(".toggle-hidden")?.querySelector(".toggle-button")?.click();
  };
  const waysBack = (claim) => {
    const row = `#claim-${claim}`;
    const number = document.querySelector(`a.claim-number[href$="${row}"]`);
    const root = document.documentElement.dataset.content_root ?? "";
    ways.replaceChildren("Back to ", link("the claim", `${root}book/claims.html${row}`));
    if (!number) return;
    number.id ||= `number-of-${claim}`;
    ways.append(" or to ", link("the number in the text", `#${number.id}`));
  };

  const follow = () => {
    document.querySelectorAll(".cell-followed").forEach((one) => {
      one.classList.remove("cell-followed");
    });
    ways.remove();
    let name = location.hash.slice(1);
    try {
      name = decodeURIComponent(name);
    } catch {
      return; // no address of this site
    }
    const target = name && document.getElementById(name);
    const cell = target && !target.closest(".cell_output") && target.closest("div.cell");
    if (!cell) {
      if (target && target.closest("details:not([open]), .toggle-hidden")) {
        unfold(target);
        target.scrollIntoView(); // what was opened above it has moved it
      }
      return;
    }
    const code = inputs.get(cell) ?? [];
    code.forEach(unfold);
    const marked = code.length && !cell.contains(code[0]) ? code[0] : cell;
    marked.classList.add("cell-followed");
    if (name.startsWith("cell-of-")) {
      waysBack(name.slice("cell-of-".length));
      marked.prepend(ways);
    }
    marked.scrollIntoView();
  };
  setTimeout(follow);
  window.addEventListener("hashchange", follow);
});
