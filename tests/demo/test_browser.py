"""The page in a browser: letters are drawn in it, as with a mouse, and read."""

import base64
import re

import browsing
import pytest
import runs
import served
from demo_latency import drawing
from playwright.sync_api import expect

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        browsing.chromium() is None, reason="needs Chromium on the PATH (apt install chromium)"
    ),
]


# A machine that runs other tests beside this one may starve a browser for many seconds.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="module")
def hand(tmp_path_factory):
    """The folder of corrected letters."""
    return tmp_path_factory.mktemp("hand")


@pytest.fixture(scope="module")
def address(tmp_path_factory, hand):
    """A demo whose network reads clearly written letters."""
    folder = tmp_path_factory.mktemp("runs") / "learnt"
    runs.finish(
        folder,
        "--config.dataset.size=10400",
        "--config.model.widths=(16,32,64)",
        "--config.model.dropout=0.0",
        "--config.training.batch_size=128",
        "--config.training.epochs=2",
        "--config.checkpoint.every_steps=1000",
    )
    with served.served(folder, "--corrections", str(hand)) as found:
        yield found


@pytest.fixture(scope="module")
def browser(address):  # noqa: ARG001, the network is trained before a browser waits for it
    with browsing.opened() as found:
        yield found


@pytest.fixture
def page(request, browser, address):
    """The page, in a window that a test may choose the size of; nothing goes wrong in it."""
    width, height = getattr(request, "param", (1000, 780))
    with browser.new_context(viewport={"width": width, "height": height}) as context:
        found = context.new_page()
        wrong = []
        found.on("pageerror", lambda error: wrong.append(str(error)))
        found.on("console", lambda message: wrong.append(message.text))
        found.goto(address)
        yield found
        # The browser notes in its console when a picture was refused.
        assert [line for line in wrong if "status of 422" not in line] == []


def status(page):
    return page.locator("#status")


def reads(page, text):
    expect(status(page)).to_have_text(f"Reads {text}".replace("\n", ", "))
    expect(page.locator("#reading")).to_have_text(text)


@pytest.mark.parametrize("page", [(1000, 780), (360, 740)], ids=["desktop", "phone"], indirect=True)
def test_a_word_is_read_letter_by_letter(page):
    browsing.write(page, "LENS")
    reads(page, "LENS")
    cards = page.locator(".cards > li")
    expect(cards).to_have_count(4)
    expect(page.locator(".box")).to_have_count(4)
    for card, letter in zip(cards.all(), "LENS", strict=True):
        expect(card.locator(".best li")).to_have_count(5)
        expect(card.locator(".best li").first).to_have_text(re.compile(rf"^{letter}\d+%$"))
        assert card.get_by_role("img").evaluate("image => image.naturalWidth") == 28
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_lines_and_words_have_their_own_cards(page):
    browsing.write(page, "SON LC\nCO")
    reads(page, "SON LC\nCO")
    lines = page.locator(".line")
    expect(lines).to_have_count(2)
    words = [[3, 2], [2]]
    for line, counts in zip(lines.all(), words, strict=True):
        expect(line.locator(".word")).to_have_count(len(counts))
        for word, count in zip(line.locator(".word").all(), counts, strict=True):
            expect(word.locator(".cards > li")).to_have_count(count)


# Gives files to the page as a drop or from the clipboard.
GIVE = """([kind, files]) => {
  const data = new DataTransfer();
  for (const [name, base64] of files) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    data.items.add(new File([bytes], name, { type: "image/png" }));
  }
  const event = kind === "drop" ? new DragEvent(kind, { dataTransfer: data, bubbles: true })
                                : new ClipboardEvent(kind, { clipboardData: data, bubbles: true });
  document.dispatchEvent(event);
}"""


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_the_first_picture_that_is_dropped_or_pasted_is_read(page, kind):
    encoded = [base64.b64encode(drawing(word)).decode() for word in ("LC", "C")]
    page.evaluate(GIVE, [kind, [["a.png", encoded[0]], ["b.png", encoded[1]]]])
    reads(page, "LC")
    expect(page.locator("#note")).to_have_text(re.compile(r"first of 2 files, a\.png"))
    page.evaluate(GIVE, [kind, [["b.png", encoded[1]]]])
    reads(page, "C")
    expect(page.locator("#note")).to_have_text("")


# Whether the first letter's box lies round all ink, on a sharp canvas; in shares of the board.
FRAMED = """() => {
  const canvas = document.getElementById("canvas"), { width, height } = canvas;
  if (Math.abs(width - canvas.clientWidth * devicePixelRatio) > 1) return false;
  const copy = Object.assign(document.createElement("canvas"), { width, height });
  const paper = copy.getContext("2d", { willReadFrequently: true });
  paper.drawImage(canvas, 0, 0);
  const ink = paper.getImageData(0, 0, width, height).data;
  const found = [...Array(width * height).keys()].filter((i) => ink[4 * i + 3] > 128);
  const [columns, rows] = [found.map((i) => i % width), found.map((i) => Math.floor(i / width))];
  const extent = (list) => list.reduce(([low, high], v) => [Math.min(low, v), Math.max(high, v)], [1e9, -1]);
  const { left, top, width: w, height: h } = document.querySelector(".box").style;
  const box = [left, top, w, h].map((share) => parseFloat(share) / 100);
  const [x, y] = [extent(columns), extent(rows)];
  const near = (share, pixel, size) => Math.abs(share * size - pixel) < 0.02 * size;
  return near(box[0], x[0], width) && near(box[0] + box[2], x[1], width) &&
         near(box[1], y[0], height) && near(box[1] + box[3], y[1], height) && x[1] - x[0];
}"""


# The page's security policy forbids wait_for_function to evaluate its text a second time.
UNTIL = """(condition) => new Promise((resolve) => {
  const look = () => { const value = condition(); value ? resolve(value) : requestAnimationFrame(look); };
  look();
})"""


def until(page, condition):
    """Returns what a condition gives in the page as soon as that is true."""
    return page.evaluate(f"({UNTIL})({condition})")


@pytest.mark.parametrize("page", [(360, 740)], indirect=True)
def test_turning_the_device_there_and_back_changes_nothing(page):
    browsing.write(page, "L")
    reads(page, "L")
    before = until(page, FRAMED)
    for width, height in ((740, 360), (360, 740), (740, 360), (360, 740)):
        page.set_viewport_size({"width": width, "height": height})
        after = until(page, FRAMED)
    assert after == pytest.approx(before, abs=1)


def test_on_another_screen_strokes_are_under_the_pointer(page):
    screen = {"width": 1000, "height": 780, "deviceScaleFactor": 2, "mobile": False}
    page.context.new_cdp_session(page).send("Emulation.setDeviceMetricsOverride", screen)
    assert page.evaluate("devicePixelRatio") == 2
    browsing.write(page, "L")
    until(page, FRAMED)


def test_strokes_are_taken_back_one_by_one_or_all(page):
    undo, clear = (page.get_by_role("button", name=name) for name in ("Undo", "Clear"))
    expect(undo).to_be_disabled()
    browsing.write(page, "LE")
    reads(page, "LE")
    page.keyboard.press("Control+z")
    undo.click()
    reads(page, "L")
    page.keyboard.press("Escape")
    expect(page.locator(".cards > li")).to_have_count(0)
    expect(clear).to_be_disabled()
    browsing.write(page, "C")
    reads(page, "C")
    clear.click()
    expect(status(page)).to_have_text("Nothing is drawn.")


def test_a_finger_draws_too(page):
    box = page.locator("#canvas").bounding_box()
    touch = page.context.new_cdp_session(page)
    for kind, share in (("touchStart", 0.2), ("touchMove", 0.5), ("touchMove", 0.8)):
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * share
        point = {"touchPoints": [{"x": x, "y": y}]}
        touch.send("Input.dispatchTouchEvent", {"type": kind, **point})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.locator(".cards > li")).to_have_count(1)


def test_a_picture_is_read_and_drawing_replaces_it(page):
    picture = {"name": "word.png", "mimeType": "image/png", "buffer": drawing("LC")}
    page.get_by_label("Read a picture").set_input_files(picture)
    reads(page, "LC")
    expect(page.get_by_alt_text("The chosen picture")).to_be_visible()
    page.get_by_label("Read a picture").set_input_files({**picture, "buffer": b"no picture"})
    expect(status(page)).to_have_text(re.compile("expected a picture"))
    browsing.write(page, "C")
    reads(page, "C")
    expect(page.get_by_alt_text("The chosen picture")).to_be_hidden()


def kept(page, hand, count):
    """The names of the classes of the letters that are kept, when there are so many."""
    expect(page.locator("#kept")).to_have_text(re.compile(rf"\({count} ") if count else "")
    return sorted(path.parent.name for path in hand.rglob("*.png"))


def test_a_letter_is_corrected_by_a_click_and_a_key_or_by_a_guess(page, hand):
    browsing.write(page, "LEN")
    reads(page, "LEN")
    text, cards = page.locator("#reading"), page.locator(".cards > li")
    cards.nth(1).get_by_role("img").click()
    page.keyboard.press("f")
    expect(text).to_have_text("LFN")
    assert kept(page, hand, 1) == ["F"]
    guess = cards.nth(2).locator(".best button").nth(1)
    other = guess.locator("span").first.inner_text()
    guess.click()
    expect(text).to_have_text(f"LF{other}")
    assert kept(page, hand, 2) == sorted(["F", other])
    cards.nth(1).get_by_role("img").click()
    page.keyboard.press("7")
    page.keyboard.press("x")
    expect(text).to_have_text(f"LX{other}")
    cards.nth(2).get_by_role("button", name="Undo").click()
    assert kept(page, hand, 1) == ["X"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Control+z")
    expect(text).to_have_text("LEN")
    assert kept(page, hand, 0) == []
    expect(page.locator("#correct")).to_contain_text(f"--from {hand}")


def test_everything_is_reached_by_the_keyboard(page):
    browsing.write(page, "C")
    names = []
    reads(page, "C")
    for _ in range(4):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert names == ["undo", "clear", "file", "letter"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(status(page)).to_have_text("Nothing is drawn.")
