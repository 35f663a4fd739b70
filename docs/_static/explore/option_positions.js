// This script shows how the place of an option in a list changes a language model's answer.
"use strict";

(() => {
  const { percent, percentTicks, add, set, panel, atRest } = window.drawing;
  const N_BINS = 15;
  const PLACES = ["A", "B", "C", "D"];
  const FOUR = [0, 1, 2, 3];
  const questions = window.optionQuestions;
  const at = (id) => document.getElementById(`op-${id}`);
  const sum = (values) => values.reduce((total, value) => total + value, 0);

  /** Return the option that stands at this place, and where an option stands, in an order. */
  const optionAt = (place, order) => (place + order) % 4;
  const placeOf = (option, order) => (option - order + 4) % 4;

  function softmax(logits) {
    const powers = logits.map(Math.exp);
    const total = sum(powers);
    return powers.map((power) => power / total);
  }

  /** Return the labels, and for each order and question the probabilities of the four places. */
  function read(packed) {
    const columns = window.decodeColumns(packed);
    const labels = columns.pop();
    const logits = FOUR.map((order) =>
      Array.from(labels, (_, i) => FOUR.map((place) => -columns[4 * order + place][i]))
    );
    const none = logits.map((inOrder) => inOrder.map(softmax));
    return { labels, none, prior: none.map(withoutPrior), mean: meanOverOrders(logits) };
  }

  /** Divide by the mean probability of each place over all questions. */
  function withoutPrior(probabilities) {
    const prior = FOUR.map((place) => sum(probabilities.map((four) => four[place])));
    return probabilities.map((four) =>
      softmax(four.map((p, place) => Math.log(p / prior[place])))
    );
  }

  /** Give each option its mean logit over the orders. */
  function meanOverOrders(logits) {
    const ofOptions = logits[0].map((_, i) =>
      softmax(FOUR.map((option) =>
        sum(FOUR.map((order) => logits[order][i][placeOf(option, order)])) / 4
      ))
    );
    return FOUR.map((order) =>
      ofOptions.map((four) => FOUR.map((place) => four[optionAt(place, order)]))
    );
  }

  const ways = { letters: read(window.optionLetters), listed: read(window.optionsListed) };

  const choice = (four) => four.indexOf(Math.max(...four));

  /** Return the scores of all questions in one order. */
  function measure(way, correction, order) {
    const { labels, [correction]: probabilities } = ways[way];
    const bins = Array.from({ length: N_BINS }, () => ({ right: 0, confidence: 0 }));
    probabilities[order].forEach((four, i) => {
      const confidence = Math.max(...four);
      const bin = bins[Math.min(Math.floor(N_BINS * confidence), N_BINS - 1)];
      bin.right += choice(four) === placeOf(labels[i], order) ? 1 : 0;
      bin.confidence += confidence;
    });
    return {
      confidence: sum(bins.map((bin) => bin.confidence)) / labels.length,
      accuracy: sum(bins.map((bin) => bin.right)) / labels.length,
      ece: sum(bins.map((bin) => Math.abs(bin.right - bin.confidence))) / labels.length,
    };
  }

  /** Return how often each place is chosen, over all questions and orders. */
  function shares(way, correction) {
    const choices = ways[way][correction].flat().map(choice);
    const count = (place) => choices.filter((chosen) => chosen === place).length;
    return FOUR.map((place) => count(place) / choices.length);
  }

  const places = (() => {
    const svg = at("places");
    const [WIDTH, HEIGHT, TOP] = [100, 52, 24];
    PLACES.forEach((name, place) => add(svg, "text", { x: place * WIDTH + 6, y: 14 }, name));
    const rows = FOUR.map((option) => {
      const top = TOP + option * HEIGHT;
      const name = add(svg, "text", { x: 6, y: top + 11 });
      const cells = FOUR.map((place) => {
        const x = place * WIDTH + 6;
        return {
          frame: add(svg, "rect", {
            x: x - 6, y: top + 15, width: WIDTH - 4, height: 31, rx: 3,
          }),
          bar: add(svg, "rect", { x, y: top + 34, height: 8 }),
          text: add(svg, "text", { x, y: top + 29 }),
        };
      });
      return { name, cells };
    });
    return (probabilities, { options, right }, order) => {
      const chosen = choice(probabilities[order]);
      rows.forEach(({ name, cells }, option) => {
        name.textContent = options[option] + (option === right ? " ✓" : "");
        name.setAttribute("class", option === right ? "ex-strong" : "");
        cells.forEach(({ frame, bar, text }, place) => {
          // The option stands at this place in just one of the orders.
          const itsOrder = placeOf(option, place);
          const p = probabilities[itsOrder][place];
          const isShown = itsOrder === order;
          set(frame, {
            display: isShown ? "inline" : "none",
            class: isShown && place === chosen ? "ex-ring ex-thick" : "ex-ring",
          });
          set(bar, {
            class: option === right ? "ex-right" : "ex-other", width: p * (WIDTH - 16),
            "fill-opacity": isShown ? "1" : "0.5",
          });
          text.textContent = percent(p);
          text.setAttribute("class", isShown ? "ex-strong" : "");
        });
      });
    };
  })();

  const showShares = (() => {
    const svg = at("shares");
    const { x, y } = panel(svg, {
      top: 8, bottom: 92, yTicks: percentTicks(0, 0.25, 0.5, 0.75, 1), yLabel: "chosen",
      xTicks: PLACES.map((name, place) => [(place + 0.5) / 4, name]), xLabel: "place in the list",
    });
    const bars = FOUR.map((place) =>
      add(svg, "rect", { class: "ex-accuracy", x: x((place + 0.25) / 4), width: x(0.125) - x(0) })
    );
    add(svg, "path", { class: "ex-line ex-dashed", d: `M${x(0)} ${y(0.25)}H${x(1)}` });
    return (found) =>
      found.forEach((share, place) =>
        set(bars[place], { y: y(share), height: y(0) - y(share) })
      );
  })();

  const rows = [...document.querySelectorAll(".ex-choices tbody tr")];
  let order = 0;

  function show() {
    const way = at("way").value;
    const { value: correction } = document.querySelector("[name=op-correction]:checked");
    const { labels, [correction]: probabilities } = ways[way];
    const question = questions[at("question").value];
    const i = question.rows[way];
    const right = labels[i];
    const ofQuestion = probabilities.map((inOrder) => inOrder[i]);
    const found = shares(way, correction);
    const options = FOUR.map((place) => question.options[optionAt(place, order)]);
    at("prompt").textContent = PLACES.map((name, place) => `${name}. ${options[place]}`).join(", ");
    places(ofQuestion, { ...question, right }, order);
    showShares(found);
    at("caption").textContent = `All ${labels.length} questions, in this order of their options`;
    for (const row of rows) {
      const scores = measure(way, row.querySelector("input").value, order);
      ["confidence", "accuracy", "ece"].forEach((score, k) => {
        row.cells[k + 1].textContent = percent(scores[score]);
      });
    }
    tell({ options, right: placeOf(right, order), ofQuestion, found });
  }

  const tell = atRest(({ options, right, ofQuestion, found }) => {
    const four = ofQuestion[order];
    const chosen = choice(four);
    const rest = chosen === right
      ? "This is right."
      : `The right option is ${PLACES[right]}, ${options[right]}, with ${percent(four[right])}.`;
    at("words").textContent =
      `In this order the model chooses ${PLACES[chosen]}, ${options[chosen]}, with ` +
      `${percent(four[chosen])}. ${rest}`;
    const choices = ofQuestion.map((inOrder) => PLACES[choice(inOrder)]).join(", ");
    at("places-desc").textContent =
      `${at("words").textContent} In the four orders the model chooses ${choices}.`;
    const told = PLACES.map((name, place) => `${name} in ${percent(found[place])}`).join(", ");
    at("shares-desc").textContent = `The model chooses ${told} of the lists.`;
  });

  for (const subject of new Set(questions.map((question) => question.subject))) {
    const group = at("question").appendChild(document.createElement("optgroup"));
    group.label = subject;
    questions.forEach((question, k) => {
      if (question.subject === subject) group.append(new Option(question.text, k));
    });
  }
  at("question").addEventListener("change", show);
  at("way").addEventListener("change", show);
  for (const row of rows) row.addEventListener("change", show);
  at("rotate").addEventListener("click", () => {
    order = (order + 1) % 4;
    show();
  });
  show();

  window.optionPositions = { measure, shares };
})();
