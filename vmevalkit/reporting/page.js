"use strict";
(() => {
  const form = document.querySelector(".filters");
  const list = document.querySelector(".samples");
  const more = document.querySelector(".more");
  const unread = document.querySelector(".unread");
  const filters = ["model", "task", "mode", "verdict", "reason"].filter((name) => form.elements[name]);
  const verdicts = [...form.elements.verdict.options].map((option) => option.value);
  // Cards are shown in batches, because moving the focus is slow when thousands of videos are laid out.
  const batch = 30;
  // Samples are numbers: their places in the catalog. Cards are added when a sheet is loaded.
  const cards = [];
  const sheets = new Map();
  const texts = new Map();
  let catalog = null;
  let all = [];
  let visible = [];
  let limit = batch;
  let current = null;
  let turn = 0;

  const column = (name) => {
    const { values, codes } = catalog[name];
    return (sample) => values[codes[sample]];
  };

  // The text of a sample in lower case, made at the first search.
  const text = (sample) => {
    if (!texts.has(sample)) {
      const words = ["model", "task", "verdict", "reason", "said", "prompt"].map((name) => column(name)(sample));
      texts.set(sample, [catalog.id[sample], ...words].join(" ").toLowerCase());
    }
    return texts.get(sample);
  };

  // Samples without the value go last in both orders.
  const numbers = (name, unknown, sign) => (a, b) => sign * ((catalog[name][a] ?? unknown) - (catalog[name][b] ?? unknown));
  const sorts = {
    "": () => 0,
    model: (a, b) => (column("model")(a) < column("model")(b) ? -1 : column("model")(a) > column("model")(b) ? 1 : 0),
    verdict: (a, b) => verdicts.indexOf(column("verdict")(a)) - verdicts.indexOf(column("verdict")(b)),
    low: numbers("value", 2, 1),
    high: numbers("value", -1, -1),
    difficulty: numbers("difficulty", 9, 1),
  };

  const warn = (message) => {
    unread.textContent = message;
    unread.hidden = false;
  };

  // Load the sheet that has the card of a sample.
  const load = (sample) => {
    const number = Math.floor(sample / catalog.size);
    if (!sheets.has(number)) {
      const script = document.createElement("script");
      script.src = `samples/${number}.js`;
      sheets.set(number, new Promise((loaded, failed) => {
        script.onload = loaded;
        script.onerror = () => failed(new Error(`samples/${number}.js cannot be read, so some videos are not shown.`));
      }));
      document.head.append(script);
    }
    return sheets.get(number);
  };

  const add = (first, found) => {
    found.forEach((card, i) => {
      cards[first + i] = card;
      near.observe(card);
    });
  };

  // Show the first `limit` of the matching samples, and no others. Cards that stay are not moved, so that they play on.
  const show = async () => {
    const mine = ++turn;
    const wanted = visible.slice(0, limit);
    more.hidden = visible.length <= limit;
    try {
      await Promise.all(wanted.map(load));
      unread.hidden = true;
    } catch (error) {
      warn(error.message);
    }
    if (mine !== turn) return;
    const shown = wanted.map((sample) => cards[sample]).filter(Boolean);
    let same = 0;
    while (same < shown.length && list.children[same] === shown[same]) same += 1;
    for (const card of [...list.children].slice(same)) {
      card.querySelector("video")?.pause();
      card.remove();
    }
    list.append(...shown.slice(same));
  };

  const reveal = async (index) => {
    if (index >= limit) limit = (Math.floor(index / batch) + 1) * batch;
    await show();
  };

  const apply = () => {
    const selected = filters.map((name) => [column(name), form.elements[name].value]).filter(([, value]) => value);
    const words = form.elements.q.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = (sample) =>
      selected.every(([of, value]) => of(sample) === value) && words.every((word) => text(sample).includes(word));
    visible = all.filter(matches).sort(sorts[form.elements.sort.value]);
    limit = batch;
    const total = all.length.toLocaleString("en");
    const some = visible.length.toLocaleString("en");
    form.elements.shown.value = visible.length === all.length ? `${total} samples` : `${some} of ${total} samples`;
    document.querySelector(".nothing").hidden = visible.length > 0;
    return show();
  };

  // The URL holds the state of the page, so that it can be shared.
  const remember = () => {
    const state = new URLSearchParams();
    for (const name of [...filters, "q", "sort"]) {
      if (form.elements[name].value) state.set(name, form.elements[name].value);
    }
    if (visible.includes(current)) state.set("row", catalog.id[current]);
    history.replaceState(null, "", `#${state}`);
  };

  const recall = async () => {
    const hash = location.hash.slice(1);
    if (hash && !hash.includes("=")) return;
    const state = new URLSearchParams(hash);
    for (const name of [...filters, "q", "sort"]) form.elements[name].value = state.get(name) ?? "";
    for (const name of [...filters, "sort"]) {
      if (form.elements[name].selectedIndex < 0) form.elements[name].value = "";
    }
    await apply();
    const sample = catalog.id.indexOf(state.get("row"));
    if (visible.includes(sample)) await go(sample);
    else if (hash) form.scrollIntoView();
  };

  const mark = (sample) => {
    if (sample === current) return;
    cards[current]?.classList.remove("current");
    current = sample;
    cards[current].classList.add("current");
  };

  const go = async (sample) => {
    await reveal(visible.indexOf(sample));
    if (!cards[sample]?.isConnected) return;
    mark(sample);
    cards[sample].focus({ preventScroll: true });
    cards[sample].scrollIntoView({ block: "start" });
  };

  const step = async (by) => {
    if (!visible.length) return;
    let index = visible.indexOf(current);
    if (index < 0) {
      const below = [...list.children].findIndex((card) => card.getBoundingClientRect().bottom > 120);
      index = below < 0 ? Math.min(limit, visible.length) - 1 : by > 0 ? below - 1 : below + 1;
    }
    await go(visible[Math.min(visible.length - 1, Math.max(0, index + by))]);
    remember();
  };

  const seek = (card, seconds) => {
    const video = card?.querySelector("video");
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
      const video = cards[current]?.querySelector("video");
      if (video) video.paused ? video.play().catch(() => {}) : video.pause();
    },
    e: () => cards[current]?.querySelector("button.evidence")?.click(),
    ",": () => nudge(-1),
    ".": () => nudge(1),
    "/": () => form.elements.q.focus(),
  };

  const nudge = (frames) => {
    const card = cards[current];
    const video = card?.querySelector("video");
    if (video) seek(card, Math.max(0, video.currentTime + frames / Number(card.dataset.fps)));
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    if (event.target.closest("input, select, textarea")) return;
    if (event.key === " " && (current === null || event.target.closest("button, summary, video, a"))) return;
    event.preventDefault();
    keys[event.key]();
  });

  list.addEventListener("click", (event) => {
    const card = event.target.closest(".sample");
    if (!card) return;
    mark(cards.indexOf(card));
    const target = event.target.closest("[data-seconds]");
    if (target) seek(card, Number(target.dataset.seconds));
  });
  list.addEventListener("focusin", (event) => {
    const card = event.target.closest(".sample");
    if (card) mark(cards.indexOf(card));
  });
  // Only one video plays at a time.
  list.addEventListener("play", (event) => {
    for (const video of list.querySelectorAll("video")) if (video !== event.target) video.pause();
  }, true);

  form.addEventListener("submit", (event) => event.preventDefault());
  const changed = () => {
    if (!catalog) return;
    void apply();
    remember();
  };
  form.addEventListener("input", changed);
  // The fields are reset only after the event.
  form.addEventListener("reset", () => setTimeout(changed));
  document.querySelector("button.reset").addEventListener("click", () => form.reset());

  // The filter bar is sticky and grows in narrow windows. Cards scroll to a position below it.
  new ResizeObserver(() => {
    document.documentElement.style.setProperty("--bar", `${form.offsetHeight}px`);
  }).observe(form);

  // Load a poster when its card comes near the viewport, because browsers cannot load posters lazily.
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      const video = target.querySelector("video");
      if (video) video.poster = video.dataset.poster;
    }
  }, { rootMargin: "800px" });

  more.addEventListener("click", () => reveal(limit));
  new IntersectionObserver(([entry]) => {
    if (entry.isIntersecting) void reveal(limit);
  }, { rootMargin: "1500px" }).observe(more);

  window.addEventListener("load", () => {
    if (!catalog) warn("samples/catalog.js cannot be read, so the videos cannot be filtered.");
  });

  // What the files in samples/ call. The cards of the first sheet are in the page.
  window.vmevalkit = {
    catalog(found) {
      catalog = found;
      all = catalog.id.map((_, sample) => sample);
      sheets.set(0, Promise.resolve());
      add(0, [...list.children]);
      void recall();
      window.addEventListener("hashchange", recall);
    },
    sheet(number, found) {
      const template = document.createElement("template");
      template.innerHTML = found.join("");
      add(number * catalog.size, [...template.content.children]);
    },
  };
})();
