// MathJax is larger than all the rest of a page. It is loaded when the reader comes near a formula.
"use strict";

(() => {
  const own = document.currentScript.src;
  const formulas = document.querySelectorAll(".math");

  function load() {
    watch.disconnect();
    const script = document.createElement("script");
    script.src = own.replace(/formulas\.js.*/, "tex-svg.js");
    document.head.append(script);
  }

  const watch = new IntersectionObserver(
    (seen) => seen.some(({ isIntersecting }) => isIntersecting) && load(),
    { rootMargin: "100%" }
  );
  for (const formula of formulas) watch.observe(formula);
})();
