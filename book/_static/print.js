// What paper needs of a page: its title at the head of each sheet. And ?solutions=1 behind the
// address of a page opens its hints and solutions, on the screen and so on paper.
document.addEventListener("DOMContentLoaded", () => {
  const heading = document.querySelector(".bd-article h1");
  if (heading) {
    const words = [...heading.childNodes]
      .filter(node => !node.classList?.contains("headerlink"))
      .map(node => node.textContent).join("").replace(/\s+/g, " ").trim();
    document.documentElement.style.setProperty("--book-running", JSON.stringify(words));
  }
});
window.addEventListener("load", () => {
  if (new URLSearchParams(window.location.search).get("solutions") !== "1") return;
  document.querySelectorAll(".toggle-hidden:is(.solution, .hint) button.toggle-button")
    .forEach(button => button.click());
});
