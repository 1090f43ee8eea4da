"use strict";
(() => {
  const steps = [...document.querySelectorAll(".step")];
  const words = new Map(steps.map((step) => [step, step.parentNode.firstElementChild.textContent + " " + step.firstElementChild.textContent]));
  const find = document.getElementById("find"), shown = document.getElementById("shown"), logs = document.getElementById("logs");
  const boxes = [...document.querySelectorAll(".chip input")];

  function filter() {
    const text = find.value.toLowerCase();
    const statuses = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let count = 0;
    for (const step of steps) {
      const fits = statuses.has(step.dataset.status) && words.get(step).toLowerCase().includes(text);
      step.hidden = !fits;
      count += fits;
    }
    for (const stage of document.querySelectorAll(".stage")) stage.hidden = !stage.querySelector(".step:not([hidden])");
    shown.textContent = count === steps.length ? "" : `${count} of ${steps.length} steps`;
  }

  function open() {
    const step = document.getElementById(location.hash.slice(1));
    if (!step || !step.classList.contains("step")) return;
    step.hidden = step.parentNode.hidden = false;
    step.open = true;
    step.scrollIntoView({ block: "center" });
    step.firstElementChild.focus({ preventScroll: true });
  }

  find.addEventListener("input", filter);
  find.form.addEventListener("submit", (event) => event.preventDefault());
  for (const box of boxes) box.addEventListener("change", filter);
  logs.addEventListener("click", () => {
    const all = steps.filter((step) => !step.hidden && step.querySelector("pre"));
    const close = all.length > 0 && all.every((step) => step.open);
    for (const step of all) step.open = !close;
    logs.textContent = close ? "Open all logs" : "Close all logs";
  });
  addEventListener("hashchange", open);
  open();
})();
