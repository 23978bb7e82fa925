"""Colors that somebody says a place of a photograph should get: points and strokes.

A hint gives a and b of CIELAB; the light stays the photograph's own, as always. Places are pixels
of the upright picture, from its top left corner.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from tintype.color import Floats, srgb_to_lab
from tintype.errors import HintError

SMALL_RADIUS = 0.01  # of the shorter side: about what one click means
MOST_PLACES = 5000  # of all points and strokes together

_COLOR = re.compile(r"#?[0-9a-fA-F]{6}", re.ASCII)


def _normalized(color: str) -> str:
    if not _COLOR.fullmatch(color):
        raise ValueError(f"'{color}' is not a color such as #203050")
    return f"#{color.lstrip('#').lower()}"


Color = Annotated[str, AfterValidator(_normalized)]
Radius = Annotated[FiniteFloat, Field(gt=0)]


class Point(BaseModel):
    """A disk of one color around a place; `color` is sRGB, #rrggbb.

    `radius` is in pixels of the picture; None is a hundredth of its shorter side.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    x: FiniteFloat
    y: FiniteFloat
    color: Color
    radius: Radius | None = None


class Stroke(BaseModel):
    """A line of one color through places (x, y), `radius` to either side, as `Point` has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    points: Annotated[tuple[tuple[FiniteFloat, FiniteFloat], ...], Field(min_length=1)]
    color: Color
    radius: Radius | None = None


class Hints(BaseModel):
    """All hints for one photograph; false where there are none.

    Where they overlap, points lie over strokes and later ones over earlier.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    points: tuple[Point, ...] = ()
    strokes: tuple[Stroke, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.points or self.strokes)

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str) -> Self:
        """Read hints; `where` stands for the text in messages. Raises HintError."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise HintError(f"{where}: {_first(error)}.") from None

    @staticmethod
    def parse_point(text: str) -> Point:
        """A point from X,Y=RRGGBB; a # before the color may be there. Raises HintError."""
        place, equals, color = text.partition("=")
        x, comma, y = place.partition(",")
        if not (equals and comma):
            raise HintError(f"'{text}' is not a hint such as 120,80=203050.")
        try:
            return Point.model_validate({"x": x, "y": y, "color": color})
        except ValidationError as error:
            raise HintError(f"'{text}': {_first(error)}.") from None

    def planes(
        self, picture_px: tuple[int, int], plane_px: tuple[int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The hints as a network takes them: of a picture on a plane, each (width, height).

        Returns a and b in Lab units (2, h, w), 0 where nothing is said, and a mask (1, h, w) of 0
        and 1. A hint marks at least one pixel. Raises HintError for a place outside the picture.
        """
        self.check(picture_px)
        pixel = [side / count for side, count in zip(picture_px, plane_px, strict=True)]
        xs, ys = ((np.arange(n) + 0.5) * px for n, px in zip(plane_px, pixel, strict=True))
        smallest = 0.51 * math.hypot(*pixel)  # the middle of some pixel is always as near
        small = SMALL_RADIUS * min(picture_px)
        ab = np.zeros((2, ys.size, xs.size), np.float32)
        mask = np.zeros((1, ys.size, xs.size), np.float32)
        for stroke in self._drawn():
            # beyond the diagonal all is covered anyway
            radius = min(max(stroke.radius or small, smallest), math.hypot(*picture_px))
            covered = _covered(stroke.points, radius, xs, ys)
            srgb = np.array(list(bytes.fromhex(stroke.color[1:]))) / 255
            ab[:, covered] = srgb_to_lab(srgb)[1:, None]
            mask[:, covered] = 1
        return ab, mask

    def check(self, picture_px: tuple[int, int]) -> None:
        """Raise HintError for a place outside a picture of (width, height), or too many."""
        places = [place for stroke in self._drawn() for place in stroke.points]
        if len(places) > MOST_PLACES:
            raise HintError(f"{len(places)} places are hinted at; at most {MOST_PLACES} may be.")
        width, height = picture_px
        for x, y in places:
            if not (0 <= x < width and 0 <= y < height):
                raise HintError(
                    f"the hint at {x:g},{y:g} is outside the picture of {width}x{height} px.",
                    hint=f"x is from 0 to {width - 1}, y from 0 to {height - 1}.",
                )

    def scaled(self, across: float, down: float) -> Self:
        """The same hints for the picture made larger or smaller, by these factors."""
        mean = math.sqrt(across * down)

        def radius(of: Point | Stroke) -> float | None:
            return of.radius and of.radius * mean

        points = tuple(
            point.model_copy(
                update={"x": point.x * across, "y": point.y * down, "radius": radius(point)}
            )
            for point in self.points
        )
        strokes = tuple(
            stroke.model_copy(
                update={
                    "points": tuple((x * across, y * down) for x, y in stroke.points),
                    "radius": radius(stroke),
                }
            )
            for stroke in self.strokes
        )
        return type(self)(points=points, strokes=strokes)

    def _drawn(self) -> list[Stroke]:
        """Strokes and points in the order of drawing; a point is a stroke of one place."""
        dots = [
            Stroke(points=((point.x, point.y),), color=point.color, radius=point.radius)
            for point in self.points
        ]
        return [*self.strokes, *dots]


def _covered(
    places: Sequence[tuple[float, float]], radius: float, xs: Floats, ys: Floats
) -> NDArray[np.bool_]:
    """Where a grid is at most `radius` from a line through `places`, or from the only one."""
    covered = np.zeros((ys.size, xs.size), bool)
    for (x0, y0), (x1, y1) in pairwise(places) if len(places) > 1 else [(places[0], places[0])]:
        columns = slice(*np.searchsorted(xs, (min(x0, x1) - radius, max(x0, x1) + radius)))
        rows = slice(*np.searchsorted(ys, (min(y0, y1) - radius, max(y0, y1) + radius)))
        if covered[rows, columns].all():
            continue
        x, y, dx, dy = xs[None, columns] - x0, ys[rows, None] - y0, x1 - x0, y1 - y0
        # the nearest place of the segment, as a part of its length
        along = np.clip((x * dx + y * dy) / (dx**2 + dy**2 or 1.0), 0, 1)
        covered[rows, columns] |= (x - along * dx) ** 2 + (y - along * dy) ** 2 <= radius**2
    return covered


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    told = first["msg"].removeprefix("Value error, ")
    return f"{key}: {told}" if key else told
