// Explains the answer that was given to a question of a lesson: see docs/quiz_form.py.
"use strict";

const NOTHING_GIVEN = {
  multiple_choice: "Choose an answer first.",
  many_choice: "Choose one answer or several first.",
  numeric: "Type a number first, such as 0.25, 1/4 or 25\u00a0%.",
};
const NUMBER = /^([+-]?[\d.]+(?:e[+-]?\d+)?)(?:\s*\/\s*([\d.]+))?\s*(%?)$/i;

/** Return the number that a text means, such as 0.5, 0,5, 1/2 or 50 %, or else NaN. */
function numberIn(text, inPercent) {
  const [, above, below = 1, percent] = text.trim().replaceAll(",", ".").match(NUMBER) ?? [];
  return above / below / (percent && !inPercent ? 100 : 1);
}

function givenExplanations(question) {
  const all = [...question.querySelectorAll(".quiz-explanation")];
  const { type, precision } = question.dataset;
  if (type !== "numeric") {
    const chosen = [...question.querySelectorAll("input:checked")];
    return chosen.map((input) => all[Number(input.value)]);
  }
  const value = numberIn(question.querySelector("input").value, "percent" in question.dataset);
  if (!Number.isFinite(value)) return [];
  const rounded = precision ? Number(value.toPrecision(Number(precision))) : value;
  const matches = ({ dataset }) =>
    "value" in dataset
      ? Math.abs(rounded - Number(dataset.value)) < 1e-9
      : "low" in dataset && value >= Number(dataset.low) && value <= Number(dataset.high);
  const other = all.filter(({ dataset }) => !("value" in dataset) && !("low" in dataset));
  return [all.find(matches) ?? other[0]].filter(Boolean);
}

function explain(question) {
  const given = givenExplanations(question);
  const several = question.dataset.type === "many_choice";
  for (const explanation of question.querySelectorAll(".quiz-explanation")) {
    explanation.hidden = !given.includes(explanation);
  }
  const box = question.querySelector(".quiz-explanations");
  box.querySelector(".quiz-note")?.remove();
  let note = "";
  if (given.length === 0) {
    note = NOTHING_GIVEN[question.dataset.type];
  } else if (several) {
    const right = question.querySelectorAll('.quiz-explanation[data-correct="true"]');
    const missing = [...right].filter((explanation) => !given.includes(explanation)).length;
    if (missing > 0) note = `Right answers that you have not chosen yet: ${missing}.`;
  }
  if (note) {
    const line = document.createElement("p");
    line.className = "quiz-note";
    line.textContent = note;
    box.append(line);
  }
}

for (const question of document.querySelectorAll(".quiz-question")) {
  question.querySelector("button").addEventListener("click", () => explain(question));
}
for (const form of document.querySelectorAll("form.quiz")) {
  form.classList.add("explains-on-click");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const question = document.activeElement?.closest(".quiz-question");
    if (question) explain(question);
  });
}
