"""Many devices fold into one presence; a pure function of facts and ``now``."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kanhuo.kernel.clock import SECOND, Millis
from kanhuo.presence.model import Device, Presence, Standing

SILENCE: Final[Millis] = 45 * SECOND
"""A device unheard of for this long is gone."""

BLINK: Final[Millis] = 5 * SECOND
"""A device whose socket was lost may be reloading: it counts for this long."""


def alive(device: Device, now: Millis) -> bool:
    """Whether a device can be reached at ``now``."""
    if device.detached_at is not None and now - device.detached_at >= BLINK:
        return False
    return now - device.beat_at < SILENCE


def due(presence: Presence, now: Millis) -> Millis | None:
    """Return the next instant at which time alone changes something; ``None`` if nothing is left to change."""
    instants = [
        device.beat_at + SILENCE
        if device.detached_at is None
        else min(device.detached_at + BLINK, device.beat_at + SILENCE)
        for _, device in presence.devices
    ]
    if presence.rest_until > now:
        instants.append(presence.rest_until)
    return min(instants, default=None)


def fold(presence: Presence, now: Millis) -> Standing:
    """Return where an agent stands, from all her devices together."""
    if not any(device.duty and alive(device, now) for _, device in presence.devices):
        return Standing.OFF
    return Standing.WRAPPING if now < presence.rest_until else Standing.ON


def goes_off(presence: Presence, name: str, device: Device) -> bool:
    """Whether what a device says is that its agent has just gone off duty there."""
    before = dict(presence.devices).get(name)
    return before is not None and before.duty and not device.duty


def beat(presence: Presence, name: str, device: Device) -> Presence:
    """Return the presence after one device has spoken. Going off duty on one device means all of them."""
    after = {**dict(presence.devices), name: device}
    said = replace(presence, devices=tuple(after.items()))
    return off_duty(said) if goes_off(presence, name, device) else said


def off_duty(presence: Presence) -> Presence:
    """Return the presence after its agent has gone off duty, on every device."""
    return replace(presence, devices=tuple((name, replace(d, duty=False)) for name, d in presence.devices))


def without(presence: Presence, now: Millis) -> Presence:
    """Return the presence without the devices that are gone at ``now``."""
    return replace(presence, devices=tuple((name, d) for name, d in presence.devices if alive(d, now)))
