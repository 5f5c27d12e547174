"""Photographs of nowhere: landscapes, people, things on a table, all drawn, with the statistics of real ones."""

import base64
import colorsys
import io
from functools import lru_cache
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.float32]
Colour = tuple[float, float, float]


def photo(random: Random, width: int, height: int, css: str = "") -> str:
    """Return an image element with a photograph."""
    return f'<img style="{css}" width="{width}" height="{height}" src="{photo_url(random, width, height)}">'


def photo_url(random: Random, width: int, height: int) -> str:
    """Return a photograph as a data: URL."""
    return _taken(random.getrandbits(48), width, height)


@lru_cache(maxsize=256)
def _taken(seed: int, width: int, height: int) -> str:
    chance = Random(seed)
    scene = chance.choice((_landscape, _person, _things))(chance, np.random.default_rng(seed), width, height)
    target = io.BytesIO()
    Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8)).save(target, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(target.getvalue()).decode()


def _colour(chance: Random, light: tuple[float, float], grey: float = 0.45) -> Colour:
    red, green, blue = colorsys.hls_to_rgb(chance.random(), chance.uniform(*light), chance.uniform(0.05, grey))
    return red * 255, green * 255, blue * 255


def _clouds(noise: np.random.Generator, width: int, height: int, finest: int = 48) -> Pixels:
    """Return noise of all scales, about -1 to 1, float32, height x width x 1."""
    result = np.zeros((height, width), np.float32)
    for cells in (2, 4, 8, 16, 32, 64, 128):
        if cells <= finest:
            shape = (max(2, cells * height // max(width, height)), max(2, cells * width // max(width, height)))
            result += cv2.resize(noise.normal(0, cells**-0.6, shape).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return result[:, :, None]


def _wash(high: Colour, low: Colour, width: int, height: int) -> Pixels:
    slope = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    return np.asarray(high, np.float32) * (1 - slope) + np.asarray(low, np.float32) * slope + np.zeros((height, width, 1), np.float32)


def _landscape(chance: Random, noise: np.random.Generator, width: int, height: int) -> Pixels:
    """Return sky with clouds over hills, each nearer and darker than the last, maybe with houses."""
    scene = _wash(_colour(chance, (0.45, 0.8)), _colour(chance, (0.7, 0.92)), width, height) + 22 * _clouds(noise, width, height, 32)
    horizon = chance.uniform(0.35, 0.65)
    hills = chance.randint(2, 4)
    for n in range(hills):
        ridge = height * (horizon + n * (1 - horizon) / hills) + height * 0.12 * _clouds(noise, width, 4, 16)[0, :, 0]
        ground = _wash(_colour(chance, (0.5 - 0.1 * n, 0.6 - 0.1 * n)), _colour(chance, (0.15, 0.4)), width, height) + 26 * _clouds(noise, width, height, 128)
        below = np.arange(height)[:, None] > ridge[None, :]
        scene = np.where(below[:, :, None], ground, scene)
    for _ in range(chance.choice((0, 0, 3, 8))):
        left, wide, tall = chance.randrange(width), chance.randint(width // 30 + 2, width // 9 + 3), chance.randint(height // 8 + 1, height // 3 + 2)
        top = int(height * chance.uniform(horizon, 0.8)) - tall // 2
        cv2.rectangle(scene, (left, top), (left + wide, top + tall), _colour(chance, (0.25, 0.8)), -1)
        for x in range(left + wide // 6, left + wide - 3, max(4, wide // 4)):
            for y in range(top + tall // 8, top + tall - 4, max(5, tall // 5)):
                cv2.rectangle(scene, (x, y), (x + max(1, wide // 9), y + max(1, tall // 9)), _colour(chance, (0.1, 0.9)), -1)
    return scene.astype(np.float32)


def _person(chance: Random, noise: np.random.Generator, width: int, height: int) -> Pixels:
    """Return head and shoulders before something out of focus."""
    scene = _wash(_colour(chance, (0.3, 0.8)), _colour(chance, (0.2, 0.7)), width, height) + 30 * _clouds(noise, width, height, 8)
    size, x = min(width, height), int(width * chance.uniform(0.3, 0.7))
    y, tone = int(height * chance.uniform(0.38, 0.5)), chance.uniform(0.4, 1)
    skin = (240 * tone, (190 + chance.randint(-12, 12)) * tone, (160 + chance.randint(-20, 20)) * tone)
    hair, shirt = _colour(chance, (0.05, 0.5)), _colour(chance, (0.15, 0.85), 0.7)
    cv2.ellipse(scene, (x, height + size // 12), (int(size * chance.uniform(0.36, 0.5)), int(size * 0.42)), 0, 0, 360, shirt, -1, cv2.LINE_AA)
    cv2.ellipse(scene, (x, y - size // 22), (int(size * 0.2), int(size * chance.uniform(0.23, 0.32))), 0, 0, 360, hair, -1, cv2.LINE_AA)
    cv2.ellipse(scene, (x, y + size // 18), (int(size * chance.uniform(0.14, 0.18)), int(size * 0.21)), chance.uniform(-8, 8), 0, 360, skin, -1, cv2.LINE_AA)
    for side in (-1, 1):
        cv2.circle(scene, (x + side * size // 15, y + size // 30), max(1, size // 55), (30, 25, 25), -1, cv2.LINE_AA)
    cv2.ellipse(scene, (x, y + size // 7), (size // 18, max(1, size // 70)), 0, 0, 360, (150, 70, 70), -1, cv2.LINE_AA)
    return scene + 10 * _clouds(noise, width, height, 128)


def _things(chance: Random, noise: np.random.Generator, width: int, height: int) -> Pixels:
    """Return boxes and round things with shadows on a textured ground."""
    scene = _wash(_colour(chance, (0.4, 0.9)), _colour(chance, (0.3, 0.8)), width, height) + 24 * _clouds(noise, width, height, 128)
    for _ in range(chance.randint(2, 7)):
        x, y, radius = chance.randrange(width), chance.randrange(height), chance.randint(min(width, height) // 12 + 2, min(width, height) // 3 + 3)
        colour, turn = _colour(chance, (0.2, 0.8), 0.75), chance.uniform(0, 180)
        mask = np.zeros((height, width), np.float32)
        if chance.random() < 0.5:
            cv2.ellipse(mask, (x, y), (radius, int(radius * chance.uniform(0.4, 1))), turn, 0, 360, 1, -1, cv2.LINE_AA)
        else:
            box = cv2.boxPoints(((x, y), (radius * 2, radius * chance.uniform(0.8, 2)), turn))
            cv2.fillPoly(mask, [box.astype(np.int32)], 1, cv2.LINE_AA)
        shadow = cv2.GaussianBlur(np.roll(mask, (radius // 6, radius // 6), (0, 1)), (0, 0), max(1, radius / 8))[:, :, None]
        scene *= 1 - 0.55 * shadow
        lit = np.asarray(colour, np.float32) * (1.15 - 0.5 * cv2.GaussianBlur(np.roll(mask, -radius // 3, 0), (0, 0), max(1, radius / 3))[:, :, None])
        scene = scene * (1 - mask[:, :, None]) + (lit + 12 * _clouds(noise, width, height, 64)) * mask[:, :, None]
    return scene.astype(np.float32)
