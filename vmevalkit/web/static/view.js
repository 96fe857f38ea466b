"use strict";
// Players step by frames, play several videos in sync, and show decoded states. Ratings need only the keyboard.
(() => {
  // Seek to the middle of a frame, so that rounding does not lead to another one.
  const MIDDLE = 0.5;

  const players = (box) => [...box.querySelectorAll(".player")].map((player) => {
    const video = player.querySelector("video");
    return { player, video, frames: () => Number(player.dataset.frames) || 0, fps: () => Number(player.dataset.fps) || 0 };
  });

  // Videos that play together. The slider counts the frames of the first; the others follow by their share of time.
  const sync = (box) => {
    const all = players(box);
    const bar = box.querySelector(".controls");
    if (!all.length || !bar) return;
    const slider = bar.querySelector("input");
    const shown = bar.querySelector("output");
    const play = bar.querySelector("[data-do=play]");
    const lead = all[0].video;
    const count = () => Number(slider.max) + 1;
    let playing = false;

    const frame = () => Number(slider.value);
    const follow = () => {
      shown.value = `frame ${frame()}`;
      for (const mark of box.querySelectorAll(".timeline .current")) mark.classList.remove("current");
      box.querySelector(`.timeline [data-frame="${frame()}"]`)?.classList.add("current");
      for (const place of box.querySelectorAll(".screen .place")) place.hidden = frame() < Number(place.dataset.first) || frame() > Number(place.dataset.last);
      decoded();
    };
    const seek = (number) => {
      slider.value = Math.min(count() - 1, Math.max(0, number));
      for (const { video } of all) {
        const seconds = video.duration;
        if (Number.isFinite(seconds)) video.currentTime = ((frame() + MIDDLE) / count()) * seconds;
        else video.addEventListener("loadedmetadata", () => seek(frame()), { once: true });
      }
      follow();
    };
    const stop = () => {
      playing = false;
      play.textContent = "▶";
      for (const { video } of all) video.pause();
    };
    const start = () => {
      if (frame() >= count() - 1) seek(0);
      playing = true;
      play.textContent = "❚❚";
      // Playback rates depend on the longest video, so that all end together.
      const longest = Math.max(...all.map(({ video }) => video.duration || 0));
      const speed = Number(bar.querySelector("select").value);
      for (const { video } of all) {
        video.playbackRate = Math.min(16, Math.max(0.0625, speed * ((video.duration || longest) / longest)));
        video.play().catch(() => {});
      }
      requestAnimationFrame(watch);
    };
    const watch = () => {
      if (!playing) return;
      const now = Math.min(count() - 1, Math.floor((lead.currentTime / lead.duration) * count()));
      if (now !== frame()) { slider.value = now; follow(); }
      if (all.every(({ video }) => video.ended)) { stop(); seek(count() - 1); return; }
      requestAnimationFrame(watch);
    };

    // What the verifier reads, drawn over the canvas in the frame.
    const stage = box.querySelector("[data-box]");
    const choices = [...box.querySelectorAll("input[name=overlay]")];
    const opacity = box.querySelector("input[name=opacity]");
    const remark = box.querySelector("[data-remark-of]");
    let overlay = null;
    const decoded = () => {
      if (!stage || !choices.length) return;
      const chosen = choices.find((choice) => choice.checked).value;
      const mark = box.querySelector(`.timeline [data-frame="${frame()}"]`);
      remark.textContent = mark ? `${mark.dataset.remark} ${chosen ? mark.dataset.drawn : ""}`.trim() : "";
      opacity.disabled = !chosen || chosen === "difference";
      stage.classList.toggle("difference", chosen === "difference" && Boolean(mark?.dataset.state));
      if (!chosen || !mark?.dataset.state) { overlay?.remove(); overlay = null; return; }
      if (!overlay) {
        overlay = document.createElement("img");
        overlay.className = "overlay";
        overlay.alt = "what the verifier reads";
        const [left, top, width, height] = stage.dataset.box.split(" ").map(Number);
        Object.assign(overlay.style, { left: `${left}%`, top: `${top}%`, width: `${width}%`, height: `${height}%` });
        stage.querySelector(".screen").append(overlay);
      }
      overlay.style.opacity = opacity.disabled ? 1 : opacity.value / 100;
      const source = chosen === "outline" ? mark.dataset.outline : mark.dataset.state;
      if (overlay.getAttribute("src") !== source) overlay.src = source;
    };
    for (const choice of [...choices, ...(opacity ? [opacity] : [])]) choice.addEventListener("input", decoded);

    bar.addEventListener("click", (event) => {
      const action = event.target.dataset.do;
      if (action === "play") playing ? stop() : start();
      if (action === "back" || action === "forward") { stop(); seek(frame() + (action === "forward" ? 1 : -1)); }
    });
    bar.querySelector("select").addEventListener("change", () => { if (playing) start(); });
    slider.addEventListener("input", () => { stop(); seek(frame()); });
    box.addEventListener("click", (event) => {
      const at = event.target.closest("[data-frame]:not(.player)");
      if (at) { stop(); seek(Number(at.dataset.frame)); }
    });
    box.vmevalkit = {
      toggle: () => (playing ? stop() : start()),
      step: (by) => { stop(); seek(frame() + by); },
      why: () => box.querySelector("[data-do=why]")?.click(),
      decode: () => {
        const at = choices.findIndex((choice) => choice.checked);
        if (at < 0) return;
        choices[(at + 1) % choices.length].checked = true;
        decoded();
      },
      speed: () => {
        const select = bar.querySelector("select");
        select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
        select.dispatchEvent(new Event("change"));
      },
    };
    follow();
  };
  for (const box of document.querySelectorAll("[data-sync]")) sync(box);

  // The token identifies a rating, so that it counts once even if it is sent twice, or again after a restart.
  const form = document.querySelector("form[data-rating]");
  if (form) {
    const token = form.elements.token;
    token.value = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button[type=submit]");
      button.disabled = true;
      for (let wait = 500; ; wait = Math.min(8000, wait * 2)) {
        try {
          const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
          if (answer.ok) { location.assign(answer.url); return; }
          if (answer.status < 500) { button.disabled = false; show(await answer.text()); return; }
        } catch { /* The server does not respond; try again. */ }
        show("The viewer does not respond. Your rating will be sent again.");
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    });
    const show = (text) => {
      let note = form.querySelector(".problem");
      if (!note) { note = document.createElement("p"); note.className = "problem"; note.setAttribute("role", "status"); form.append(note); }
      note.textContent = text;
    };
  }

  const pick = (name, value) => {
    const found = form?.querySelector(`input[name="${name}"][value="${value}"]`);
    if (found) { found.checked = true; found.focus({ preventScroll: true }); }
    return Boolean(found);
  };
  const videos = () => document.querySelector("[data-sync]")?.vmevalkit;
  const cards = () => [...document.querySelectorAll(".card a")];
  const move = (by) => {
    const all = cards();
    const at = all.indexOf(document.activeElement);
    all[Math.min(all.length - 1, Math.max(0, at + by))]?.focus();
  };
  const help = () => {
    const list = document.querySelector("dialog[data-keys]");
    list.open ? list.close() : list.showModal();
  };
  document.querySelector("[data-do=help]")?.addEventListener("click", help);
  const keys = {
    " ": () => videos()?.toggle(),
    ",": () => videos()?.step(-1),
    ".": () => videos()?.step(1),
    e: () => videos()?.why(),
    d: () => videos()?.decode(),
    s: () => videos()?.speed(),
    j: () => move(1),
    k: () => move(-1),
    "/": () => document.querySelector("input[type=search]")?.focus(),
    a: () => { const box = document.querySelector("[data-answer]"); if (box) box.open = !box.open; },
    y: () => pick("passed", "true"),
    n: () => pick("passed", "false"),
    c: () => form?.elements.comment.focus(),
    u: () => document.querySelector("[data-do=undo]")?.click(),
    Enter: () => form?.requestSubmit(),
    ArrowLeft: () => document.querySelector("a[rel=prev]")?.click(),
    ArrowRight: () => document.querySelector("a[rel=next]")?.click(),
    "?": help,
  };
  const sides = ["left", "right", "both", "neither"];
  for (let star = 1; star <= 5; star += 1) keys[star] = () => pick("stars", star) || pick("better", sides[star - 1]);

  document.addEventListener("keydown", (event) => {
    const target = event.target;
    // A field keeps its keys; Escape leaves it.
    if (target.closest("textarea, input[type=search], input:not([type]), select")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    if (document.querySelector("dialog[open]") && event.key !== "?") return;
    if (event.key.startsWith("Arrow") && (target.closest("input, .scroll") || !document.querySelector("[data-walk]"))) return;
    if (event.key === "Enter" && (!form || target.closest("a, button, summary"))) return;
    if (event.key === " " && target.closest("a, button, summary, input[type=checkbox]")) return;
    if (form === null && ["a", "y", "n", "c", "u"].includes(event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });

  // A table is sorted by a click on the head of a column. A cell's `data-value` counts, or else its text.
  const value = (row, column) => {
    const cell = row.cells[column];
    const text = cell?.dataset.value ?? cell?.textContent.trim() ?? "";
    return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (head.querySelector(".hidden")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        // Numbers are most interesting from the top.
        const numbers = typeof value(body.rows[0], column) === "number";
        const before = head.getAttribute("aria-sort");
        const order = before === "none" ? (numbers ? "descending" : "ascending") : before === "ascending" ? "descending" : "ascending";
        for (const other of heads) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        body.append(...[...body.rows].sort((a, b) => sign * compare(value(a, column), value(b, column))));
      });
    });
  }

  // Filters apply immediately.
  for (const list of document.querySelectorAll("form.filters[method=get]")) {
    list.addEventListener("change", (event) => { if (event.target.tagName === "SELECT") list.requestSubmit(); });
    list.addEventListener("submit", () => {
      for (const field of list.elements) if (field.name && !field.value) field.disabled = true;
    });
  }
})();
