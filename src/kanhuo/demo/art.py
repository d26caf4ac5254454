"""Product pictures, drawn by code as SVG."""

from __future__ import annotations

import math
from typing import Final

_GROUNDS: Final = {
    "apples": ("#fbe9d7", "#f3c9a5"),
    "oranges": ("#fff3d6", "#ffd88a"),
    "tea": ("#eef5e6", "#c9dfb4"),
    "jacket": ("#ece7e1", "#cfc2b4"),
    "dress": ("#e8f1f4", "#b9d3dc"),
    "shoes": ("#eef0f4", "#c8cfdd"),
    "phone": ("#e5edf7", "#b5cbe8"),
    "earbuds": ("#ecebf5", "#c5c1e4"),
    "camera": ("#efe9e2", "#d3c1ab"),
    "teapot": ("#f4e8e2", "#dcb9a6"),
}


def picture(good: str) -> str:
    """Return the picture of a good as SVG text, 480 × 480.

    Raises:
        KeyError: there is no such good.
    """
    light, deep = _GROUNDS[good]
    body: str = _DRAWINGS[good]()
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 480"><defs>'
        f'<radialGradient id="g" cx=".5" cy=".38" r=".75"><stop stop-color="{light}"/><stop offset="1" stop-color="{deep}"/>'
        '</radialGradient></defs><rect width="480" height="480" fill="url(#g)"/>'
        '<ellipse cx="240" cy="404" rx="170" ry="20" fill="#000" opacity=".1"/>' + body + "</svg>"
    )


def _apple(x: float, y: float, r: float, tone: str = "#c8352b") -> str:
    return (
        f'<g transform="translate({x} {y})"><path d="M0 {-r * 0.72}c{r * 0.5} {-r * 0.4} {r * 1.1} {-r * 0.1} {r} {r * 0.7}'
        f"c{-r * 0.08} {r * 0.7} {-r * 0.55} {r * 0.95} {-r} {r * 0.85}c{-r * 0.45} {r * 0.1} {-r * 0.92} {-r * 0.15} "
        f'{-r} {-r * 0.85}c{-r * 0.1} {-r * 0.8} {r * 0.5} {-r * 1.1} {r} {-r * 0.7}z" fill="{tone}"/>'
        f'<ellipse cx="{-r * 0.42}" cy="{-r * 0.2}" rx="{r * 0.16}" ry="{r * 0.3}" fill="#fff" opacity=".35" '
        'transform="rotate(20)"/>'
        f'<path d="M0 {-r * 0.7}q{r * 0.05} {-r * 0.35} {r * 0.25} {-r * 0.5}" stroke="#5a3a22" stroke-width="{r * 0.1}" '
        f'fill="none"/><path d="M{r * 0.1} {-r * 0.9}q{r * 0.5} {-r * 0.5} {r * 0.75} 0q{-r * 0.4} {r * 0.3} {-r * 0.75} 0z" '
        'fill="#4d8a3a"/></g>'
    )


def _crate(colour: str = "#b98a56") -> str:
    planks = "".join(
        f'<rect x="84" y="{y}" width="312" height="30" rx="4" fill="{colour}" stroke="#8a6238" stroke-width="2"/>'
        for y in (300, 336, 372)
    )
    posts = "".join(f'<rect x="{x}" y="286" width="22" height="124" rx="4" fill="#9c7244"/>' for x in (84, 374))
    return planks + posts


def _apples() -> str:
    back = "".join(_apple(130 + n * 74, 236 + (n % 2) * 8, 46, "#b92f27") for n in range(4))
    front = "".join(_apple(112 + n * 64, 276, 48, ("#d3423a", "#c8352b", "#da5a3f")[n % 3]) for n in range(5))
    return back + front + _crate()


def _orange(x: float, y: float, r: float) -> str:
    dots = "".join(
        f'<circle cx="{x + r * 0.62 * math.cos(a)}" cy="{y + r * 0.62 * math.sin(a)}" r="1.6" fill="#d97708" opacity=".6"/>'
        for a in (0.4, 1.3, 2.2, 3.1, 4.2, 5.3)
    )
    return (
        f'<circle cx="{x}" cy="{y}" r="{r}" fill="#f59a23"/><circle cx="{x - r * 0.3}" cy="{y - r * 0.34}" r="{r * 0.22}" '
        f'fill="#fff" opacity=".35"/>{dots}<path d="M{x - 5} {y - r + 6}l5-7 5 7z" fill="#4d8a3a"/>'
    )


def _oranges() -> str:
    half = (
        '<circle cx="330" cy="330" r="66" fill="#f59a23"/><circle cx="330" cy="330" r="57" fill="#fff1d2"/>'
        + "".join(
            f'<path d="M330 330L{330 + 50 * math.cos(a - 0.3)} {330 + 50 * math.sin(a - 0.3)}A50 50 0 0 1 '
            f'{330 + 50 * math.cos(a + 0.3)} {330 + 50 * math.sin(a + 0.3)}z" fill="#fbb03b"/>'
            for a in (n * math.pi / 4 for n in range(8))
        )
    )
    return _orange(170, 300, 84) + _orange(262, 230, 80) + _orange(208, 352, 60) + half


def _tea() -> str:
    leaves = "".join(
        f'<path d="M{240 + 70 * math.cos(n)} {282 + 16 * math.sin(n)}q14-22 30 0q-16 12-30 0z" fill="#5c8a3c"/>'
        for n in range(7)
    )
    return (
        '<path d="M120 262h240c0 82-44 130-120 130s-120-48-120-130z" fill="#fdfdfb"/>'
        '<ellipse cx="240" cy="262" rx="120" ry="34" fill="#e9e7df"/><ellipse cx="240" cy="266" rx="106" ry="27" fill="#c7cf6b"/>'
        + leaves
        + '<path d="M356 288c52-6 56 66-18 62" fill="none" stroke="#fdfdfb" stroke-width="16"/>'
        '<g stroke="#fff" stroke-width="8" fill="none" opacity=".7" stroke-linecap="round"><path d="M200 206q-16-24 0-48t0-48"/>'
        '<path d="M246 206q-16-24 0-48t0-48"/><path d="M290 206q-16-24 0-48t0-48"/></g>'
    )


def _jacket() -> str:
    weave = "".join(
        f'<path d="M{x} 120l-60 290" stroke="#fff" stroke-width="2" opacity=".12"/>'
        f'<path d="M{x} 120l60 290" stroke="#2a1d14" stroke-width="2" opacity=".16"/>'
        for x in range(120, 380, 16)
    )
    return (
        '<clipPath id="j"><path d="M186 104l-82 42-42 170 58 18 22-92v172h196V242l22 92 58-18-42-170-82-42-54 30z"/></clipPath>'
        '<path d="M186 104l-82 42-42 170 58 18 22-92v172h196V242l22 92 58-18-42-170-82-42-54 30z" fill="#7b5d47"/>'
        f'<g clip-path="url(#j)">{weave}</g>'
        '<path d="M186 104l54 30 54-30 14 40-68 92-68-92z" fill="#5d4433"/><path d="M214 118l26 16 26-16-26 70z" fill="#f3eee6"/>'
        '<path d="M240 236v178" stroke="#4a3527" stroke-width="4"/>'
        + "".join(f'<circle cx="252" cy="{y}" r="7" fill="#d9b98c"/>' for y in (262, 312, 362))
        + '<rect x="160" y="332" width="56" height="10" rx="3" fill="#5d4433"/><rect x="266" y="332" width="56" height="10" '
        'rx="3" fill="#5d4433"/>'
    )


def _dress() -> str:
    folds = "".join(f'<path d="M{240 + d * 0.35} 230L{240 + d} 410" stroke="#5f93a5" stroke-width="3" opacity=".45"/>'
                    for d in (-90, -45, 0, 45, 90))  # fmt: skip
    return (
        '<path d="M196 92l-20 20 26 96L116 412q124 26 248 0L278 208l26-96-20-20-18 34h-52z" fill="#8fbccb"/>'
        '<path d="M202 208h76l4 22h-84z" fill="#5f93a5"/>'
        + folds
        + '<path d="M214 126q26 34 52 0" fill="none" stroke="#fff" '
        'stroke-width="4" opacity=".7"/>'
    )


def _shoe(x: float, y: float, colour: str) -> str:
    return (
        f'<g transform="translate({x} {y})"><path d="M0 70q6-66 44-76q24 34 62 30q62 30 100 38q22 8 18 36H0z" fill="{colour}"/>'
        '<path d="M-4 98h232q4 26-18 28H10q-18-4-14-28z" fill="#f7f7f4"/><path d="M-2 112h228" stroke="#c9ccd4" '
        'stroke-width="3"/><g stroke="#fff" stroke-width="6" stroke-linecap="round"><path d="M84 20l22 22"/>'
        '<path d="M106 24l20 22"/><path d="M128 32l18 20"/></g></g>'
    )


def _shoes() -> str:
    return _shoe(150, 176, "#6f7c99") + _shoe(86, 268, "#4c5a7a")


def _phone() -> str:
    return (
        '<rect x="146" y="70" width="188" height="344" rx="30" fill="#1d2733"/><rect x="158" y="86" width="164" height="312" '
        'rx="18" fill="#fdfefe"/><text x="240" y="180" font-size="64" font-weight="700" text-anchor="middle" fill="#14201b" '
        'font-family="sans-serif">14:30</text>'
        + "".join(
            f'<rect x="{174 + (n % 2) * 70}" y="{220 + n // 2 * 82}" width="62" height="68" rx="16" fill="{c}"/>'
            for n, c in enumerate(("#0b7a5b", "#3b82c4", "#e0952f", "#b3261e"))
        )
        + '<path d="M322 96l-30 26 16 6-14 22" stroke="#c9d3dd" stroke-width="3" fill="none"/>'
    )


def _earbuds() -> str:
    bud = '<circle r="36" fill="#fdfdff"/><rect x="-10" y="20" width="24" height="76" rx="12" fill="#fdfdff"/><circle r="14" cx="-8" fill="#b9b6d8"/>'
    return (
        '<rect x="120" y="262" width="240" height="140" rx="62" fill="#fdfdff"/><path d="M122 320h236" stroke="#c9c6e2" '
        'stroke-width="4"/><circle cx="240" cy="352" r="6" fill="#0b7a5b"/>'
        f'<g transform="translate(176 150) rotate(-14)">{bud}</g><g transform="translate(304 150) scale(-1 1) rotate(-14)">{bud}</g>'
    )


def _camera() -> str:
    grip = "".join(
        f'<circle cx="{96 + (n % 5) * 9}" cy="{232 + n // 5 * 10}" r="2.4" fill="#4a4642"/>' for n in range(60)
    )
    return (
        '<rect x="76" y="164" width="328" height="216" rx="22" fill="#2d2a28"/><path d="M76 186q0-22 22-22h284q22 0 22 22v32H76z" '
        'fill="#d8d4cd"/><path d="M178 164l20-38h84l20 38z" fill="#c4bfb6"/><rect x="104" y="144" width="52" height="22" rx="6" '
        'fill="#b3ada3"/><rect x="330" y="146" width="40" height="20" rx="6" fill="#b3ada3"/>'
        + grip
        + '<circle cx="240" cy="280" r="88" fill="#171513"/><circle cx="240" cy="280" r="74" fill="none" stroke="#8d867c" '
        'stroke-width="6"/><circle cx="240" cy="280" r="54" fill="#23304a"/><circle cx="240" cy="280" r="34" fill="#16203a"/>'
        '<ellipse cx="222" cy="258" rx="18" ry="12" fill="#9db7e6" opacity=".7"/><circle cx="352" cy="202" r="9" fill="#b3261e"/>'
    )


def _teapot() -> str:
    return (
        '<path d="M126 292c0-78 52-118 114-118s114 40 114 118c0 70-48 112-114 112s-114-42-114-112z" fill="#8c4a34"/>'
        '<path d="M348 262c54 0 60 22 86-34l20 12c-24 78-54 92-98 92z" fill="#8c4a34"/><path d="M132 246c-92-40-108 110 8 104" '
        'fill="none" stroke="#7a3d2a" stroke-width="22"/><ellipse cx="240" cy="182" rx="72" ry="18" fill="#7a3d2a"/>'
        '<path d="M178 178q62-42 124 0z" fill="#96523b"/><circle cx="240" cy="142" r="17" fill="#7a3d2a"/>'
        '<ellipse cx="190" cy="250" rx="20" ry="52" fill="#fff" opacity=".12" transform="rotate(14 190 250)"/>'
        '<path d="M214 300h52v44h-52z" fill="none" stroke="#e7c4b2" stroke-width="3" opacity=".75"/>'
    )


_DRAWINGS: Final = {
    "apples": _apples,
    "oranges": _oranges,
    "tea": _tea,
    "jacket": _jacket,
    "dress": _dress,
    "shoes": _shoes,
    "phone": _phone,
    "earbuds": _earbuds,
    "camera": _camera,
    "teapot": _teapot,
}
