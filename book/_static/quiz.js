// Checks the answer to a concept question and says the reason of the one that was chosen.
document.querySelectorAll("form.quiz-question").forEach((form) => {
  const fold = document.querySelector(`details[data-question="${form.id}"]`);
  const button = form.querySelector("button.quiz-check");
  const said = form.querySelector(".quiz-said");
  const number = /\d+$/.exec(form.id)[0];

  form.closest("section.quiz").classList.add("quiz-live");
  button.hidden = false;

  const say = (verdict, ...parts) => {
    said.className = `quiz-said ${verdict}`;
    said.replaceChildren(...parts.map((part) => part.cloneNode(true)));
  };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = form.querySelector("input:checked");
    if (!chosen) {
      const ask = document.createElement("p");
      ask.textContent = `Choose an answer to question ${number} first.`;
      say("", ask);
      return;
    }
    const reason = fold.querySelector(`.quiz-${chosen.value}`);
    const right = reason.classList.contains("quiz-right");
    if (right) say("right", reason);
    else say("wrong", reason, fold.querySelector(".quiz-again"));
  });
  // What was said of one answer is not said of another.
  form.addEventListener("change", () => say(""));
});

// On paper every fold is open.
const folds = () => document.querySelectorAll("details.quiz-answer");
window.addEventListener("beforeprint", () => {
  folds().forEach((fold) => { fold.open = true; });
});
window.addEventListener("afterprint", () => {
  folds().forEach((fold) => { fold.open = false; });
});
