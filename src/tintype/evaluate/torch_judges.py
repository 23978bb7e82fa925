"""Judges that need torch, which is imported only when one of them is opened."""

from __future__ import annotations

import hashlib
import importlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tintype.errors import MissingExtra, ModelError
from tintype.evaluate.cache import key_of
from tintype.evaluate.judge import Verdict
from tintype.evaluate.metrics.lab import RgbU8


class Timm:
    """Any image model of timm: the features before its classifier, and its classes.

    `model` is a name, a name on the hub (`hf-hub:...`), or a folder with a model in it. Pictures
    are resized and cropped as the model's own configuration asks.
    """

    def __init__(self, model: str) -> None:
        timm = _package("timm", f"The judge {model}")
        folder = Path(model)
        try:
            source = f"local-dir:{model}" if folder.is_dir() else model
            self._model = timm.create_model(source, pretrained=True).eval()
            data: Any = importlib.import_module("timm.data")
            config = data.resolve_model_data_config(self._model)
            self._transform = data.create_transform(**config, is_training=False)
            # the length is asked of the network: heads make it another than `num_features`
            features, _ = self._see(Image.new("RGB", config["input_size"][:0:-1]))
        except Exception as error:  # of names, files, the hub, the network: of many kinds
            raise _not_opened(model, error) from None
        self.features = features.numel()
        self.classes = int(self._model.num_classes)
        settings = folder / "config.json"
        self.key = key_of(
            "timm",
            timm.__version__,
            folder.name,
            settings.read_text("utf-8") if settings.is_file() else "",
            self._model,  # its layers, as it prints them
            sorted(config.items()),
            _hash(self._model),
        )
        self.distance_name = f"FD {folder.name}-{self.features}@{config['input_size'][-1]}"
        self.name = (
            f"{folder.name}, {self.features} features before the classifier, "
            f"{config['input_size'][-1]} px ({config['interpolation']}), "
            f"crop {config['crop_pct']:g}"
        )

    def __call__(self, rgb_u8: RgbU8) -> Verdict:
        features, logits = self._see(Image.fromarray(rgb_u8))
        category = int(logits.argmax()) if self.classes else None
        return Verdict(features.float().numpy(), category)

    def _see(self, picture: Image.Image) -> tuple[Any, Any]:
        """Features, (features,), and logits, (classes,)."""
        import torch

        with torch.no_grad():
            seen = self._model.forward_features(self._transform(picture)[None])
            features = self._model.forward_head(seen, pre_logits=True)[0]
            return features, self._model.forward_head(seen)[0]

    def distance(self, truth_u8: RgbU8, result_u8: RgbU8) -> float:  # noqa: ARG002
        return float("nan")


class Inception:
    """The judge of the literature: the features of FID, by torch-fidelity, and LPIPS.

    Inception v3 with TensorFlow's weights, the mean of its last layer, resized to 299 px as
    TensorFlow 1 does. LPIPS (Zhang et al., The unreasonable effectiveness of deep features as a
    perceptual metric, CVPR 2018) is that of AlexNet, version 0.1, by torchmetrics where that is
    installed. The weights are downloaded when they are first used.
    """

    name = "FID's Inception v3 (torch-fidelity), 2048 features, 299 px (bilinear, no crop)"
    distance_name = "FID Inception-2048@299"
    features = 2048
    classes = 1008

    def __init__(self) -> None:
        module = _package("torch_fidelity.feature_extractor_inceptionv3", "The judge inception")
        try:
            self._inception = module.FeatureExtractorInceptionV3(
                "inception-v3-compat", ["2048", "logits_unbiased"]
            )
            self._lpips = _lpips()
        except Exception as error:
            raise _not_opened("inception", error) from None
        lpips = _hash(self._lpips) if self._lpips else "no LPIPS"
        self.key = key_of("inception", _hash(self._inception), lpips)

    def __call__(self, rgb_u8: RgbU8) -> Verdict:
        features, logits = self._inception(_batch(rgb_u8))
        return Verdict(features[0].numpy(), int(logits[0].argmax()))

    def distance(self, truth_u8: RgbU8, result_u8: RgbU8) -> float:
        if self._lpips is None:
            return float("nan")
        import torch

        scaled = [_batch(rgb_u8).float() / 127.5 - 1 for rgb_u8 in (truth_u8, result_u8)]
        with torch.no_grad():
            return float(self._lpips(*scaled))


def _lpips() -> Any:
    try:
        module: Any = importlib.import_module("torchmetrics.image.lpip")
    except ModuleNotFoundError:
        return None
    return module.LearnedPerceptualImagePatchSimilarity(net_type="alex").eval()


def _batch(rgb_u8: RgbU8) -> Any:
    """(1, 3, H, W) uint8."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(rgb_u8.transpose(2, 0, 1))[None])


def _hash(model: Any) -> str:
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _package(name: str, for_what: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what packages say of each other
            return importlib.import_module(name)
    except ModuleNotFoundError:
        raise MissingExtra.named("literature", for_what) from None
    except Exception as error:
        raise ModelError(
            f"{for_what} needs {name}, which cannot be imported: {_line(error)}.",
            hint="Install builds of torch and torchvision that belong together.",
        ) from None


def _not_opened(judge: str, error: Exception) -> ModelError:
    return ModelError(
        f"{judge}: this judge cannot be opened: {_line(error)}.",
        hint="A judge is a .safetensors of MobileNetV2, a timm model or its folder, or inception.",
    )


def _line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
