// Explains the answer that was given to a question of a lesson: see docs/quiz_form.py.
"use strict";

const NOTHING_GIVEN = {
  multiple_choice: "Choose an answer first.",
  many_choice: "Choose one answer or several first.",
  numeric: "Type a number first, such as 0.25, 1/4 or 25%.",
};
const NUMBER =
  /^(?:[a-z]+\s*=\s*)?([+-]?[\d.]+(?:e[+-]?\d+)?)(?:\s*\/\s*([\d.]+))?\s*(%|percent|)$/i;
const MORE_ARE_RIGHT = [
  "",
  "One more answer is right.",
  "Two more answers are right.",
  "Three more answers are right.",
];

/** Return the number that a text means, such as 0.5, T = 0,5, 1/2 or 50 percent, or else NaN. */
function numberIn(text, inPercent) {
  const [, above, below = 1, percent] = text.trim().replaceAll(",", ".").match(NUMBER) ?? [];
  return above / below / (percent && !inPercent ? 100 : 1);
}

function numberGiven(question) {
  return numberIn(question.querySelector("input").value, "percent" in question.dataset);
}

function givenExplanations(question) {
  const all = [...question.querySelectorAll(".quiz-explanation")];
  const { type, precision } = question.dataset;
  if (type !== "numeric") {
    const chosen = [...question.querySelectorAll("input:checked")];
    return chosen.map((input) => all[Number(input.value)]);
  }
  const value = numberGiven(question);
  if (!Number.isFinite(value)) return [];
  const rounded = precision ? Number(value.toPrecision(Number(precision))) : value;
  const matches = ({ dataset }) =>
    "value" in dataset
      ? Math.abs(rounded - Number(dataset.value)) < 1e-9
      : "low" in dataset && value >= Number(dataset.low) && value <= Number(dataset.high);
  const other = all.filter(({ dataset }) => !("value" in dataset) && !("low" in dataset));
  return [all.find(matches) ?? other[0]].filter(Boolean);
}

/** Return what to say to those who typed 30 and probably mean 30%, or else an empty text. */
function noteOnShare(question) {
  const right = question.querySelector('.quiz-explanation[data-correct="true"]').dataset.value;
  const value = numberGiven(question);
  if ("percent" in question.dataset || right >= 1 || value <= 1 || value > 100) return "";
  const share = Number((value / 100).toPrecision(6));
  return (
    `Your answer was read as the number ${value}. ` +
    `If you mean a share, type it as ${share} or ${value}%.`
  );
}

function explain(question) {
  const given = givenExplanations(question);
  for (const explanation of question.querySelectorAll(".quiz-explanation")) {
    explanation.hidden = !given.includes(explanation);
  }
  const box = question.querySelector(".quiz-explanations");
  box.querySelector(".quiz-note")?.remove();
  let note = "";
  if (given.length === 0) {
    note = NOTHING_GIVEN[question.dataset.type];
  } else if (question.dataset.type === "many_choice") {
    const right = question.querySelectorAll('.quiz-explanation[data-correct="true"]');
    const missing = [...right].filter((explanation) => !given.includes(explanation)).length;
    note = MORE_ARE_RIGHT[missing];
  } else if (question.dataset.type === "numeric") {
    note = noteOnShare(question);
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
