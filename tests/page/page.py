# SPDX-License-Identifier: Apache-2.0
"""The chat page as its user sees it, and texts for it."""
import os
import pathlib
import time

import pytest

PICTURES = pathlib.Path(__file__).resolve().parents[2] / "docs/pictures"
THINKING = ("The user wants a function that computes n!.\nA **loop** from 2 to n is enough, and zero "
            "falls out of it by itself.")
ANSWER = """A **factorial** multiplies the whole numbers from 1 to *n*, so `factorial(5)` is 120.

```python
def factorial(n):
    result = 1
    for i in range(2, n + 1):
        result *= i
    return result
```

- `factorial(0)` is 1, the *empty product*
- negative numbers have none

| n | n! |
| --- | --- |
| 3 | 6 |
| 10 | 3,628,800 |
"""
QUESTION = "Write a Python function to compute the factorial of a number"


class Page:
    """What a user does and sees. server: what is open, with its url."""

    def __init__(self, driver, server):
        from selenium.webdriver.common.by import By
        from selenium.webdriver.common.keys import Keys
        self.driver, self.server, self.keys, self.by = driver, server, Keys, By.CSS_SELECTOR
        driver.set_window_size(1100, 800)
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        self.open()

    def open(self):
        self.driver.get(self.server.url)

    def all(self, selector):
        return self.driver.find_elements(self.by, selector)

    def one(self, selector):
        return self.driver.find_element(self.by, selector)

    def wait(self, condition, what):
        """A bound on a hang, not on speed."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        pytest.fail(f"waited in vain for {what}; the page says: {self.one('body').text}")

    def type(self, *keys):
        self.one("#text").send_keys(*keys)

    def press(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def shift_enter(self):
        from selenium.webdriver import ActionChains
        ActionChains(self.driver).key_down(self.keys.SHIFT).send_keys(self.keys.ENTER) \
            .key_up(self.keys.SHIFT).perform()

    def ask(self, text):
        """Types short texts and pastes long ones."""
        if len(text) < 400:
            self.type(text)
        else:
            self.js("const box = document.getElementById('text'); box.value = arguments[0];"
                    "box.dispatchEvent(new Event('input', { bubbles: true }))", text)
        self.type(self.keys.ENTER)

    def answered(self, count=1):
        """Waits for the count-th answer; its article."""
        done = ".assistant:not([aria-busy])"
        self.wait(lambda: len(self.all(done)) == count and not self.all(".assistant[aria-busy]"),
                  f"answer {count}")
        return self.all(done)[-1]

    def answer_to(self, text):
        before = len(self.all(".assistant"))
        self.ask(text)
        return self.answered(before + 1)

    def unfold(self, article):
        thinking = article.find_element(self.by, ".thinking")
        thinking.find_element(self.by, "summary").click()
        self.wait(lambda: thinking.find_element(self.by, ".md").text, "the thinking")

    def set(self, **values):
        self.one("#open-settings").click()
        for name, value in values.items():
            field = self.one(f"#settings [name={name}]")
            if field.tag_name == "select":
                self.driver.execute_script("arguments[0].value = arguments[1]", field, value)
            else:
                field.clear()
                field.send_keys(value)
        self.one("#settings .main").click()

    def js(self, code, *arguments):
        return self.driver.execute_script(code, *arguments)

    def narrow(self):
        """A telephone, held upright."""
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": 360, "height": 720, "deviceScaleFactor": 1.5, "mobile": True})

    def complaints(self):
        """What the console has, but for answers that are errors on purpose."""
        return [entry for entry in self.driver.get_log("browser")
                if "Failed to load resource" not in entry["message"]
                and "net::ERR" not in entry["message"]]

    def picture(self, name):
        if os.environ.get("OCTET_PICTURES"):
            PICTURES.mkdir(exist_ok=True)
            self.js("document.activeElement.blur()")
            time.sleep(0.3)
            self.driver.save_screenshot(str(PICTURES / f"{name}.png"))
