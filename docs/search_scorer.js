// The search of the site asks this for the score of each result. Sphinx gives a page that has a word
// the same score, whatever the page is, and gives a term of the glossary the title "Glossary".
var Scorer = {
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,

  score(result) {
    const [page, , anchor, about, score, , kind] = result;
    if (kind === "index" && page === "glossary") result[1] = `Glossary: ${Scorer.termAt(anchor)}`;
    else if (kind === "index") result[2] = ""; // so that a page is listed once
    return score + Scorer.worth(page, kind, about);
  },

  /** Return how much sooner one wants to see this result than a page of the API. */
  worth(page, kind, about) {
    if (page.startsWith("auto_solutions/")) return -100; // they come last
    if (page === "changelog") return -10;
    if (page === "glossary" && kind === "index") return 25;
    if (kind === "object") return /^Python (class|function|exception)/.test(about) ? 25 : 0;
    if (page.startsWith("auto_lessons/")) return 20;
    return page.startsWith("generated/") ? 0 : 15;
  },

  /** Return a term as it is written: its anchor has its capitals, and the index its hyphens. */
  termAt(anchor) {
    const term = anchor.replace("#term-", "").replaceAll("-", " ");
    const entries = Object.keys(Search._index.indexentries);
    const written = entries.find((entry) => entry.replaceAll("-", " ") === term.toLowerCase());
    return term.replace(/ /g, (space, place) => (written ?? term)[place]);
  },
};

// Sphinx shows the words at the anchor of a result, which for a term is the term again.
if (typeof Search !== "undefined") {
  const { makeSearchSummary } = Search;
  Search.makeSearchSummary = (page, words, anchor) => {
    if (!anchor.startsWith("#term-")) return makeSearchSummary(page, words, anchor);
    const summary = document.createElement("p");
    summary.className = "context";
    summary.textContent = Search.htmlToText(page, `${anchor} ~ dd > p`);
    return summary;
  };
}
