"""Parts of the page as a user names them."""

from playwright.sync_api import Locator, Page, expect

PROMPT = "a red circle on a blue background"


def prompt_field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Prompt")


def card(page: Page, prompt: str = PROMPT) -> Locator:
    """The job with this prompt in the feed."""
    return page.get_by_role("article", name=prompt)


def pictures(card: Locator) -> Locator:
    return card.get_by_role("img", name="Picture")


def expect_status(card: Locator, status: str) -> None:
    """Wait until the job has this status. A real worker may take long to reach it on a busy machine."""
    expect(card).to_have_attribute("data-status", status, timeout=90_000)


def expect_loaded(pictures: Locator, width: int = 64) -> None:
    """Wait until all these pictures have been loaded and decoded."""
    for picture in pictures.all():
        expect(picture).to_have_js_property("naturalWidth", width)


def sign_in_dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Sign in")


def sign_in(page: Page, key: str, *, remember: bool = False) -> None:
    """Send the key; it may be refused."""
    field = sign_in_dialog(page).get_by_label("API key")
    field.fill(key)
    if remember:
        sign_in_dialog(page).get_by_label("Stay signed in on this device").check()
    field.press("Enter")


def expect_signed_in(page: Page) -> None:
    expect(sign_in_dialog(page)).not_to_be_attached()
    expect(prompt_field(page)).to_be_visible()
