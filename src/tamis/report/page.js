// Hover, filter and following one arm. Nothing here is needed to read the page.
"use strict";
(() => {
  document.body.classList.add("live");

  // Hover: the titles that the figures carry, shown at once and beside the pointer.
  const tip = document.createElement("div");
  tip.className = "mark-tip";
  tip.hidden = true;
  document.body.append(tip);
  for (const svg of document.querySelectorAll("svg[role=img]")) {
    const title = svg.querySelector(":scope > title");
    svg.setAttribute("aria-label", title.textContent);
    svg.removeAttribute("aria-labelledby");
    title.remove();
    for (const mark of svg.querySelectorAll(".mark")) {
      mark.dataset.tip = mark.querySelector("title").textContent;
      mark.querySelector("title").remove();
    }
  }
  document.addEventListener("pointermove", (event) => {
    const mark = event.target.closest?.("[data-tip]");
    tip.hidden = !mark;
    if (!mark) return;
    tip.textContent = mark.dataset.tip;
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(event.clientX + 14, innerWidth - box.width - 8)) + "px";
    tip.style.top = (event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 12 : event.clientY + 18) + "px";
  });
  document.addEventListener("scroll", () => (tip.hidden = true), { passive: true });

  // Follow an arm: the others fade; again, and all are back.
  let followed = null;
  const follow = (arm) => {
    followed = followed === arm ? null : arm;
    for (const part of document.querySelectorAll("svg [data-arm]"))
      part.style.opacity = followed === null || part.dataset.arm === followed ? "" : 0.15;
    for (const name of document.querySelectorAll("span.arm[role=button]")) name.setAttribute("aria-pressed", name.dataset.arm === followed);
  };
  for (const name of document.querySelectorAll("span.arm")) {
    if (name.closest("summary")) continue;
    name.tabIndex = 0;
    name.setAttribute("role", "button");
    name.addEventListener("click", () => follow(name.dataset.arm));
    name.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); follow(name.dataset.arm); }
    });
  }

  // Filter the documents.
  const form = document.querySelector("form.filter");
  if (form) {
    const documents = [...document.querySelectorAll(".documents > .document")];
    const more = form.querySelector("button");
    let most = 12;
    const apply = () => {
      let found = 0;
      for (const item of documents) {
        const match = [...form.querySelectorAll("select")].every((s) => !s.value || item.getAttribute(`data-${s.name}-filter`) === s.value);
        found += match;
        item.hidden = !match || found > most;
      }
      more.hidden = found <= most;
      form.querySelector("output").textContent = `${Math.min(found, most)} of ${found} shown`;
    };
    form.addEventListener("input", apply);
    more.addEventListener("click", () => { most = Infinity; apply(); });
    form.hidden = false;
    apply();
  }

  // Where in the page we are.
  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.getAttribute("href").slice(1), a]));
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const a of links.values()) a.removeAttribute("aria-current");
      links.get(entry.target.id)?.setAttribute("aria-current", "true");
    }
  }, { rootMargin: "-20% 0px -70% 0px" });
  for (const part of document.querySelectorAll("main > header, main > section")) watch.observe(part);
})();
