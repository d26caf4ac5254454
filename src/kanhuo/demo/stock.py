"""The sample marketplace: four merchants and what they sell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

Text: TypeAlias = tuple[str, str]
"""The same in Chinese and in English."""


@dataclass(frozen=True, slots=True)
class Shopkeeper:
    """A merchant of the sample marketplace, with the demo's sign-in."""

    id: str
    name: Text
    login: str
    owner: str
    robot: bool = False


@dataclass(frozen=True, slots=True)
class Good:
    """Something to buy."""

    id: str
    merchant: str
    title: Text
    price: str
    doubt: Text
    """What one would like to see before buying."""
    facts: tuple[tuple[Text, Text], ...] = ()


PASSWORD: Final = "kanhuo-demo-2026"  # noqa: S105 - printed by the demo for its visitor

SHOPKEEPERS: Final = (
    Shopkeeper("mer_fruit", ("青山果园", "Green Hill Orchard"), "fruit", "果园小机器人", robot=True),
    Shopkeeper("mer_clothes", ("阿慧的衣橱", "Ahui's Wardrobe"), "clothes", "阿慧"),
    Shopkeeper("mer_phones", ("明亮数码", "Bright Phones"), "phones", "小亮"),
    Shopkeeper("mer_second", ("旧时光", "Good Old Days"), "second", "老周"),
)

_SIZE: Final = ("尺码", "Size")
_STATE: Final = ("成色", "Condition")
_ORIGIN: Final = ("产地", "Origin")

GOODS: Final = (
    Good("apples", "mer_fruit", ("高山红富士 5 斤装", "Mountain Fuji apples, 2.5 kg"), "¥39.90",
         ("看看今天的果子大小和颜色", "See today's size and colour"), ((_ORIGIN, ("山西吉县", "Jixian, Shanxi")),)),
    Good("oranges", "mer_fruit", ("现摘脐橙 8 斤", "Navel oranges, 4 kg, picked today"), "¥45.00",
         ("看看皮薄不薄", "See how thin the peel is"), ((_ORIGIN, ("江西赣州", "Ganzhou, Jiangxi")),)),
    Good("tea", "mer_fruit", ("明前绿茶 100 克", "Spring green tea, 100 g"), "¥88.00",
         ("看看茶汤颜色", "See the colour in the cup")),
    Good("jacket", "mer_clothes", ("手工粗花呢外套", "Hand-woven tweed jacket"), "¥468.00",
         ("看看面料和真实颜色", "See the cloth and its true colour"), ((_SIZE, ("M", "M")),)),
    Good("dress", "mer_clothes", ("亚麻连衣裙", "Linen dress"), "¥219.00",
         ("看看透不透", "See whether it is opaque"), ((_SIZE, ("L", "L")),)),
    Good("shoes", "mer_clothes", ("软底健步鞋", "Soft walking shoes"), "¥159.00",
         ("看看鞋底厚度", "See how thick the sole is"), ((_SIZE, ("38", "38")),)),
    Good("phone", "mer_phones", ("长辈大字手机", "Phone with large type"), "¥899.00",
         ("看看字有多大、声音有多响", "See the type, hear the ring")),
    Good("earbuds", "mer_phones", ("降噪耳机", "Noise-cancelling earbuds"), "¥299.00",
         ("看看盒子里有什么", "See what is in the box")),
    Good("camera", "mer_second", ("老式胶片相机", "Film camera, 1978"), "¥620.00",
         ("看看镜头有没有霉点", "See whether the lens is clear"), ((_STATE, ("九成新", "Very good")),)),
    Good("teapot", "mer_second", ("旧紫砂壶", "Old clay teapot"), "¥350.00",
         ("看看壶底的印章", "See the seal on the bottom"), ((_STATE, ("有使用痕迹", "Used")),)),
)  # fmt: skip


def good(id: str) -> Good | None:
    """Return a good by its id."""
    return next((one for one in GOODS if one.id == id), None)


def keeper(id: str) -> Shopkeeper:
    """Return a shopkeeper by its id."""
    return next(one for one in SHOPKEEPERS if one.id == id)
