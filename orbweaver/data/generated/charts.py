"""Charts drawn with matplotlib, of many looks: which kind is it, how tall is the tallest bar?"""

from __future__ import annotations

import numpy as np

from orbweaver.data.images import png
from orbweaver.data.sampling import balanced_labels
from orbweaver.data.split import Split, splits

ABOUT = {"family": "charts", "licence": "MIT", "origin": "drawn with matplotlib"}
KINDS = ("bars", "lying bars", "line", "points", "histogram", "boxes", "pie", "area", "steps", "heat map")
STYLES = ("default", "ggplot", "bmh", "dark_background", "grayscale", "Solarize_Light2", "fivethirtyeight")
INCHES, DPI = 1.6, 80  # 128 pixels


def _bars(axes, random: np.random.Generator) -> None:
    axes.bar(range(n := int(random.integers(3, 9))), random.uniform(1, 10, n), width=random.uniform(0.5, 0.9))


def _lying(axes, random: np.random.Generator) -> None:
    axes.barh(range(n := int(random.integers(3, 9))), random.uniform(1, 10, n), height=random.uniform(0.5, 0.9))


def _walks(random: np.random.Generator, most: int = 3) -> list[np.ndarray]:
    points = int(random.integers(8, 40))
    return [np.cumsum(random.normal(0.2, 1, points)) for _ in range(int(random.integers(1, most + 1)))]


def _line(axes, random: np.random.Generator) -> None:
    for walk in _walks(random):
        axes.plot(walk, linewidth=random.uniform(1, 2.5))


def _points(axes, random: np.random.Generator) -> None:
    for _ in range(int(random.integers(1, 4))):
        x = random.normal(random.uniform(-2, 2), 1, 30)
        axes.scatter(x, random.uniform(-1, 1) * x + random.normal(0, 1, 30), s=random.uniform(5, 20))


def _histogram(axes, random: np.random.Generator) -> None:
    axes.hist(random.gamma(random.uniform(1, 9), 1, 200), bins=int(random.integers(8, 25)))


def _boxes(axes, random: np.random.Generator) -> None:
    axes.boxplot(
        [random.normal(random.uniform(-2, 2), random.uniform(0.5, 2), 40) for _ in range(random.integers(2, 7))]
    )


def _pie(axes, random: np.random.Generator) -> None:
    hole = {"width": random.uniform(0.3, 0.7)} if random.random() < 0.3 else None
    axes.pie(random.uniform(1, 5, random.integers(2, 8)), startangle=random.uniform(0, 360), wedgeprops=hole)


def _area(axes, random: np.random.Generator) -> None:
    walks = [np.abs(walk) + 0.5 for walk in _walks(random)]
    axes.stackplot(range(len(walks[0])), walks)


def _steps(axes, random: np.random.Generator) -> None:
    for walk in _walks(random, 2):
        axes.step(range(len(walk)), walk, linewidth=random.uniform(1, 2.5))


def _heat(axes, random: np.random.Generator) -> None:
    colours = ("viridis", "magma", "Blues", "coolwarm", "Greys")[random.integers(5)]
    axes.imshow(random.normal(size=random.integers(4, 12, 2)), cmap=colours, aspect="auto")


DRAW = dict(zip(KINDS, (_bars, _lying, _line, _points, _histogram, _boxes, _pie, _area, _steps, _heat), strict=True))


def _chart(draw, random: np.random.Generator) -> np.ndarray:
    """(128, 128, 3): what draw(axes, random) draws, in a style that chance chooses."""
    from matplotlib import rcParams, style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with style.context(STYLES[random.integers(len(STYLES))]):
        figure = Figure(figsize=(INCHES, INCHES), dpi=DPI)
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_axes((0.16, 0.14, 0.78, 0.78))
        axes.tick_params(labelsize=6, labelbottom=False)  # letters are slow to draw
        colours = rcParams["axes.prop_cycle"].by_key()["color"]
        axes.set_prop_cycle(color=[colours[i] for i in random.permutation(len(colours))])
        draw(axes, random)
        if random.random() < 0.5:
            axes.grid(random.random() < 0.5)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def charts_kind(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which of ten kinds of chart?"""
    parts = {}
    for part, (split, count) in enumerate((("train", train), ("test", test))):
        random, labels = np.random.default_rng([seed, part]), balanced_labels(count, len(KINDS))
        parts[split] = ([png(_chart(DRAW[KINDS[c]], random), image_size) for c in labels], labels)
    return splits("charts_kind", KINDS, parts, task="image_classification", **ABOUT)


def charts_tallest(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Regression: the tallest bar's value on an axis from 0 to 10. Four to eight bars."""
    parts = {}
    for part, (split, count) in enumerate((("train", train), ("test", test))):
        random = np.random.default_rng([seed, part])
        images, values = [], random.uniform(2, 10, count)
        for value in values:

            def bars(axes, random: np.random.Generator, value: float = value) -> None:
                heights = value * random.uniform(0.2, 0.95, random.integers(4, 9))
                heights[random.integers(len(heights))] = value
                axes.bar(range(len(heights)), heights, width=random.uniform(0.5, 0.9))
                axes.set_ylim(0, 10)

            images.append(png(_chart(bars, random), image_size))
        parts[split] = (images, values)
    return splits("charts_tallest", (), parts, task="regression", **ABOUT)
