// MathJax is larger than all the rest of a page. Therefore it is loaded when the reader comes near
// a formula, or has stayed for a while and may print the page. A browser does not let a page wait
// for anything once it has begun to print, so whatever announces printing loads MathJax, too.
"use strict";

(() => {
  const STAYED = 8000; // milliseconds
  const own = document.currentScript.src;
  let formulas; // a promise that they are set
  let areSet = false;

  function load() {
    watch.disconnect();
    clearTimeout(stayed);
    formulas ??= new Promise((done) => {
      const script = document.createElement("script");
      script.src = own.replace(/formulas\.js.*/, "tex-svg.js");
      script.onload = () => done(MathJax.startup.promise);
      script.onerror = done;
      document.head.append(script);
    }).then(() => { areSet = true; });
    return formulas;
  }

  /** Print when the formulas are set, if the reader asks with the keys of the browser. */
  function printLater(event) {
    const { key, ctrlKey, metaKey, altKey, shiftKey } = event;
    if (areSet || key.toLowerCase() !== "p" || ctrlKey === metaKey || altKey || shiftKey) return;
    event.preventDefault();
    load().then(() => print());
  }

  const watch = new IntersectionObserver(
    (seen) => seen.some(({ isIntersecting }) => isIntersecting) && load(),
    { rootMargin: "100%" }
  );
  const stayed = setTimeout(load, STAYED);
  for (const formula of document.querySelectorAll(".math")) watch.observe(formula);
  addEventListener("keydown", printLater);
  addEventListener("beforeprint", load);
  // The pointer leaves the page on its way to the menu of the browser.
  document.documentElement.addEventListener("mouseleave", load);
})();
