// This script shows which columns or arrays of a file were read, and lets the user choose others.
self.calculatorParts.columns = (which, onChange) => {
  "use strict";

  const place = document.getElementById(`cc-${which}-columns`);
  const at = (name) => place.querySelector(`[data-part="${name}"]`);
  let layout = {};
  let picked = {};

  /** Fill a list with [value, text] pairs, and select some of the values. */
  function fill(list, options, selected) {
    const made = ([value, text]) => new Option(text, value, false, selected.includes(value));
    list.replaceChildren(...options.map(made));
  }

  const pairs = (names) => names.map((name) => [name, name]);
  const listed = (names) =>
    names.length < 5 ? names.join(", ") : `${names[0]}, ${names[1]}, ..., ${names.at(-1)}`;

  /** Show what was read, if the file holds more than one thing that it could have been. */
  function show(found) {
    layout = found;
    const isDecided = layout.labels && layout.scores && !layout.outcomes;
    const n = layout.names?.length ?? 0;
    const isPicked = Object.keys(picked).length > 0;
    place.hidden = n < 2 || (isDecided && n === 2 && !isPicked);
    if (place.hidden) return;
    const { word, names, labels, scores } = layout;
    const of = word === "file" ? "" : " of";
    const use = which === "test" ? ", for the test" : "";
    at("legend").textContent = `The ${word}s${of} ${layout.path}${use}`;
    const undecided = labels ? [] : [["", `choose the ${word} of the labels`]];
    fill(at("labels"), [...undecided, ...pairs(names)], [labels ?? ""]);
    if (word !== "column") {
      const open = scores ? [] : [["", `choose the ${word} of the logits`]];
      fill(at("scores"), [...open, ...pairs(names)], scores ?? [""]);
    } else {
      const kinds = [
        ["", "found by this page"],
        ["others", "all other numeric columns"],
        ["chosen", "chosen by me"],
      ];
      fill(at("scores"), kinds, [Array.isArray(picked.scores) ? "chosen" : picked.scores ?? ""]);
      fill(at("chosen"), pairs(names), scores ?? []);
    }
    at("read").textContent = readAs(layout);
    at("chosen-row").hidden = word !== "column" || !Array.isArray(picked.scores);
    at("positive-row").hidden = !layout.outcomes;
    const unknown = ["", "choose one of the labels"];
    fill(at("positive"), [unknown, ...pairs(layout.outcomes ?? [])], [layout.positive ?? ""]);
  }

  /** Say what was read, and what this page has assumed because no name says it. */
  function readAs({ word, labels, scores, kind, areFound, isByOrder }) {
    const undecided = "This page reads all other numeric columns as logits, one for each class.";
    if (!scores) return word === "column" && !labels ? undecided : "Nothing is read yet.";
    const said = `Read as ${kind}: ${listed(scores)}.`;
    if (!areFound || !isByOrder) return said;
    const order = scores.slice(0, 3).map((name, k) => `${k} means ${name}`);
    const more = scores.length > 3 ? ", and so on" : "";
    const assumed = "This page assumes that the labels count these columns";
    return `${said} ${assumed}: ${order.join(", ")}${more}.`;
  }

  /** Keep what the user has chosen until the next calculation. */
  function pick() {
    const [labels, kind] = [at("labels").value, at("scores").value];
    const chosen = [...at("chosen").selectedOptions].map(({ value }) => value);
    const isArray = layout.word !== "column";
    at("chosen-row").hidden = isArray || kind !== "chosen";
    let scores = kind || undefined;
    if (isArray && kind) scores = kind === labels ? undefined : [kind];
    else if (kind === "chosen") scores = chosen;
    const given = { labels, scores, positive: at("positive").value };
    picked = Object.fromEntries(Object.entries(given).filter(([, value]) => value));
    onChange();
  }

  function clear() {
    picked = {};
    show({});
  }

  /** Return the list in which the user must still choose, or null. */
  function open() {
    const lists = ["labels", ...(layout.word === "column" ? [] : ["scores"]), "positive"].map(at);
    return lists.find((list) => list.checkVisibility() && list.value === "") ?? null;
  }

  place.addEventListener("change", pick);
  return { show, clear, open, picked: () => picked };
};
