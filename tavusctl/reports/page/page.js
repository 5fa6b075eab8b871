"use strict";
(() => {
  const form = document.getElementById("filter");
  const cards = Array.from(document.querySelectorAll("details.card"));
  const each = (open) => cards.forEach((card) => { if (!card.hidden) card.open = open; });
  const opened = () => { const card = document.getElementById(location.hash.slice(1)); if (card && cards.includes(card)) card.open = true; };
  window.addEventListener("hashchange", opened);
  opened();
  let closed = [];
  window.addEventListener("beforeprint", () => { closed = cards.filter((card) => !card.open); closed.forEach((card) => { card.open = true; }); });
  window.addEventListener("afterprint", () => { closed.forEach((card) => { card.open = false; }); });
  if (!form) return;
  const query = document.getElementById("query");
  const dangers = document.getElementById("only-dangers");
  const groups = Array.from(form.querySelectorAll(".group"));
  const found = document.getElementById("found");
  const texts = new Map();
  const textOf = (card) => { if (!texts.has(card)) texts.set(card, card.textContent.toLowerCase()); return texts.get(card); };
  const filter = () => {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = new Set(groups.filter((box) => box.checked).map((box) => box.value));
    let count = 0;
    for (const card of cards) {
      const fits = shown.has(card.dataset.group) && !(dangers && dangers.checked && !card.classList.contains("dangerous"))
        && words.every((word) => textOf(card).includes(word));
      card.hidden = !fits;
      count += fits;
    }
    found.textContent = count === cards.length ? "" : `${count} of ${cards.length} shown`;
  };
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("unfold").addEventListener("click", () => each(true));
  document.getElementById("fold").addEventListener("click", () => each(false));
  document.addEventListener("keydown", (event) => {
    const writing = /^(input|textarea|select)$/i.test(event.target.tagName) && event.target.type !== "checkbox";
    if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); query.focus(); query.select(); }
    if (event.key === "Escape" && event.target === query) { query.value = ""; filter(); query.blur(); }
  });
  filter();
})();
