"""A person who has a keyboard and nothing else: goes by Tab, and presses what has the focus."""

from contextlib import nullcontext
from dataclasses import dataclass

from playwright.sync_api import Page, expect

# A page with more stops than this on the way to something is not usable by keyboard.
STOPS = 150
TYPED_TIMES = 5
# The name that is read out of what has the focus, as near as a page's own means give it; with its group for
# a choice, for «Да» alone says nothing.
_FOCUSED = """() => {
    const on = document.activeElement;
    if (!on || on === document.body) return null;
    const labels = on.labels ? [...on.labels].map((one) => one.innerText) : [];
    const by = (on.getAttribute('aria-labelledby') || '').split(' ').filter(Boolean)
        .map((id) => document.getElementById(id)?.innerText || '');
    const name = on.getAttribute('aria-label') || by.join(' ') || labels[0] || on.innerText || on.value || '';
    const style = getComputedStyle(on);
    return {name: name.replace(/\\s+/g, ' ').replace(/ ([:,])/g, '$1').trim(), tag: on.tagName, type: on.type || '',
        seen: style.outlineStyle !== 'none' || style.boxShadow !== 'none'};
}"""


@dataclass(slots=True)
class Keyboard:
    """Every act is by keys. What has the focus must show it (WCAG 2.4.7)."""

    page: Page

    def reach(self, name: str, *, nth: int = 0) -> None:
        """Tab until what has this name has the focus: the first such, or a later one. Whoever has gone through
        the page begins anew, once."""
        names: list[str] = []
        for _ in range(2 * STOPS):
            self.page.keyboard.press("Tab")
            on = self.page.evaluate(_FOCUSED)
            if on is None:
                continue
            names.append(on["name"])
            if on["name"] == name:
                assert on["seen"], f"the focus on «{name}» does not show"
                if nth == 0:
                    return
                nth -= 1
        message = f"no way to «{name}» by Tab, only to: {list(dict.fromkeys(names))}"
        raise AssertionError(message)

    def type(self, name: str, text: str) -> None:
        """Put the text into the field of this label, in place of what is there."""
        self.reach(name)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.press("Delete")
        self.page.keyboard.insert_text(text)

    def press(self, name: str, *, nth: int = 0, leaves: bool = True) -> None:
        """Push the button or follow the link of this name; without `leaves` the page stays."""
        self.reach(name, nth=nth)
        self.enter(leaves=leaves)

    def enter(self, *, leaves: bool = True) -> None:
        """The key: in a field it sends the form."""
        with self.page.expect_navigation() if leaves else nullcontext():
            self.page.keyboard.press("Enter")

    def tick(self, name: str, *, nth: int = 0) -> None:
        """Tick the box of this name."""
        self.reach(name, nth=nth)
        self.page.keyboard.press("Space")

    def choose(self, group: str, name: str) -> None:
        """In a group of choices Tab comes to one, arrows go to the others."""
        found = self.page.get_by_role("group", name=group).get_by_role("radio")
        expect(found.first).to_be_attached()
        for _ in range(2 * STOPS):
            self.page.keyboard.press("Tab")
            if found.evaluate_all("all => all.includes(document.activeElement)"):
                break
        else:
            message = f"no way to the choices of «{group}» by Tab"
            raise AssertionError(message)
        for _ in range(found.count()):
            if self.page.evaluate(_FOCUSED)["name"] == name:
                self.page.keyboard.press("Space")
                return
            self.page.keyboard.press("ArrowDown")
        message = f"«{name}» is not among the choices of «{group}»"
        raise AssertionError(message)

    def select(self, name: str, text: str) -> None:
        """In a list of options typing goes to the one that begins so. Playwright's own typing of Cyrillic goes
        past the keys, to the text field before."""
        self.reach(name)
        chosen = ""
        for _ in range(TYPED_TIMES):
            cdp = self.page.context.new_cdp_session(self.page)
            for letter in text:
                for kind in ("keyDown", "keyUp"):
                    event = {"type": kind, "key": letter, "text": letter if kind == "keyDown" else ""}
                    cdp.send("Input.dispatchKeyEvent", event)
            cdp.detach()
            chosen = self.page.evaluate("() => document.activeElement.selectedOptions[0].label")
            if chosen.startswith(text):
                return
            # After a second between two letters, as on a busy machine, the list takes the next for a new word.
            self.page.wait_for_timeout(1500)
        message = f"«{name}» is at «{chosen}»"
        raise AssertionError(message)
