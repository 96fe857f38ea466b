"use strict";
// In a static copy, filters, orders and neighbors come from the rows of samples.js, because there is no server.
(() => {
  const FACETS = ["model", "task", "mode", "verdict", "reason", "difficulty", "agreement"];
  const COLUMNS = { question: ["task", "question"], model: ["baseline", "model"], steps: ["plan_length"] };
  const query = new URLSearchParams(location.search);
  const rows = window.vmevalkitRows ?? [];

  const matches = (row, without) => FACETS.every((name) => name === without || !query.get(name) || String(row[name]) === query.get(name))
    && (!query.get("question") || row.question === query.get("question"))
    && (query.get("q") ?? "").toLowerCase().split(/\s+/).every((word) => row.text.includes(word));
  const sort = query.get("sort") || "question";
  const sign = sort.startsWith("-") ? -1 : 1;
  const columns = COLUMNS[sort.replace("-", "")] ?? [sort.replace("-", "")];
  const compare = (a, b) => {
    for (const name of columns) {
      const [first, second] = [a[name], b[name]];
      if (first === second) continue;
      if (first === null || second === null) return first === null ? 1 : -1;
      return first < second ? -sign : sign;
    }
    return 0;
  };
  // The rows are in the usual order, and a sort keeps it where the columns are equal.
  const chosen = rows.filter((row) => matches(row)).sort(compare);
  const suffix = location.search;

  const list = document.querySelector("ul.cards");
  if (list) {
    const cards = new Map(rows.map((row, place) => [row.key, list.children[place]]));
    for (const card of cards.values()) card.hidden = true;
    for (const row of chosen) {
      const card = cards.get(row.key);
      card.hidden = false;
      const link = card.querySelector("a");
      link.href = link.getAttribute("href").split("?")[0] + suffix;
      list.append(card);
    }
    const form = document.querySelector("form.filters");
    form.querySelector("output").value = `${chosen.length.toLocaleString("en")} videos`;
    for (const field of form.elements) {
      if (!field.name) continue;
      if (query.has(field.name)) field.value = query.get(field.name);
      if (!FACETS.includes(field.name)) continue;
      const counts = new Map();
      for (const row of rows) if (matches(row, field.name)) counts.set(String(row[field.name]), (counts.get(String(row[field.name])) ?? 0) + 1);
      for (const option of field.options) {
        if (!option.value) continue;
        const number = counts.get(option.value) ?? 0;
        option.textContent = `${option.value} (${number.toLocaleString("en")})`;
        option.hidden = !number && !option.selected;
      }
    }
  }

  const walk = document.querySelector("[data-walk]");
  if (walk) {
    const place = chosen.findIndex((row) => row.key === walk.dataset.key);
    const link = (row, name, text) => {
      const found = document.createElement("a");
      found.rel = name;
      // A page of a video lies four folders below the list.
      found.href = `../../../../sample/${row.key}.html${suffix}`;
      found.textContent = text;
      return found;
    };
    walk.replaceChildren();
    if (place > 0) walk.append(link(chosen[place - 1], "prev", "← previous"), " ");
    if (place >= 0) walk.append(`${place + 1} of ${chosen.length} `);
    if (place >= 0 && place < chosen.length - 1) walk.append(link(chosen[place + 1], "next", "next →"));
    const back = document.querySelector("nav.crumbs a");
    if (back) back.href = back.getAttribute("href").split("?")[0] + suffix;
  }
})();
