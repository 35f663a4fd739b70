// Adds a second button to code that has an output. It copies both, the output as comments, so that
// one can paste them into a question or a mail and still run them.
"use strict";

const PROMPT = /^(?:>>>|\.\.\.)(?: |$)/;

function comment(line) {
  return line.trim() === "" || line === "<BLANKLINE>" ? "#" : `# ${line.trimEnd()}`;
}

function outputBelow(code) {
  let next = code.nextElementSibling;
  while (next?.matches("img, .sphx-glr-horizontal")) next = next.nextElementSibling;
  return next?.matches(".sphx-glr-script-out") ? next.querySelector("pre").textContent : "";
}

function cellWithOutput(code) {
  const output = outputBelow(code).trimEnd();
  if (output === "") return "";
  const comments = output.split("\n").map(comment);
  return [code.querySelector("pre").textContent.trimEnd(), ...comments].join("\n");
}

function exampleWithOutput(example) {
  const lines = example.querySelector("pre").textContent.trimEnd().split("\n");
  if (lines.every((line) => line === "" || PROMPT.test(line))) return "";
  const shown = (line) => (line === "" ? "" : comment(line));
  return lines.map((line) => (PROMPT.test(line) ? line.slice(4) : shown(line))).join("\n");
}

function addButton(place, text) {
  if (text === "") return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy-output";
  button.textContent = "Copy with output";
  button.dataset.clipboardText = text;
  place.querySelector("pre").after(button);
}

// light_pages.py loads this after the script that adds the button for the code alone. Therefore
// this button comes before that one, as it is shown.
(() => {
  for (const code of document.querySelectorAll(".highlight-Python")) {
    addButton(code, cellWithOutput(code));
  }
  for (const example of document.querySelectorAll(".doctest")) {
    addButton(example, exampleWithOutput(example));
  }
  const status = document.createElement("p");
  status.className = "visually-hidden";
  status.setAttribute("role", "status");
  document.querySelector(".bd-article")?.append(status);
  const tell = (message) => {
    status.textContent = message;
    setTimeout(() => (status.textContent = ""), 2000);
  };
  const clipboard = new ClipboardJS(".copy-output");
  clipboard.on("success", ({ trigger }) => {
    trigger.focus(); // the library has moved the focus to a field that it removes
    trigger.classList.add("copied");
    setTimeout(() => trigger.classList.remove("copied"), 2000);
    tell("Copied the code and its output.");
  });
  clipboard.on("error", () => tell("The browser did not let this page copy."));
})();
