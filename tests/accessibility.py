"""Accessibility checks of a page in a browser: contrast, names, keyboard, narrow windows."""

from __future__ import annotations

from typing import Any

# Text whose contrast with its background is below WCAG 2.2, level AA (1.4.3): 4.5, or 3 for large text.
_FAINT = """() => {
  const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
    .getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const color = (text) => {
    if (!known.has(text)) {
      context.clearRect(0, 0, 1, 1);
      context.fillStyle = text;
      context.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
      known.set(text, { rgb: [r, g, b], alpha: a / 255 });
    }
    return known.get(text);
  };
  const over = (front, alpha, back) => front.map((value, i) => alpha * value + (1 - alpha) * back[i]);
  const behind = (element) => {
    if (!element) return [255, 255, 255];
    const { rgb, alpha } = color(getComputedStyle(element).backgroundColor);
    return alpha === 1 ? rgb : over(rgb, alpha, behind(element.parentElement));
  };
  const opacity = (element) =>
    element ? Number(getComputedStyle(element).opacity) * opacity(element.parentElement) : 1;
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v <= 10 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const faint = [];
  const check = (element, text, style) => {
    const back = behind(element);
    const { rgb, alpha } = color(element.closest("svg") ? style.fill : style.color);
    const found = contrast(over(rgb, alpha * opacity(element), back), back);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (found < (large ? 3 : 4.5)) faint.push(`${found.toFixed(2)} ${element.localName}.${element.className}: ${text}`);
  };
  for (const details of document.querySelectorAll("details")) details.open = true;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const text = texts.currentNode.data.trim();
    if (!text || element.closest("script, style, option")) continue;
    if (!element.checkVisibility({ visibilityProperty: true })) continue;
    check(element, text.slice(0, 40), getComputedStyle(element));
    seen += 1;
  }
  for (const field of document.querySelectorAll("input, select, textarea")) {
    if (!field.checkVisibility() || field.disabled) continue;
    check(field, "its value", getComputedStyle(field));
    if (field.placeholder) check(field, field.placeholder, getComputedStyle(field, "::placeholder"));
  }
  return { seen, faint };
}"""

# Elements that Tab must reach. Of radio buttons with the same name, one is enough: arrow keys reach the others.
_STOPS = """() => {
  const kinds = "a[href], button, input, select, textarea, summary, [tabindex='0'], video[controls]";
  const candidates = [...document.querySelectorAll(kinds)]
    .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled && e.type !== "hidden");
  const groups = new Set();
  window.pending = new Set(candidates.filter((e) => e.type !== "radio" || (!groups.has(e.name) && groups.add(e.name))));
  // Tab starts from the top, even if the page has moved the focus.
  document.body.tabIndex = -1;
  document.body.focus();
  document.body.removeAttribute("tabindex");
}"""

# The focused element, and whether the focus is visible. Removes the element from those still to be reached.
_FOCUS = """() => {
  const element = document.activeElement;
  if (element === document.body) return null;
  // The browser's own controls follow the first stop at a video.
  const inside = element.localName === "video" && !window.pending.has(element);
  for (const e of window.pending) {
    if (e === element || (e.type === "radio" && e.name === element.name)) window.pending.delete(e);
  }
  const style = getComputedStyle(element);
  const shows = inside || style.outlineStyle === "auto" ||
    (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2);
  return { shows, what: element.outerHTML.slice(0, 120) };
}"""

_NAMED = {
    "link", "button", "image", "Video", "textbox", "searchbox", "combobox", "slider", "spinbutton", "checkbox", "radio",
    "progressbar", "region", "DisclosureTriangle", "navigation", "columnheader", "rowheader", "heading", "option",
}  # fmt: skip
"""Roles, as the browser names them, of elements that need a name."""


def faint_text(page: Any) -> list[str]:
    """Return the texts with too little contrast, in the light and the dark color scheme."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        seen = page.evaluate(_FAINT)
        assert seen["seen"] > 5, "the page is almost empty"
        found += [f"{scheme}: {text}" for text in seen["faint"]]
    return found


def nameless(page: Any) -> list[str]:
    """Return the roles of elements without a name, as the browser computes names."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    return [
        node["role"]["value"]
        for node in tree
        if not node["ignored"] and node["role"]["value"] in _NAMED and not node.get("name", {}).get("value", "").strip()
    ]


def out_of_reach(page: Any) -> list[str]:
    """Return the elements that Tab does not reach, and those whose focus is not visible."""
    page.evaluate(_STOPS)
    hidden = []
    for _ in range(400):
        page.keyboard.press("Tab")
        focus = page.evaluate(_FOCUS)
        if focus is None:
            break
        if not focus["shows"]:
            hidden.append(f"focus does not show: {focus['what']}")
    missed = page.evaluate("[...window.pending].map((e) => e.outerHTML.slice(0, 120))")
    return hidden + [f"not reached: {what}" for what in missed]


def too_wide(page: Any) -> bool:
    """Whether the page scrolls sideways in a window of 320 pixels (1.4.10)."""
    size = page.viewport_size
    page.set_viewport_size({"width": 320, "height": 640})
    found = bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))
    page.set_viewport_size(size)
    return found
