"""A page as its elements."""

from html.parser import HTMLParser

VOID = {"meta", "br", "link", "img"}


class Page(HTMLParser):
    """The elements of a page with their attributes and texts; faults of nesting fail."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        for element in self.open:
            element[2].append(data)

    def texts(self, tag, **attributes):
        return [
            " ".join("".join(parts).split())
            for name, given, parts in self.elements
            if name == tag and all(given.get(key) == value for key, value in attributes.items())
        ]

    def all(self, tag):
        return [attributes for name, attributes, _ in self.elements if name == tag]


def asks_nothing(page):
    """Whether nothing in a page can ask a network for anything; what can fails with its name."""
    for tag, attributes, _ in page.elements:
        assert tag not in ("link", "img", "iframe", "object")
        assert not {"src", "href", "action", "srcset"} & attributes.keys()
    policy = next(each["content"] for each in page.all("meta") if "http-equiv" in each)
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    styles = " ".join("".join(parts) for tag, _, parts in page.elements if tag == "style")
    assert "url(" not in styles
    assert "@import" not in styles
    return True
