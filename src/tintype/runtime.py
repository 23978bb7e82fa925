"""ONNX models, loaded once and run: the only user of onnxruntime."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime is imported

import onnxruntime as ort

from tintype.errors import ModelError
from tintype.likely import CELL_PX, Likely
from tintype.models.card import METADATA_KEY, ModelCard
from tintype.settings import Settings

FloatArray = NDArray[np.float32]

# Best first. TensorRT is left out: it compiles anew for each size of picture.
PREFERRED_PROVIDERS = (
    "CUDAExecutionProvider",
    "MIGraphXExecutionProvider",
    "DmlExecutionProvider",
    "OpenVINOExecutionProvider",
    "CoreMLExecutionProvider",
)
CPU = "CPUExecutionProvider"
ERRORS_ONLY = 3  # onnxruntime's severity; its warnings are not for who colors a photograph

ort.disable_telemetry_events()
ort.set_default_logger_severity(ERRORS_ONLY)


def providers() -> list[str]:
    """Execution providers of the installed onnxruntime that are used here, best first."""
    offered = ort.get_available_providers()
    return [name for name in PREFERRED_PROVIDERS if name in offered] + [CPU]


class Session:
    """One ONNX model, checked against the card inside it.

    `model` is a file or the bytes of one. `threads` defaults to the settings' number.
    Raises ModelError when the file is missing, is no ONNX, has no card, or when its inputs and
    outputs are not those of a colorizer. Safe to share between threads, but not over a fork.
    """

    def __init__(self, model: Path | bytes, *, threads: int | None = None) -> None:
        self.where = "<bytes>" if isinstance(model, bytes) else str(model)
        if isinstance(model, Path) and not model.is_file():
            raise ModelError(f"{model}: no such model file.")
        self._run = _open(model, self.where, threads or Settings.from_environment().threads)
        metadata = self._run.get_modelmeta().custom_metadata_map
        if METADATA_KEY not in metadata:
            raise ModelError(
                f"{self.where}: this ONNX file has no tintype model card.",
                hint="Make model files with `tintype export`.",
            )
        self.card = ModelCard.from_json(metadata[METADATA_KEY], where=self.where)
        self._check_inputs_and_outputs()

    @property
    def providers(self) -> list[str]:
        """Execution providers that this model runs on, best first."""
        return list(self._run.get_providers())

    def predict(
        self, gray_l: FloatArray, hints: tuple[FloatArray, FloatArray] | None = None
    ) -> FloatArray:
        """Color for luminance.

        `gray_l` is (N, 1, H, W) float32, Lab L in [0, 100], of any H and W from 1: it is padded
        for the network and the result cropped back. `hints`, for models that take them, are
        a and b in Lab units (N, 2, H, W) and a mask of 0 and 1 (N, 1, H, W), as `Hints.planes`
        makes them. Returns (N, 2, H, W) float32, Lab a and b.
        Raises ModelError when the model fails or gives values that are not finite.
        """
        (chroma_ab,) = self._outputs(["ab"], gray_l, hints)
        return self._colors(chroma_ab, gray_l)

    def likely(
        self, gray_l: FloatArray, hints: tuple[FloatArray, FloatArray] | None = None
    ) -> Likely:
        """Color for the luminance of one picture, and how likely each color is in it.

        Arguments and errors are those of `predict`, with N of 1; for models whose card says
        `gives_confidence`.
        """
        outputs = self._outputs(["ab", "shares", "colors"], gray_l, hints)
        (chroma_ab,), (shares,), colors = self._colors(outputs[0], gray_l), *outputs[1:]
        if not np.isfinite(shares).all():
            raise ModelError(f"{self.where}: the model gave shares that are not finite numbers.")
        high, wide = (-(-side // CELL_PX) for side in gray_l.shape[2:])
        return Likely(chroma_ab, colors, shares[:, :high, :wide])

    def _outputs(
        self,
        names: list[str],
        gray_l: FloatArray,
        hints: tuple[FloatArray, FloatArray] | None,
    ) -> list[FloatArray]:
        n, _, height, width = gray_l.shape
        planes = {"l": gray_l}
        if self.card.takes_hints:
            none = (np.zeros((n, c, height, width), np.float32) for c in (2, 1))
            planes["hint_ab"], planes["hint_mask"] = hints or none
        feeds = {
            name: _pad(np.asarray(plane, np.float32), self.card.multiple_of)
            for name, plane in planes.items()
        }
        try:
            return list(self._run.run(names, feeds, _only_what_is_asked()))
        except Exception as error:  # onnxruntime's errors share no base class
            raise ModelError(
                f"{self.where}: the model failed on {width}x{height} px: {_first_line(error)}"
            ) from None

    def _colors(self, chroma_ab: FloatArray, gray_l: FloatArray) -> FloatArray:
        cropped: FloatArray = chroma_ab[:, :, : gray_l.shape[2], : gray_l.shape[3]]
        if not np.isfinite(cropped).all():
            raise ModelError(f"{self.where}: the model gave colors that are not finite numbers.")
        return cropped

    def _check_inputs_and_outputs(self) -> None:
        channels = {"l": 1, "hint_ab": 2, "hint_mask": 1} if self.card.takes_hints else {"l": 1}
        inputs = {node.name: node for node in self._run.get_inputs()}
        outputs = {node.name: node for node in self._run.get_outputs()}
        if inputs.keys() != channels.keys():
            raise ModelError(
                f"{self.where}: the model's inputs are {', '.join(inputs)}; "
                f"its card asks for {', '.join(channels)}."
            )
        tells = self.card.gives_confidence or self.card.takes_reference
        told = ["ab", "shares", "colors"] if tells else ["ab"]
        for name in told:
            if name not in outputs:
                raise ModelError(
                    f"{self.where}: the model has no output '{name}', only {', '.join(outputs)}."
                )
        for name, count in (*channels.items(), ("ab", 2)):
            node = outputs[name] if name == "ab" else inputs[name]
            if node.type != "tensor(float)" or len(node.shape) != 4 or node.shape[1] != count:
                raise ModelError(
                    f"{self.where}: '{name}' is {node.type} {node.shape}; "
                    f"it must be tensor(float) (N, {count}, H, W)."
                )
        if tells:
            shares, colors = outputs["shares"].shape, outputs["colors"].shape
            fits = len(shares) == 4 and list(colors) == [shares[1], 2]
            if not fits or self.card.multiple_of % CELL_PX:
                raise ModelError(
                    f"{self.where}: 'shares' is {shares} and 'colors' {colors}; they must be "
                    f"(N, Q, H / {CELL_PX}, W / {CELL_PX}) and (Q, 2)."
                )
        if any(isinstance(side, int) for side in inputs["l"].shape[2:]):
            raise ModelError(
                f"{self.where}: the model takes pictures of one size only ({inputs['l'].shape}); "
                "height and width must be free."
            )


def _only_what_is_asked() -> ort.RunOptions:
    """Parts of the network that an output does not need are left out."""
    options = ort.RunOptions()
    options.only_execute_path_to_fetches = True
    return options


def network(
    model: bytes, name: str, *, threads: int | None = None
) -> Callable[[FloatArray], list[FloatArray]]:
    """A network of one input that has no card: it judges pictures and colors none.

    `model` is an ONNX file's bytes, `name` what stands for it in messages. The answer takes the
    input and gives all outputs. Raises ModelError when it cannot be loaded.
    """
    run = _open(model, name, threads or Settings.from_environment().threads)
    (node,) = run.get_inputs()
    return lambda x: list(run.run(None, {node.name: x}))


def session(model: Path | bytes, threads: int | None = None) -> Session:
    """The session of a model file or its bytes, opened once per process for each number of threads.

    Opened again when the file has changed. To be asked for anew after a fork.
    Raises what `Session` raises.
    """
    threads = threads or Settings.from_environment().threads
    changed_ns = 0
    if isinstance(model, Path):
        model = model.resolve()
        changed_ns = model.stat().st_mtime_ns if model.is_file() else 0
    key = (model, changed_ns, threads)
    with _lock:
        if key not in _sessions:
            _sessions[key] = Session(model, threads=threads)
        return _sessions[key]


_sessions: dict[tuple[Path | bytes, int, int], Session] = {}
_lock = threading.Lock()


def _close_all() -> None:
    _lock.acquire()
    _sessions.clear()


if hasattr(os, "register_at_fork"):
    # A session's threads do not cross a fork, and a copy without them cannot even be freed: all are
    # closed before, and opened anew on either side when they are asked for.
    os.register_at_fork(
        before=_close_all, after_in_parent=_lock.release, after_in_child=_lock.release
    )


def _open(model: Path | bytes, where: str, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # one plan is kept per input size: memory would only grow
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = model if isinstance(model, bytes) else str(model)

    def on(names: list[str]) -> ort.InferenceSession:
        # onnxruntime's own fallback prints to stdout
        return ort.InferenceSession(source, options, providers=names, enable_fallback=0)

    try:
        try:
            return on(providers())
        except Exception:
            return on([CPU])
    except Exception as error:
        raise ModelError(f"{where}: not a model that can be loaded: {_first_line(error)}") from None


def _pad(plane: FloatArray, multiple_of: int) -> FloatArray:
    """Grow H and W to the next multiple by reflection at the bottom and the right.

    A side shorter than what it lacks is reflected again and again, a single pixel repeated.
    """
    missing_px = [-side % multiple_of for side in plane.shape[2:]]
    return np.pad(plane, [(0, 0), (0, 0), *((0, px) for px in missing_px)], mode="reflect")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
