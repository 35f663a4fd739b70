// MathJax is larger than all the rest of a page. Therefore it is loaded when the reader comes near a
// formula, or has stayed for a while and may print the page.
"use strict";

(() => {
  const STAYED = 8000; // milliseconds
  const own = document.currentScript.src;

  function load() {
    watch.disconnect();
    clearTimeout(stayed);
    const script = document.createElement("script");
    script.src = own.replace(/formulas\.js.*/, "tex-svg.js");
    document.head.append(script);
  }

  const watch = new IntersectionObserver(
    (seen) => seen.some(({ isIntersecting }) => isIntersecting) && load(),
    { rootMargin: "100%" }
  );
  const stayed = setTimeout(load, STAYED);
  for (const formula of document.querySelectorAll(".math")) watch.observe(formula);
})();
