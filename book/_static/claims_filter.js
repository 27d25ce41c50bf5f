// Lets a reader choose among the claims of the book, headlines first. Without it all are shown.
document.addEventListener("DOMContentLoaded", () => {
  const box = document.querySelector(".claims-filter");
  if (!box) return;

  const kinds = [...document.querySelectorAll("section.claims-kind")];
  const title = (section) => {
    const heading = section.querySelector("h2, h3").cloneNode(true);
    heading.querySelectorAll(".headerlink").forEach((link) => link.remove());
    return heading.textContent.trim();
  };
  const parts = kinds.flatMap((section) => {
    const kind = title(section);
    return [...section.querySelectorAll("section.claims-part")].map((part) => {
      const rows = [...part.querySelectorAll("tbody tr")].map((row) => ({
        row,
        text: row.cells[0].textContent.toLowerCase(),
      }));
      return { kind, chapter: title(part), part, rows };
    });
  });
  const total = parts.reduce((sum, { rows }) => sum + rows.length, 0);

  const form = document.createElement("form");
  form.className = "exercise-choice";
  form.setAttribute("aria-label", "Choose claims");
  const labelled = (name, field) => {
    const label = document.createElement("label");
    label.append(`${name} `, field);
    form.append(label);
    return field;
  };
  const selection = (name, values) => {
    const field = document.createElement("select");
    field.append(new Option("all", ""));
    values.forEach((value) => field.append(new Option(value, value)));
    return labelled(name, field);
  };
  const chapters = [...new Set(parts.map(({ chapter }) => chapter))];
  const chapter = selection(
    "chapter",
    chapters.toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)),
  );
  const kind = selection("kind", kinds.map(title));
  const words = document.createElement("input");
  words.type = "search";
  labelled("contains", words);
  const all = document.createElement("button");
  all.type = "reset";
  all.textContent = "show all";
  const said = document.createElement("p");
  said.setAttribute("role", "status");
  said.setAttribute("aria-live", "polite");
  form.append(all, said);
  box.append(form);

  const choose = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = {};
    parts.forEach((group) => {
      const open =
        (!chapter.value || group.chapter === chapter.value) &&
        (!kind.value || group.kind === kind.value);
      let left = 0;
      group.rows.forEach(({ row, text }) => {
        const keep = open && wanted.every((word) => text.includes(word));
        row.hidden = !keep;
        left += keep ? 1 : 0;
      });
      group.part.hidden = left === 0;
      shown[group.kind] = (shown[group.kind] ?? 0) + left;
    });
    kinds.forEach((section) => {
      section.hidden = shown[title(section)] === 0;
    });
    const sum = Object.values(shown).reduce((a, b) => a + b, 0);
    const headlines = kind.value ? "" : `, ${shown.Headlines ?? 0} of them headlines`;
    said.textContent = `${sum} of ${total} claims${headlines}`;
  };
  const showTarget = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.closest("[hidden]")) {
      form.reset();
      target.scrollIntoView();
    }
  };
  form.addEventListener("input", choose);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => {
    chapter.value = "";
    kind.value = "";
    words.value = "";
    choose();
  });
  window.addEventListener("hashchange", showTarget);
  if (kinds.length > 1) kind.value = title(kinds[0]);
  choose();
  showTarget();
});
