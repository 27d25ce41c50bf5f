// Lets a reader choose among the rows of the table of exercises. Without it the table is whole.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".exercise-index").forEach((box) => {
    const table = box.querySelector("table");
    if (!table) return;
    const rows = [...table.tBodies[0].rows];
    const text = (row, column) => row.cells[column].textContent.trim();
    const headings = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());

    const form = document.createElement("form");
    form.className = "exercise-choice";
    form.setAttribute("aria-label", "Choose exercises");
    const labelled = (name, field) => {
      const label = document.createElement("label");
      label.append(`${name} `, field);
      form.append(label);
      return field;
    };
    const choices = ["chapter", "kind", "level", "marked by"].map((name) => {
      const column = headings.indexOf(name);
      const field = document.createElement("select");
      field.append(new Option("all", ""));
      [...new Set(rows.map((row) => text(row, column)))].toSorted().forEach((value) => {
        field.append(new Option(value, value));
      });
      return { column, field: labelled(name, field) };
    });
    const words = document.createElement("input");
    words.type = "search";
    labelled("title holds", words);
    const said = document.createElement("p");
    said.setAttribute("aria-live", "polite");
    form.append(said);
    box.prepend(form);

    const sum = (shown, name) => {
      const column = headings.indexOf(name);
      return shown.reduce((total, row) => total + Number(text(row, column)), 0);
    };
    const choose = () => {
      const wanted = words.value.trim().toLowerCase();
      const shown = rows.filter((row) => {
        const fits = ({ column, field }) => !field.value || text(row, column) === field.value;
        const keep = choices.every(fits) && text(row, 0).toLowerCase().includes(wanted);
        row.hidden = !keep;
        return keep;
      });
      const minutes = sum(shown, "minutes");
      said.textContent = `${shown.length} of ${rows.length} exercises, ${minutes} minutes, ${sum(shown, "points")} points`;
    };
    form.addEventListener("input", choose);
    form.addEventListener("submit", (event) => event.preventDefault());
    choose();
  });
});
