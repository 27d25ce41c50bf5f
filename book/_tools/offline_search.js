// The excerpts of the offline copy's search. Sphinx fetches a page to quote from it, which a browser
// refuses to a page opened from a file: the texts of all pages come from searchtexts.js instead (see
// search_texts.py). Without them the search lists titles, as from_a_file.js has it.
(() => {
  const texts = Search.pageTexts;
  if (!texts) return;
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = true;
  const root = document.documentElement.dataset.content_root;
  const { FILE_SUFFIX } = DOCUMENTATION_OPTIONS;

  // The search page asks for the pages that it has found, and for nothing else. Sphinx takes the
  // page out of the answer; an empty one is not quoted.
  window.fetch = async (address) => ({
    text: () => texts[address.slice(root.length, -FILE_SUFFIX.length)] ?? "",
  });
  // Then it asks for the page's text, or for that of one part; it is shown as text, not as markup.
  Search.htmlToText = ({ text, parts }, anchor) =>
    text.substring(...(parts[anchor.slice(1)] ?? [0]));
})();
