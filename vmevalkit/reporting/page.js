"use strict";
(() => {
  const form = document.querySelector(".filters");
  const list = document.querySelector(".samples");
  const more = document.querySelector(".more");
  const rows = [...list.children];
  const filters = ["model", "task", "mode", "verdict", "reason"].filter((name) => form.elements[name]);
  const verdicts = [...form.elements.verdict.options].map((option) => option.value);
  const place = new Map(rows.map((row, index) => [row, index]));
  const texts = new Map();
  // Rows are shown in batches, because moving the focus is slow when thousands of videos are laid out.
  const batch = 60;
  let limit = batch;
  let visible = rows;
  let current = null;
  let order = "";

  // The text of a row in lower case, read at the first search.
  const text = (row) => {
    if (!texts.has(row)) texts.set(row, row.textContent.toLowerCase());
    return texts.get(row);
  };

  // Rows without the value go last in both orders.
  const number = (row, name, unknown) => (row.dataset[name] === "" ? unknown : Number(row.dataset[name]));
  const sorts = {
    "": () => 0,
    model: (a, b) => (a.dataset.model < b.dataset.model ? -1 : a.dataset.model > b.dataset.model ? 1 : 0),
    verdict: (a, b) => verdicts.indexOf(a.dataset.verdict) - verdicts.indexOf(b.dataset.verdict),
    low: (a, b) => number(a, "value", 2) - number(b, "value", 2),
    high: (a, b) => number(b, "value", -1) - number(a, "value", -1),
    difficulty: (a, b) => number(a, "difficulty", 9) - number(b, "difficulty", 9),
  };

  // Show the first `limit` of the matching rows, and no others.
  const show = () => {
    const shown = new Set(visible.slice(0, limit));
    for (const row of rows) {
      const hidden = !shown.has(row);
      if (hidden && !row.hidden) row.querySelector("video")?.pause();
      row.hidden = hidden;
    }
    more.hidden = visible.length <= limit;
  };

  const reveal = (index) => {
    if (index < limit) return;
    limit = (Math.floor(index / batch) + 1) * batch;
    show();
  };

  const apply = () => {
    const selected = filters.map((name) => [name, form.elements[name].value]).filter(([, value]) => value);
    const words = form.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = (row) =>
      selected.every(([name, value]) => row.dataset[name] === value) && words.every((word) => text(row).includes(word));
    const sort = form.elements.sort.value;
    if (sort !== order) {
      const compare = sorts[sort];
      list.append(...[...rows].sort((a, b) => compare(a, b) || place.get(a) - place.get(b)));
      order = sort;
    }
    const matching = new Set(rows.filter(matches));
    visible = [...list.children].filter((row) => matching.has(row));
    limit = batch;
    show();
    const all = rows.length.toLocaleString("en");
    const some = visible.length.toLocaleString("en");
    form.elements.shown.value = visible.length === rows.length ? `${all} samples` : `${some} of ${all} samples`;
    document.querySelector(".nothing").hidden = visible.length > 0;
  };

  // The URL holds the state of the page, so that it can be shared.
  const remember = () => {
    const state = new URLSearchParams();
    for (const name of [...filters, "q", "sort"]) {
      if (form.elements[name].value) state.set(name, form.elements[name].value);
    }
    if (visible.includes(current)) state.set("row", current.id);
    history.replaceState(null, "", `#${state}`);
  };

  const recall = () => {
    const hash = location.hash.slice(1);
    if (hash && !hash.includes("=")) return;
    const state = new URLSearchParams(hash);
    const row = document.getElementById(state.get("row") ?? "");
    for (const name of [...filters, "q", "sort"]) form.elements[name].value = state.get(name) ?? "";
    for (const name of [...filters, "sort"]) {
      if (form.elements[name].selectedIndex < 0) form.elements[name].value = "";
    }
    apply();
    if (row && visible.includes(row)) go(row);
    else if (hash) form.scrollIntoView();
  };

  const mark = (row) => {
    if (row === current) return;
    current?.classList.remove("current");
    current = row;
    current.classList.add("current");
  };

  const go = (row) => {
    mark(row);
    reveal(visible.indexOf(row));
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "start" });
  };

  const step = (by) => {
    if (!visible.length) return;
    let index = visible.indexOf(current);
    if (index < 0) {
      const below = visible.slice(0, limit).findIndex((row) => row.getBoundingClientRect().bottom > 120);
      index = below < 0 ? Math.min(limit, visible.length) - 1 : by > 0 ? below - 1 : below + 1;
    }
    go(visible[Math.min(visible.length - 1, Math.max(0, index + by))]);
    remember();
  };

  const seek = (row, seconds) => {
    const video = row?.querySelector("video");
    if (!video) return;
    video.pause();
    if (video.readyState > 0) {
      video.currentTime = seconds;
      return;
    }
    video.addEventListener("loadedmetadata", () => { video.currentTime = seconds; }, { once: true });
    video.preload = "auto";
    video.load();
  };

  const keys = {
    j: () => step(1),
    k: () => step(-1),
    " ": () => {
      const video = current?.querySelector("video");
      if (video) video.paused ? video.play().catch(() => {}) : video.pause();
    },
    e: () => current?.querySelector("button.evidence")?.click(),
    ",": () => nudge(-1),
    ".": () => nudge(1),
    "/": () => form.elements.q.focus(),
  };

  const nudge = (frames) => {
    const video = current?.querySelector("video");
    if (video) seek(current, Math.max(0, video.currentTime + frames / Number(current.dataset.fps)));
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    if (event.target.closest("input, select, textarea")) return;
    if (event.key === " " && (!current || event.target.closest("button, summary, video, a"))) return;
    event.preventDefault();
    keys[event.key]();
  });

  list.addEventListener("click", (event) => {
    const row = event.target.closest(".sample");
    if (!row) return;
    mark(row);
    const target = event.target.closest("[data-seconds]");
    if (target) seek(row, Number(target.dataset.seconds));
  });
  list.addEventListener("focusin", (event) => {
    const row = event.target.closest(".sample");
    if (row) mark(row);
  });
  // Only one video plays at a time.
  list.addEventListener("play", (event) => {
    for (const video of list.querySelectorAll("video")) if (video !== event.target) video.pause();
  }, true);

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { apply(); remember(); });
  // The fields are reset only after the event.
  form.addEventListener("reset", () => setTimeout(() => { apply(); remember(); }));
  document.querySelector("button.reset").addEventListener("click", () => form.reset());
  window.addEventListener("hashchange", recall);

  // The filter bar is sticky and grows in narrow windows. Rows scroll to a position below it.
  new ResizeObserver(() => {
    document.documentElement.style.setProperty("--bar", `${form.offsetHeight}px`);
  }).observe(form);

  // Load a poster when its row comes near the viewport, because browsers cannot load posters lazily.
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      const video = target.querySelector("video");
      if (video) video.poster = video.dataset.poster;
    }
  }, { rootMargin: "800px" });
  for (const row of rows) near.observe(row);

  more.addEventListener("click", () => reveal(limit));
  new IntersectionObserver(([entry]) => {
    if (entry.isIntersecting) reveal(limit);
  }, { rootMargin: "1500px" }).observe(more);

  recall();
})();
