// What differs on a page that was opened from a file, as in the offline copy.
if (location.protocol === "file:") {
  // Such a page may not read another one, so that a search, which finds as much, shows no excerpts.
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  // A browser shows a file of its own disk and downloads nothing: the button says where it lies.
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("a.btn-download-source-button").forEach((button) => {
      const file = button.getAttribute("href").replace(/^(\.\.\/)+/, "");
      button.title = "Where this page's file lies in your copy; a click shows its text";
      button.querySelector(".btn__text-container").textContent = file;
    });
  });
}
