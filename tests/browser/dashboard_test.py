#!/usr/bin/env python3
"""Looks at the dashboard as a user would, in headless Chromium, against a running API with data.

    DASHBOARD_URL=http://localhost:8000 tests/browser/dashboard_test.py [--screenshot FILE]

Needs chromium and chromedriver, and nothing from npm or pip. Prints one line for each check and
`N passed, N failed` at the end; the exit code is 1 when a check failed or none could be made.
"""

import argparse
import json
import os
import re
import signal
import sys
import urllib.error
import urllib.request

sys.dont_write_bytecode = True  # a test leaves nothing behind

from webdriver import KEY, Browser, Late, Missing, Refused, eventually, number

URL = os.environ.get("DASHBOARD_URL", "http://localhost:8000").rstrip("/")
DATA_S = 60  # a demo that has just begun may still be reading its first events
SAMPLES = 12  # of the event rate, before a picture is taken
CLEAR = "#search-summary .link"
NARROW, WIDE, HIGH = 400, 1280, 900


class Failed(Exception):
    """The page is not as it should be."""


def must(condition, message):
    if not condition:
        raise Failed(message)


def total(page):
    return number(page.text("#search-total"))


def categories(page):
    script = "return [...document.querySelectorAll('#results .card')].map((card) => card.dataset.category)"
    return page.run(script)


def settled(page):
    """The search's panel shows the answer to what was asked last."""
    return page.run("return ['ready', 'empty'].includes(document.getElementById('search').dataset.state)")


def search_for(page, query):
    """Searches everywhere: filters that were chosen before would stay."""
    if page.visible(CLEAR):
        page.click(CLEAR)
        eventually(lambda: settled(page) and not page.visible(CLEAR), "no filters are left")
    page.clear("#search-input")
    page.type("#search-input", query + KEY["enter"])
    asked = "return (new URLSearchParams(location.search).get('q') ?? '') === arguments[0]"
    eventually(lambda: page.run(asked, query) and settled(page), f"the search for {query} is answered")


# Checks, in the order of a visit: each leaves the page usable for the next.

def the_page_has_its_title(page):
    must("shoplens" in page.title(), f"the title is {page.title()!r}")


def the_header_says_live_and_how_fresh_results_are(page):
    eventually(lambda: page.text("#connection") == "live", "the connection is live")
    eventually(lambda: re.search(r"Results to \d", page.text("#freshness")), "the header names a watermark", DATA_S)


def the_tiles_have_numbers(page):
    for tile in ("#tile-products", "#tile-events", "[data-type=view]", "[data-type=search]", "[data-type=purchase]"):
        eventually(lambda tile=tile: number(page.text(tile)) > 0, f"{tile} is more than 0", DATA_S)


def typing_hea_suggests_headphones(page):
    page.type("#search-input", "hea")
    headphones = lambda: any("headphone" in text.lower() for text in page.texts("#suggestions [role=option]"))
    eventually(headphones, "a suggestion with headphones")


def what_was_typed_is_marked_in_a_suggestion(page):
    marks = page.texts("#suggestions [role=option] mark")
    must(marks and all(mark.lower() == "hea" for mark in marks), f"marked are {marks}")


def the_suggestions_obey_the_keyboard(page):
    marked = "return document.querySelector('#suggestions [aria-selected=true]')?.id"
    page.type("#search-input", KEY["down"])
    eventually(lambda: page.run(marked) == "suggestion-0", "the arrow marks the first suggestion")
    page.type("#search-input", KEY["down"] + KEY["up"])
    eventually(lambda: page.run(marked) == "suggestion-0", "up goes back to the first suggestion")
    page.type("#search-input", KEY["escape"])
    eventually(lambda: not page.visible("#suggestions"), "escape closes the suggestions")
    must(page.run("return document.getElementById('search-input').value") == "hea", "escape changed what was typed")


def taking_a_suggestion_searches(page):
    page.type("#search-input", KEY["backspace"] + "a")
    eventually(lambda: page.texts("#suggestions [role=option]"), "suggestions come again")
    page.type("#search-input", KEY["down"] + KEY["enter"])
    eventually(lambda: page.run("return location.search") and settled(page) and total(page) > 0, "it finds something")


def headphons_finds_headphones(page):
    search_for(page, "headphons")
    found = eventually(lambda: categories(page), "results")
    wrong = [category for category in found[:5] if "headphone" not in category.split(".")[-1]]
    must(not wrong, f"among the first five are {wrong}")


def a_reload_shows_the_same_search(page):
    before = (total(page), categories(page))
    page.reload()
    eventually(lambda: categories(page), "results after the reload")
    must((total(page), categories(page)) == before, "the reload shows another result")
    must(page.run("return document.getElementById('search-input').value") == "headphons", "the box is empty")


def a_brand_narrows_the_results_and_back_undoes_it(page):
    before = total(page)
    rows = page.texts("#facet-brand label")
    must(rows, "there are no brands to choose from")
    expected = number(rows[-1].splitlines()[-1])
    must(0 < expected < before, f"brand {rows[-1]!r} would not narrow {before:.0f} products")
    page.click("#facet-brand li:last-of-type label")
    eventually(lambda: total(page) == expected, f"{expected:.0f} products are left of {before:.0f}")
    page.back()
    eventually(lambda: total(page) == before and settled(page), "back shows all brands again")


def an_attribute_brings_as_many_products_as_it_says(page):
    search_for(page, "laptop")
    before = total(page)
    page.click("#facet-attributes details:first-of-type summary")
    row = "#facet-attributes details:first-of-type li:first-of-type label"
    expected = number(page.text(row).splitlines()[-1])
    must(0 < expected < before, f"{page.text(row)!r} would not narrow {before:.0f} products")
    page.click(row)
    eventually(lambda: settled(page) and total(page) == expected, f"{expected:.0f} products are left of {before:.0f}")
    must("attr." in page.run("return location.search"), "the address does not name the attribute")
    values = page.texts("#facet-attributes details:first-of-type li")
    must(len(values) > 1, "the other values are gone")
    page.click(CLEAR)
    eventually(lambda: settled(page) and total(page) == before, "clearing brings all again")


def the_cheapest_come_first_when_asked(page):
    choose = """const menu = document.getElementById('search-sort');
                menu.value = arguments[0]; menu.dispatchEvent(new Event('change'))"""
    prices = lambda: [number(text) for text in page.texts("#results .card-foot b")]
    page.run(choose, "price")
    eventually(lambda: settled(page) and prices() == sorted(prices()) and prices(), "the lowest price is first")
    must("sort=price" in page.run("return location.search"), "the address does not name the order")
    page.run(choose, "")
    eventually(lambda: settled(page) and "sort" not in page.run("return location.search"), "the best match is first")


def stars_and_stock_narrow_the_results(page):
    before = total(page)
    expected = number(page.texts("#facet-rating li")[1].splitlines()[-1])
    page.click("#facet-rating li:nth-of-type(2) label")
    eventually(lambda: settled(page) and total(page) == expected, f"{expected:.0f} products have so many stars")
    page.click("#facet-rating li:last-of-type label")
    eventually(lambda: settled(page) and 0 < total(page) <= expected and page.visible(CLEAR), "what is sold out is left out")
    page.click(CLEAR)
    eventually(lambda: settled(page) and total(page) == before, "clearing brings all again")


def a_price_bar_brings_as_many_products_as_it_says(page):
    search_for(page, "")
    before, bar = total(page), "#facet-price .price-bars button:first-of-type"
    expected = number(page.run("return document.querySelector(arguments[0]).title.split(': ')[1]", bar))
    page.click(bar)
    eventually(lambda: settled(page) and page.visible(CLEAR), "the price narrows the search")
    must(total(page) == expected, f"the bar says {expected:.0f} and brings {total(page):.0f} products")
    must(page.run("return document.querySelector(arguments[0]).ariaPressed", bar) == "true", "the bar is not pressed")
    page.back()
    eventually(lambda: total(page) == before and settled(page), "back shows all prices again")


def the_category_tree_narrows_level_by_level(page):
    search_for(page, "")
    before, above = total(page), ""
    for place in (2, 3, 4):  # the first is "All categories", then come those above and the first one below
        row = f"#facet-category li:nth-child({place}) button"
        path = page.run("return document.querySelector(arguments[0])?.dataset.key.split(' ')[1] ?? ''", row)
        if not path.startswith(f"{above}." if above else "") or not path:
            break  # a leaf: what follows are its siblings
        page.click(row)
        inside = lambda path=path: settled(page) and categories(page) and all(
            one == path or one.startswith(path + ".") for one in categories(page))
        eventually(inside, f"all products are in {path}")
        must(total(page) <= before, f"{path} has more products than what is above it")
        before, above = total(page), path
    must(above, "there is no category to choose")


def nonsense_says_that_nothing_was_found(page):
    search_for(page, "xqzvkjwq")
    eventually(lambda: "Nothing found" in page.text("#search .note"), "it says so")
    search_for(page, "headphons")
    eventually(lambda: categories(page), "results again")


def trending_has_rows(page):
    page.click("#trending-window label:last-of-type")
    eventually(lambda: page.texts("#trending[data-state=ready] .trend"), "a trending product", DATA_S)
    must(number(page.text("#trending .rank")) == 1, "the first rank is not 1")


def categories_trend_by_what_is_counted(page):
    page.click("#trending-of label:last-of-type")
    page.click("#trending-by label:last-of-type")
    address = page.run("return location.search")
    must("of=categories" in address and "by=revenue" in address, f"the choices are not in the address: {address}")
    # Of a shop that goes on as ever nothing trends; then the panel says so.
    state = lambda: page.run("return document.getElementById('trending').dataset.state")
    eventually(lambda: state() in ("ready", "empty"), "an answer")
    must(all("order sessions" in text for text in page.texts("#trending .reason")), "the reasons are of other counts")
    page.click("#trending-of label:first-of-type")
    page.click("#trending-by label:first-of-type")


def the_funnel_has_a_picture_and_a_table(page):
    page.click("#funnels-window label:last-of-type")
    shown = lambda: [number(text) for text in page.texts("#funnels[data-state=ready] [data-stage]")]
    [stages] = eventually(lambda: [numbers for numbers in [shown()] if any(numbers)], "sessions came", DATA_S)
    must(len(stages) == 4 and stages == sorted(stages, reverse=True), f"a later stage exceeds an earlier one: {stages}")
    must(page.run("return document.querySelectorAll('#funnels .funnel-block').length") == 4, "no picture")
    must(any(number(text) > 0 for text in page.texts("#funnels tbody td")), "the table has no numbers")
    must(any(text.startswith("after ") for text in page.texts("#funnels .stages .muted")), "no step has a time")


def a_category_opens_its_own_funnel(page):
    name = page.text("#funnels tbody button")
    page.click("#funnels tbody button")
    here = lambda: page.text("#funnels[data-state=ready] #funnels-path [aria-current]")
    eventually(lambda: here() == name, f"the funnel of {name}")
    page.click("#funnels-path button")
    eventually(lambda: here() == "All categories", "the way back")


def searches_have_figures_and_queries_in_the_chosen_order(page):
    page.click("#searches-window label:last-of-type")
    eventually(lambda: page.texts("#searches[data-state=ready] tbody tr"), "a query", DATA_S)
    must(number(page.text("#searches .search-tiles b")) > 0, "there are no searches")
    page.click("#searches-order label:nth-of-type(3)")
    failing = "return new URLSearchParams(location.search).get('order') === 'failing'"
    eventually(lambda: page.run(failing) and page.texts("#searches[data-state=ready] figcaption"), "what fails")


def fraud_signals_or_their_absence_are_shown(page):
    shown = lambda: page.texts("#fraud .signal .badge") or "No fraud signals" in page.text("#fraud .note")
    eventually(shown, "signals, or a sentence that there are none")


def a_decision_asks_for_the_admin_token_first(page):
    if not page.texts("#fraud .decide button"):
        return  # a shop without signals has nothing to decide
    page.click("#fraud .decide button")
    eventually(lambda: page.visible("#fraud-token input"), "the field of the admin token")


def nothing_scrolls_sideways_on_a_telephone(page):
    page.resize(NARROW, HIGH)
    width = page.run("return document.documentElement.scrollWidth")
    page.resize(WIDE, HIGH)
    must(width <= NARROW, f"the page is {width} px wide in a window of {NARROW} px")


def the_console_has_no_errors(page):
    errors = page.errors()
    must(not errors, "; ".join(errors[:3]))


def nothing_is_fetched_from_elsewhere(page):
    origin = page.run("return location.origin")
    fetched = page.requests()  # those of the whole visit, blocked ones too
    must(any(url.startswith(f"{origin}/stats") for url in fetched), "the browser does not report its requests")
    elsewhere = {url for url in fetched if not url.startswith((origin + "/", "data:", "blob:"))}
    must(not elsewhere, f"fetched {sorted(elsewhere)[:3]}")


def a_lost_connection_is_told_and_comes_back_by_itself(page):
    page.offline(True)
    try:
        eventually(lambda: page.visible("#banner") and page.text("#connection") == "API down", "the page says so")
    finally:
        page.offline(False)
    eventually(lambda: page.text("#connection") == "live" and not page.visible("#banner"), "it is live again")


def an_api_that_does_not_answer_a_new_page_is_named(page):
    page.block([f"{URL}/stats*"])
    try:
        page.reload()
        eventually(lambda: page.visible("#banner"), "the page says so")
        origin = page.run("return location.origin")
        must(f"The API at {origin} does not answer" in page.text("#banner-text"), page.text("#banner-text"))
        must(page.text("#connection") == "API down", f"the header says {page.text('#connection')!r}")
    finally:
        page.block([])
    eventually(lambda: page.text("#connection") == "live" and not page.visible("#banner"), "it is live again")


VISIT = [
    the_page_has_its_title, the_header_says_live_and_how_fresh_results_are, the_tiles_have_numbers,
    typing_hea_suggests_headphones, what_was_typed_is_marked_in_a_suggestion, the_suggestions_obey_the_keyboard,
    taking_a_suggestion_searches, headphons_finds_headphones, a_reload_shows_the_same_search,
    a_brand_narrows_the_results_and_back_undoes_it, an_attribute_brings_as_many_products_as_it_says,
    the_cheapest_come_first_when_asked, stars_and_stock_narrow_the_results,
    a_price_bar_brings_as_many_products_as_it_says, the_category_tree_narrows_level_by_level,
    nonsense_says_that_nothing_was_found, trending_has_rows, categories_trend_by_what_is_counted,
    the_funnel_has_a_picture_and_a_table,
    a_category_opens_its_own_funnel, searches_have_figures_and_queries_in_the_chosen_order,
    fraud_signals_or_their_absence_are_shown, a_decision_asks_for_the_admin_token_first,
    nothing_scrolls_sideways_on_a_telephone, the_console_has_no_errors, nothing_is_fetched_from_elsewhere,
]
OUTAGE = [a_lost_connection_is_told_and_comes_back_by_itself, an_api_that_does_not_answer_a_new_page_is_named]


def check(page, checks):
    """Makes each check, prints how it went, and returns how many failed."""
    failed = 0
    for one in checks:
        problem = ""
        try:
            one(page)
        except (Failed, Late, Refused) as error:
            problem = str(error)
            failed += 1
        name = one.__name__.replace("_", " ")
        print(f"FAIL {name}: {problem}" if problem else f"ok   {name}", flush=True)
    return failed


def take_picture(page, path):
    """The whole page, 1280 px wide, with some seconds of the event rate in its sparkline."""
    samples = "return (document.querySelector('.spark-line')?.getAttribute('d').split('L').length ?? 0)"
    eventually(lambda: page.run(samples) >= SAMPLES, "enough of the event rate", DATA_S)
    page.resize(WIDE, page.run("return document.documentElement.scrollHeight"))
    page.run("document.activeElement.blur(); scrollTo(0, 0)")
    page.screenshot(path)
    page.resize(WIDE, HIGH)
    print(f"     picture saved as {path}", flush=True)


def api_answers():
    try:
        with urllib.request.urlopen(f"{URL}/stats", timeout=15) as answer:
            return "products" in json.load(answer)
    except (urllib.error.URLError, OSError, ValueError) as error:
        print(f"error: {URL}/stats: {error}", file=sys.stderr)
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    picture = "save a picture of the page, 1280 px wide, as .png, .webp or .jpg"
    parser.add_argument("--screenshot", metavar="FILE", help=picture)
    options = parser.parse_args()

    def a_picture_can_be_taken(page):
        take_picture(page, options.screenshot)

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the browser is ended too
    if not api_answers():
        print(f"error: no shoplens API at {URL}; start it with scripts/demo or set DASHBOARD_URL", file=sys.stderr)
        return 1
    try:
        with Browser() as page:
            page.resize(WIDE, HIGH)
            page.open(f"{URL}/")
            failed = check(page, VISIT)
            if options.screenshot:
                failed += check(page, [a_picture_can_be_taken])
            failed += check(page, OUTAGE)
    except (Missing, Refused, Late) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    made = len(VISIT) + len(OUTAGE) + bool(options.screenshot)
    print(f"{made - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
