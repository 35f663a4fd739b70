// This script shows which columns or arrays of a file were read, and lets the user choose others.
self.calculatorParts.columns = (which, onChange) => {
  "use strict";

  const place = document.getElementById(`cc-${which}-columns`);
  const at = (name) => place.querySelector(`[data-part="${name}"]`);
  const ticks = () => [...at("chosen").querySelectorAll("input")];
  let layout = {};
  let picked = {};
  /** Fill a list with names, and select one of them or, if none is known, a question. */
  function fill(list, names, selected, question) {
    const options = names.map((name) => new Option(name, name, false, name === selected));
    const open = selected === null ? [new Option(question, "", false, true)] : [];
    list.replaceChildren(...open, ...options);
  }

  const listed = (names) =>
    names.length < 5 ? names.join(", ") : `${names[0]}, ${names[1]}, ..., ${names.at(-1)}`;

  /**
   * Show what was read, if the file holds more than one thing that it could have been. `state` says
   * whether the file was only looked at, is "refused", or is "done".
   */
  function show(found, state = "looked at") {
    layout = found;
    const { word, names, labels, scores, asks } = layout;
    const isDecided = labels && scores && !asks && !outcomesOf(labels, scores);
    const n = names?.length ?? 0;
    const isPicked = Object.keys(picked).length > 0;
    place.hidden = n < 2 || (isDecided && n === 2 && !isPicked);
    if (place.hidden) return;
    const of = word === "file" ? "" : " of";
    const use = which === "test" ? ", for the test" : "";
    at("legend").textContent = `The ${word}s${of} ${layout.path}${use}`;
    fill(at("labels"), names, labels, `choose the ${word} of the labels`);
    const isTable = word === "column";
    at("scores-row").hidden = isTable;
    at("chosen-row").hidden = !isTable;
    if (isTable) showTicks(scores ?? layout.proposed ?? []);
    else fill(at("scores"), names, scores?.[0] ?? null, `choose the ${word} of the logits`);
    at("count").checked = picked.countFrom1 === true;
    at("count-row").hidden = asks !== "countFrom1" && !picked.countFrom1;
    const box = ' They look like probabilities. If they are, tick "These are probabilities" above.';
    const doubt = asks === "probabilities" && layout.kind === "logits" ? box : "";
    at("read").textContent = `${readAs(layout)}${doubt}`;
    // Whoever has been asked about these ticks and leaves them has chosen them.
    if (layout.asks === "ticks" && state === "refused") picked.scores = tickedNames();
    askForPositive();
    at("then").textContent = whatToDo(state);
  }

  /** Say whether something must be chosen here, or only can be. */
  function whatToDo(state) {
    if (state === "done") return "Something else? Change it and press Calibrate again.";
    const isKnown = layout.labels && layout.scores && open() === null;
    const wrong = `If the ${layout.word}s are wrong, change them here.`;
    return isKnown ? wrong : "Choose here, then press Calibrate.";
  }

  /** Show a box for each column, in which those of the scores are ticked. */
  function showTicks(scores) {
    const boxes = layout.names.map((name) => {
      const box = Object.assign(document.createElement("input"), { type: "checkbox", name });
      box.checked = scores.includes(name);
      const label = document.createElement("label");
      label.append(box, ` ${name}`);
      return label;
    });
    at("chosen").replaceChildren(...boxes);
    keepLabelsApart();
  }

  /** The column of the labels, and one of words, can hold no scores. */
  function keepLabelsApart() {
    for (const box of ticks()) {
      box.disabled = box.name === at("labels").value || (layout.words ?? []).includes(box.name);
      box.checked &&= !box.disabled;
    }
  }

  const tickedNames = () => ticks().filter((box) => box.checked).map(({ name }) => name);

  /** Return the two names of the classes beside a single column of scores, or null. */
  const outcomesOf = (label, scores) =>
    scores.length === 1 ? layout.outcomes?.[label] ?? null : null;

  /** Ask at once which label a high score means, if the labels are two names. */
  function askForPositive() {
    const names = outcomesOf(at("labels").value, tickedNames());
    at("positive-row").hidden = names === null;
    const known = [picked.positive, layout.positive].find((name) => names?.includes(name));
    fill(at("positive"), names ?? [], known ?? null, "choose one of the labels");
  }

  /** Say what was read, and what this page has assumed because no name says it. */
  function readAs({ labels, scores, kind, areFound, isByOrder }) {
    if (!labels || !scores) return "Nothing is read yet.";
    const said = `Read as ${kind}: ${listed(scores)}.`;
    if (!areFound || !isByOrder) return said;
    const order = scores.slice(0, 3).map((name, k) => `${k} means ${name}`);
    const more = scores.length > 3 ? ", and so on" : "";
    const assumed = "This page assumes that the labels count these columns";
    return `${said} ${assumed}: ${order.join(", ")}${more}.`;
  }

  /** Say that the choice is not yet read. */
  function outdate() {
    at("read").textContent =
      "The choice has changed. Press Calibrate to read the file in this way.";
    at("then").textContent = "";
  }

  /** Keep what the user has chosen until the next calculation. */
  function pick({ target }) {
    const { part } = target.dataset;
    if (part === "count") picked.countFrom1 = target.checked;
    else if (layout.word !== "column") {
      const [labels, scores] = [at("labels").value, at("scores").value];
      picked = { ...picked, labels, scores: scores && scores !== labels ? [scores] : undefined };
    } else {
      picked.labels = at("labels").value;
      keepLabelsApart();
      // Until the user changes a tick, the page decides which of the other columns are scores.
      if (target.type === "checkbox" || picked.scores) picked.scores = tickedNames();
      if (part === "positive") picked.positive = target.value;
      else askForPositive();
    }
    picked = Object.fromEntries(Object.entries(picked).filter(([, value]) => value));
    outdate();
    onChange();
  }

  /** Tick all boxes that can be ticked, or none. */
  function tickAll(isTicked) {
    const free = ticks().filter(({ disabled }) => !disabled);
    for (const box of free) box.checked = isTicked;
    if (free.length) pick({ target: free[0] });
  }

  function clear() {
    picked = {};
    show({});
  }

  /** Return what the user must still choose, or null. */
  function open() {
    const lists = ["labels", "scores", "positive"].map(at);
    const empty = lists.find((list) => list.checkVisibility() && list.value === "");
    if (!empty && !place.hidden && layout.asks === "countFrom1") return at("count");
    const isOfScores = ["scores", "ticks"].includes(layout.asks);
    if (empty || place.hidden || !isOfScores) return empty ?? null;
    return layout.word === "column" ? ticks().find(({ disabled }) => !disabled) : at("scores");
  }

  place.addEventListener("change", pick);
  at("all").addEventListener("click", () => tickAll(true));
  at("none").addEventListener("click", () => tickAll(false));
  return { show, outdate, clear, open, picked: () => picked };
};
