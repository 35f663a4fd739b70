// This script is what one sees of the calculator. A worker computes what it shows.
"use strict";

(() => {
  const parts = self.calculatorParts;
  const inWorker = [
    "words", "statistics", "temperature", "intervals", "exchanged", "confident", "groups",
    "measure", "refusals", "numpyFiles", "files", "disguises", "strays", "names", "checking",
    "labels", "pythonCode", "tables", "arrays", "samples", "sets", "copies", "worker",
  ];
  const onPage = [
    "words", "refusals", "numpyFiles", "files", "pythonCode", "measures", "errors", "doubts",
    "verdicts", "diagrams", "cards",
  ];
  for (const name of onPage) parts[name]();
  const { refusals, files, pythonCode, measures, doubts, verdicts, diagrams, cards } = self;
  const at = (id) => document.getElementById(`cc-${id}`);
  const chosen = { fit: [], test: [] };
  const [ofFit, ofTest] = ["fit", "test"].map((which) => parts.columns(which, hideResults));
  const columns = { fit: ofFit, test: ofTest };
  let worker = null;
  const looking = { fit: null, test: null };
  const beingRead = new Set();
  let found = null;

  /** Start a worker from the code of this page, so that it needs no other file. */
  function startWorker() {
    const code = inWorker.map((name) => `(${parts[name]})();`).join("\n");
    const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const started = new Worker(address);
    URL.revokeObjectURL(address);
    return started;
  }

  async function choose(which, list) {
    const found = [...list];
    stopLooking(which);
    // The tick belongs to the files that the temperature was to be fitted to.
    if (which === "fit" && chosen.fit.length) untick();
    chosen[which] = found;
    hold(at(`${which}-files`), found);
    at("remove").hidden = chosen.test.length === 0;
    columns[which].clear();
    hideResults();
    at(`${which}-fault`).textContent = "";
    if (found.length) beingRead.add(which);
    showReading(which);
    let sentence = "";
    try {
      await files.refuseAtOnce(found);
    } catch (error) {
      const isRefusal = error instanceof refusals.BadFile;
      sentence = isRefusal ? error.message : `The file cannot be read: ${error.message}`;
    }
    // Meanwhile, the user may have chosen another file.
    if (chosen[which] !== found) return;
    at(`${which}-fault`).textContent = shown(sentence);
    at(`${which}-files`).setAttribute("aria-invalid", String(sentence !== ""));
    if (sentence === "" && beingRead.has(which)) look(which);
    else stopLooking(which);
  }

  function untick() {
    if (at("probabilities").checked) columns.test.outdate();
    at("probabilities").checked = false;
  }

  /** Show at once how files are read, and what the user must choose. */
  function look(which) {
    const looker = (looking[which] = startWorker());
    looker.onmessage = ({ data }) => {
      columns[which].show(data.layout);
      stopLooking(which);
    };
    looker.onerror = () => stopLooking(which);
    const probabilities = at("probabilities").checked;
    looker.postMessage({ look: which, chosen: chosen[which], probabilities });
  }

  function lookAnew(which) {
    stopLooking(which);
    beingRead.add(which);
    showReading(which);
    look(which);
  }

  function stopLooking(which) {
    looking[which]?.terminate();
    looking[which] = null;
    beingRead.delete(which);
    showReading(which);
  }

  function showReading(which) {
    const names = chosen[which].map(({ name }) => name).join(" and ");
    at(`${which}-names`).textContent = beingRead.has(which) ? `Reading ${names} ...` : names;
    const missing = chosen.test.length ? "First choose the samples to which T is fitted." : "";
    if (chosen.fit.length === 0) at("fit-names").textContent = missing;
    allowStart();
  }

  /** Let the field know files that were dropped, of which a screen reader then tells. */
  function hold(input, list) {
    const held = new DataTransfer();
    for (const file of list) held.items.add(file);
    input.files = held.files;
  }

  /** Return a refusal as a whole sentence, in which the name of a file keeps its letters. */
  function shown(refusal) {
    if (refusal === "") return "";
    const names = [...chosen.fit, ...chosen.test].map(({ name }) => name);
    const first = names.find((name) => refusal.startsWith(name));
    let text = refusal;
    if (first !== undefined) {
      const rest = refusal.slice(first.length);
      if (rest.startsWith(": ")) text = `In ${first}, ${rest.slice(2)}`;
      else text = `The file${rest.startsWith(" and ") ? "s" : ""} ${refusal}`;
    }
    return `${text[0].toUpperCase()}${text.slice(1)}${/[.?!]$/.test(text) ? "" : "."}`;
  }

  /**
   * Allow a start once all files are read. What is shown of them moves the button, and a press
   * during which it moves would be lost.
   */
  function allowStart() {
    const isFaulty = ["fit", "test"].some((which) => at(`${which}-fault`).textContent !== "");
    const isBusy = worker !== null || beingRead.size > 0;
    at("start").disabled = isBusy || chosen.fit.length === 0 || isFaulty;
  }

  /** Hide what other files or another choice have led to, or would lead to. */
  function hideResults() {
    stop();
    at("refusal").hidden = true;
    at("results").hidden = true;
  }

  for (const which of ["fit", "test"]) {
    const zone = at(`${which}-zone`);
    const input = at(`${which}-files`);
    input.addEventListener("change", () => choose(which, input.files));
    // An emptied field also tells of a file that is chosen again because it has changed.
    input.addEventListener("click", () => (input.value = ""));
    input.addEventListener("cancel", () => {
      if (input.files.length) choose(which, input.files);
      else hold(input, chosen[which]);
    });
    for (const kind of ["dragenter", "dragover"]) {
      zone.addEventListener(kind, (event) => {
        event.preventDefault();
        zone.classList.add("cc-over");
      });
    }
    zone.addEventListener("dragleave", () => zone.classList.remove("cc-over"));
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      zone.classList.remove("cc-over");
      choose(which, event.dataTransfer.files);
    });
  }
  // A file that is dropped beside the zones would replace the page.
  for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (e) => e.preventDefault());

  function start() {
    hideResults();
    for (const which of ["fit", "test"]) stopLooking(which);
    at("progress-row").hidden = false;
    at("start").disabled = true;
    at("progress").value = 0;
    worker = startWorker();
    worker.onmessage = ({ data }) => {
      if (data.step) {
        at("progress").value = data.share;
        if (at("step").textContent !== data.step) at("step").textContent = data.step;
      } else {
        stop();
        for (const which of ["fit", "test"]) {
          columns[which].show(data.layouts[which], data.error ? "refused" : "done");
        }
        const asks = data.layouts.fit.asks ?? data.layouts.test.asks;
        if (data.error) refuse(data.error, asks);
        else show(data.found);
      }
    };
    worker.onerror = (event) => {
      stop();
      refuse(`The calculator failed, which is a fault of ours: ${event.message}`);
    };
    const probabilities = at("probabilities").checked;
    const picked = { fit: columns.fit.picked(), test: columns.test.picked() };
    worker.postMessage({ chosen: chosen.fit, testFiles: chosen.test, probabilities, picked });
    at("cancel").focus();
  }

  function stop() {
    worker?.terminate();
    worker = null;
    at("progress-row").hidden = true;
    at("step").textContent = "";
    allowStart();
  }

  function refuse(sentence, asks = null) {
    at("refusal").textContent = shown(sentence);
    keepWhole(at("refusal"));
    at("refusal").hidden = false;
    const isOfBox = asks === "probabilities";
    const box = isOfBox ? at("probabilities") : at("refusal");
    (columns.fit.open() ?? columns.test.open() ?? box).focus();
    at("refusal").scrollIntoView({ block: "nearest" });
  }

  function show(given) {
    found = { ...given, file: chosen.fit[0].name };
    at("doubts").innerHTML = doubts.htmlWarnings(found);
    at("verdicts").replaceChildren(...verdicts.verdicts(found).map((line) => made("p", line)));
    at("explanations").replaceChildren(
      ...verdicts.explanations(found).map((line) => made("p", line))
    );
    at("temperature").textContent = `T = ${cards.temperatureText(found.fit)}`;
    const lines = [...cards.used(found), ...doubts.unchecked(found)];
    at("from").replaceChildren(...lines.map((line) => made("li", line)));
    at("table").innerHTML = measures.htmlTable(found.report);
    at("legend").textContent = diagrams.legend(found.report);
    at("diagrams").innerHTML = diagrams
      .diagrams(found.report)
      .map((svg) => `<figure>${svg}</figure>`)
      .join("");
    at("key").innerHTML = diagrams.key(found.report);
    at("meanings").innerHTML = measures.htmlMeanings(found.report, at("glossary").href);
    at("differs").textContent = pythonCode.differs(found.report);
    const packages = pythonCode.needsPandas(found) ? "pandas " : "";
    const { calibkit } = at("install").dataset;
    at("install").textContent = `python -m pip install ${packages}"${calibkit}"`;
    at("python").textContent = pythonCode.python(found);
    linkMethods(at("verdicts"));
    keepWhole(at("results"));
    at("results").hidden = false;
    at("results").focus();
  }

  const made = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });

  /** Let the name of another page lead to it. */
  function linkMethods(place) {
    const named = /(.*")Which method do I need\?(".*)/s;
    for (const line of place.children) {
      const [, before, after] = line.textContent.match(named) ?? [];
      if (before === undefined) continue;
      const link = at("methods").cloneNode(true);
      link.removeAttribute("id");
      line.replaceChildren(before, link, after);
    }
  }

  /** Let no line end within a formula such as P(y = 1). What is copied stays as it is. */
  function keepWhole(place) {
    const texts = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
    const found = [];
    while (texts.nextNode()) found.push(texts.currentNode);
    const others = "pre, code, svg, select, script, style, .cc-whole";
    const formula = new RegExp(`(${measures.FORMULA.source})`);
    for (const text of found.filter(({ parentElement }) => !parentElement.closest(others))) {
      const parts = text.data.split(formula);
      const nodes = parts.map((part, k) =>
        k % 2 ? Object.assign(made("span", part), { className: "cc-whole" }) : part
      );
      if (nodes.length > 1) text.replaceWith(...nodes);
    }
  }

  /** Save a file of results under the name of the model. */
  function saveResults(ending, type, write) {
    const named = { ...found, name: at("name").value };
    save(cards.fileName(named, ending), type, write(named));
  }

  function save(name, type, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  /** Return the file of an overconfident model that is made up here. */
  function example() {
    parts.statistics();
    const [normal, random] = [self.statistics.normal(1), self.statistics.uniform(2)];
    const rows = ["logit_cat,logit_dog,logit_fox,label"];
    for (let i = 0; i < 2000; i++) {
      const z = [2 * normal(), 2 * normal(), 2 * normal()];
      const weights = z.map(Math.exp);
      let drawn = random() * weights.reduce((sum, weight) => sum + weight, 0);
      const label = weights.findIndex((weight) => (drawn -= weight) < 0);
      const cells = z.map((value) => (1.8 * value).toFixed(4));
      rows.push([...cells, ["cat", "dog", "fox"][label]].join(","));
    }
    return new File([`${rows.join("\n")}\n`], "example.csv", { type: "text/csv" });
  }

  /** Let the keyboard pass over the menus of the site, in one step. */
  function addSkipLink() {
    const link = made("a", "Skip to the calculator");
    link.href = "#cc-fit-files";
    document.getElementById("pst-skip-link").append(link);
  }

  addSkipLink();
  keepWhole(document.querySelector("main"));
  at("probabilities").addEventListener("change", () => {
    hideResults();
    for (const which of ["fit", "test"]) {
      columns[which].outdate();
      const isOpen = chosen[which].length > 0 && at(`${which}-fault`).textContent === "";
      const isPicked = Object.keys(columns[which].picked()).length > 0;
      // What the user has picked stays. Otherwise, the tick may change what is read.
      if (isOpen && !isPicked) lookAnew(which);
    }
  });
  at("remove").addEventListener("click", () => {
    choose("test", []);
    at("test-files").focus();
  });
  at("start").addEventListener("click", start);
  at("cancel").addEventListener("click", () => {
    stop();
    at("start").focus();
  });
  at("example").addEventListener("click", async () => {
    untick();
    await Promise.all([choose("test", []), choose("fit", [example()])]);
    start();
  });
  at("save-markdown").addEventListener("click", () =>
    saveResults("model_card.md", "text/markdown", cards.markdown)
  );
  at("save-html").addEventListener("click", () =>
    saveResults("model_card.html", "text/html", cards.html)
  );
  at("save-json").addEventListener("click", () =>
    saveResults("temperature.json", "application/json", cards.json)
  );
  at("save-example").addEventListener("click", async () =>
    save("example.csv", "text/csv", await example().text())
  );
})();
