"""What robots say. The only words that the server itself speaks to people; all others are in ``web/src/words``."""

from __future__ import annotations

from typing import Final

from kanhuo.catalogue.model import Kind

LANGUAGES: Final = ("zh", "en")

WORDS: Final[dict[str, tuple[str, str]]] = {
    "video": ("看货 · 顾客想视频看货", "kanhuo · a buyer wants to see it live"),
    "voice": ("看货 · 顾客想语音咨询", "kanhuo · a buyer wants to talk"),
    "missed": ("看货 · 未接来电", "kanhuo · missed call"),
    "tried": ("看货 · 来电会这样提醒您", "kanhuo · a call shows up like this"),
    "tried_text": ("接待时关掉工作台也没关系。", "While you are on duty you may close the console."),
    "answer": ("点这里接听", "Answer"),
    "look": ("打开工作台", "Open the console"),
    Kind.PRODUCT: ("来自商品页", "from the product page"),
    Kind.CART: ("来自购物车", "from the cart"),
    Kind.ORDER: ("来自订单", "from an order"),
    Kind.CASE: ("来自售后", "from an after-sale case"),
    Kind.CHAT: ("来自聊天", "from a chat"),
    Kind.LINK: ("来自链接", "from a link"),
}


def say(word: str, language: str) -> str:
    """Return a word in a language."""
    return WORDS[word][LANGUAGES.index(language)]
