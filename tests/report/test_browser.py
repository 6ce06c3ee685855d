"""The page as a browser shows it: no errors, everything drawn, nothing overlaps, everything legible, at 1200 and 400 px.

Needs Chromium and its driver; skipped where they are not installed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from run_directory import SHAPES, Pages

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)

# Everything that is folded away or filtered out is shown, so that it is measured too.
OPEN = "for (const d of document.querySelectorAll('details')) { d.open = true; d.hidden = false; }"

DRAWN = """
return [...document.querySelectorAll('svg[role=img]')].map(s => [s.getBoundingClientRect().width, s.getBBox().height]);
"""

OVERLAPS = """
const bad = [];
for (const svg of document.querySelectorAll('svg[role=img]')) {
  const frame = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll('text')].filter(t => t.textContent.trim());
  const boxes = texts.map(t => [t.textContent, t.getBoundingClientRect()]);
  boxes.forEach(([a, p], i) => {
    if (p.left < frame.left - 1 || p.right > frame.right + 1 || p.top < frame.top - 1 || p.bottom > frame.bottom + 1)
      bad.push([svg.getAttribute('aria-label'), a, 'outside the figure']);
    for (const [b, q] of boxes.slice(i + 1))
      if (Math.min(p.right, q.right) - Math.max(p.left, q.left) > 1
          && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 1.5)
        bad.push([svg.getAttribute('aria-label'), a, b]);
  });
}
return bad;
"""

# Contrast (WCAG 2.1, 1.4.3) of every text against what is painted beneath it, and the size of every text outside figures.
LEGIBLE = """
const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return [m[0], m[1], m[2], m[3] ?? 1]; };
const over = (t, b) => [0, 1, 2].map(i => t[i] * t[3] + b[i] * (1 - t[3]));
const light = c => { const f = c.slice(0, 3).map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
  return .2126 * f[0] + .7152 * f[1] + .0722 * f[2]; };
const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => p - q); return (y + .05) / (x + .05); };
const page = parse(getComputedStyle(document.documentElement).backgroundColor);
const ground = e => {
  const layers = [];
  for (let n = e; n; n = n.parentElement) layers.unshift(parse(getComputedStyle(n).backgroundColor));
  return layers.reduce((b, t) => over(t, b), page);
};
const bad = [], seen = new Set();
let least = 99;
const judge = (what, colour, back) => {
  const c = contrast(colour, back); least = Math.min(least, c);
  if (c < 4.5 && !seen.has(what)) { seen.add(what); bad.push([what, c.toFixed(2)]); }
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let n = walker.nextNode(); n; n = walker.nextNode()) {
  const e = n.parentElement;
  if (!n.data.trim() || e.closest('svg, script, style, option, .mark-tip') || !e.getClientRects().length) continue;
  const style = getComputedStyle(e);
  if (parseFloat(style.fontSize) < 14) bad.push([n.data.trim().slice(0, 40), style.fontSize]);
  judge(n.data.trim().slice(0, 40), over(parse(style.color), ground(e)), ground(e));
}
for (const t of document.querySelectorAll('svg[role=img] text')) {
  const box = t.getBoundingClientRect();
  const size = parseFloat(getComputedStyle(t).fontSize);
  if (size < 12) bad.push([t.textContent, size + 'px in a figure']);
  for (const x of [box.left + 2, (box.left + box.right) / 2, box.right - 2]) {
    const stack = document.elementsFromPoint(x, (box.top + box.bottom) / 2);
    const shapes = stack.slice(stack.indexOf(t) + 1).filter(s => s instanceof SVGGeometryElement || s instanceof SVGUseElement);
    let back = page;
    for (const s of shapes.reverse()) {
      const style = getComputedStyle(s);
      if (style.fill === 'none' || s.tagName === 'use') continue;
      const fill = parse(style.fill);
      back = over([...fill.slice(0, 3), fill[3] * style.fillOpacity * style.opacity], back);
    }
    if (stack.includes(t)) judge(t.textContent, parse(getComputedStyle(t).fill), back);
  }
}
return [bad, least];
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    driver.get("data:,")
    yield driver
    driver.quit()


def show(browser: Any, page: Path, width: int = 1200, mode: str = "light", opened: bool = True) -> None:
    """Load the page at a width and a colour scheme, with a window tall enough to hold all of it."""
    media = {"features": [{"name": "prefers-color-scheme", "value": mode}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    if browser.current_url != page.as_uri() or not opened:
        browser.get(page.as_uri())
    if opened:
        browser.execute_script(OPEN)
        tall = browser.execute_script("return document.documentElement.scrollHeight")
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics | {"height": tall})


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_is_drawn_legible_and_free_of_overlaps(browser: Any, pages: Pages, name: str) -> None:
    page = pages(name)
    browser.get_log("browser")
    for width in (1200, 400):
        show(browser, page, width)
        drawn = browser.execute_script(DRAWN)
        seen = [size for size in drawn if size[0]]  # the answer is drawn for wide and for narrow windows, and shown once
        assert len(drawn) == len(list((page.parent / "figures").glob("*.svg")))
        assert len(drawn) - len(seen) == (name != "nothing") and all(w > 300 and h > 20 for w, h in seen)
        assert browser.execute_script(OVERLAPS) == []
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    for mode in ("light", "dark"):
        show(browser, page, 1200, mode)
        bad, least = browser.execute_script(LEGIBLE)
        assert bad == [] and least >= 4.5
    assert browser.get_log("browser") == []
    assert browser.execute_script("return window.hacked ?? document.title") == "quickstart · tamis report"


def test_dark_is_dark_in_the_page_and_in_its_figures(browser: Any, pages: Pages) -> None:
    page = pages("one pair")
    look = (
        "return [getComputedStyle(document.documentElement).backgroundColor, "
        "getComputedStyle(document.querySelector('#answer svg text')).fill]"
    )
    show(browser, page, mode="light")
    light = browser.execute_script(look)
    show(browser, page, mode="dark")
    assert light == ["rgb(253, 252, 249)", "rgb(92, 95, 102)"]
    assert browser.execute_script(look) == ["rgb(22, 24, 28)", "rgb(165, 168, 173)"]


def test_a_figure_opens_alone_with_the_same_colours(browser: Any, pages: Pages) -> None:
    show(browser, pages("one pair").parent / "figures" / "answer.svg", opened=False)
    assert browser.execute_script("return getComputedStyle(document.querySelector('text')).fill") == "rgb(92, 95, 102)"
    assert browser.execute_script("return document.querySelectorAll('text').length") > 5


def test_documents_filter_by_arm_operator_and_reason(browser: Any, pages: Pages) -> None:
    show(browser, pages("typical"), opened=False)
    seen = "return [...document.querySelectorAll('.documents > .document')].filter(d => d.offsetHeight).length"
    total = browser.execute_script("return document.querySelectorAll('.documents > .document').length")
    assert browser.execute_script(seen) == 12 < total
    browser.execute_script("document.querySelector('form.filter button').click()")
    assert browser.execute_script(seen) == total
    choose = (
        "const s = document.querySelector('select[name=%s]'); s.value = '%d';s.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    browser.execute_script(choose % ("arm", 1))
    of_arm = browser.execute_script(seen)
    browser.execute_script(choose % ("reason", 1))
    assert 0 < browser.execute_script(seen) < of_arm < total


def test_hovering_a_mark_tells_its_number_and_following_an_arm_fades_the_others(browser: Any, pages: Pages) -> None:
    show(browser, pages("typical"), opened=False)
    told = browser.execute_script(
        "const m = document.querySelector('#answer svg .mark[data-arm] use, #answer svg .mark[data-arm] path');"
        "m.dispatchEvent(new PointerEvent('pointermove', {bubbles: true, clientX: 50, clientY: 50}));"
        "const t = document.querySelector('.mark-tip'); return [t.hidden, t.textContent]"
    )
    assert told[0] is False and "classifier − raw: −0." in told[1]
    faded = (
        "return [...document.querySelectorAll('svg [data-arm]')]"
        ".every(m => (m.style.opacity === '0.15') === (m.dataset.arm !== '1' && window.followed))"
    )
    browser.execute_script("document.querySelector('.arms .arm[data-arm=\"1\"]').click(); window.followed = true")
    assert browser.execute_script(faded)
    browser.execute_script("document.querySelector('.arms .arm[data-arm=\"1\"]').click(); window.followed = false")
    assert browser.execute_script(faded)


def test_without_scripts_everything_can_still_be_read(browser: Any, pages: Pages) -> None:
    page = pages("typical")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(page.as_uri())
        root = browser.execute_cdp_cmd("DOM.getDocument", {})["root"]["nodeId"]

        def count(selector: str) -> int:
            found: list[int] = browser.execute_cdp_cmd("DOM.querySelectorAll", {"nodeId": root, "selector": selector})["nodeIds"]
            return len(found)

        assert count(".documents > .document") == count(".documents > .document:not([hidden])") > 12
        assert count("form.filter[hidden]") == 1 and count("svg .mark > title") > 100
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
