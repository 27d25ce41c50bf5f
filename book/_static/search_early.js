// Begins to fetch what the search page reads as soon as a reader turns to the search field.
document.addEventListener("focusin", function early(event) {
  if (!event.target.closest("form.bd-search")) return;
  document.removeEventListener("focusin", early);
  // A page opened from a folder reads the files from there, and needs no head start.
  if (!window.location.protocol.startsWith("http")) return;
  const root = document.documentElement.dataset.content_root || "./";
  for (const file of ["_static/searchtools.js", "_static/language_data.js", "searchindex.js"]) {
    const hint = document.createElement("link");
    hint.rel = "prefetch";
    hint.as = "script";
    hint.href = root + file;
    document.head.append(hint);
  }
});
