"""Export of a rebuilding model for ONNX Runtime, checked against torch.

Weights are stored in float16 and computed with in float32.

Legend: as in :mod:`lexret.rebuild.portable`.
"""

from __future__ import annotations

import io
import json
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from lexret.errors import InputError, MismatchError, MissingPackageError, StorageError
from lexret.files.hashes import file_sha256
from lexret.files.whole import replace_file, whole_file
from lexret.rebuild.folder import RECORD_FILE, WEIGHTS_FILE, load_rebuild_model, read_rebuild_record
from lexret.rebuild.network import RebuildNetwork, WordTokens
from lexret.rebuild.portable import CELLS_FILE, DECODER_FILE, ENCODER_FILE

if TYPE_CHECKING:
    from lexret.encoders.lexical_model import LexicalModel
    from lexret.rebuild.model import RebuildModel

_OPSET: Final = 17
# Of values from -1 to 1: half a level of 255.
_MOST_DIFFERENT: Final = 0.004
_SMALL: Final = 64


class _Encoder(nn.Module):
    """The encoder with nothing that conditions it."""

    def __init__(self, network: RebuildNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels_B3SS: Tensor) -> Tensor:
        """Return (B, D, G, G)."""
        context = self.network.contexts(pixels_B3SS.shape[0])
        return self.network.codes(self.network.encoded(pixels_B3SS, context))


class _Decoder(nn.Module):
    """The decoder with words and cells."""

    def __init__(self, network: RebuildNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, codes_BDGG: Tensor, has_cells_B: Tensor, vectors_BKW: Tensor, weights_BK: Tensor
    ) -> Tensor:
        """Return (B, 3, S, S)."""
        context = self.network.contexts(codes_BDGG.shape[0], WordTokens(vectors_BKW, weights_BK))
        pixels: Tensor = self.network.decoder(codes_BDGG, has_cells_B, context)
        return pixels


def export_rebuild_model(folder: Path, lexical: LexicalModel) -> float:
    """Write what :class:`lexret.rebuild.portable.Rebuilder` reads into a model's folder.

    Returns:
        the largest difference of a pixel to torch's, of 1.

    Raises:
        MissingPackageError: if the package ``onnx`` is not installed.
        MismatchError: if the two disagree.
        InputError: if a text conditions its encoder, or its cells are no vocabulary entries.
        StorageError: if the folder cannot be written.
    """
    record = read_rebuild_record(folder)
    if record.network.text != "none" or record.network.cells.codebook == "learnt":
        raise InputError(
            f"The rebuilding model in {folder} cannot be exported: expected network.text = 'none' "
            f"and a codebook of vocabulary entries; found {record.network.text!r} and "
            f"{record.network.cells.codebook!r}."
        )
    model = load_rebuild_model(folder, lexical)
    example = _example(model)
    pixels_B3SS, decoder_inputs = example
    try:
        _write(
            _Encoder(model.network), (pixels_B3SS,), record.folder / ENCODER_FILE,
            ["pixels"], "encoded",
        )  # fmt: skip
        names = ["codes", "has_cells", "word_vectors", "word_weights"]
        _write(
            _Decoder(model.network), decoder_inputs, record.folder / DECODER_FILE, names, "rebuilt"
        )
        with whole_file(record.folder / CELLS_FILE) as fresh:
            tensors = {
                "token_ids": torch.from_numpy(model.entries.token_ids),
                "codes_ED": model.network.quantizer.vectors_of().detach().half().contiguous(),
            }
            save_file(tensors, fresh)
        difference = _difference(model, record.folder, example)
        if difference > _MOST_DIFFERENT:
            raise MismatchError(
                f"The exported network in {folder} does not agree with torch: a pixel differs by "
                f"{difference:.4f}, expected at most {_MOST_DIFFERENT}."
            )
        files = (ENCODER_FILE, DECODER_FILE, CELLS_FILE, WEIGHTS_FILE)
        values = {
            **record.values,
            "sha256": {name: file_sha256(record.folder / name) for name in files},
            "compared_with_torch": round(difference, 6),
        }
        replace_file(record.folder / RECORD_FILE, (json.dumps(values, indent=2) + "\n").encode())
    except OSError as error:
        raise StorageError(f"Cannot write to {folder}: {error}.") from error
    return difference


def _example(model: RebuildModel) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return inputs of the encoder, and of the decoder: with cells and without."""
    random = torch.Generator().manual_seed(0)
    config, width = model.config, model.network.sizes.word_dim
    grid, num_words = config.cells.grid, 7
    pixels_B3SS = torch.rand(2, 3, config.side, config.side, generator=random) * 2 - 1
    codes_BDGG = model.network.quantizer.codes_of(
        torch.randint(len(model.entries.token_ids), (2, grid, grid), generator=random)
        % len(model.network.quantizer.vectors_of())
    )
    vectors_BKW = torch.randn(2, num_words, width, generator=random)
    weights_BK = torch.rand(2, num_words, generator=random)
    return pixels_B3SS, (
        codes_BDGG.detach().contiguous(), torch.tensor([True, False]), vectors_BKW, weights_BK,
    )  # fmt: skip


def _write(
    network: nn.Module, inputs: tuple[Tensor, ...], file: Path, names: list[str], output: str
) -> None:
    try:
        import onnx
    except ImportError as error:
        raise MissingPackageError(
            "Exporting needs the package onnx. Install it: pip install 'lexret[train]'"
        ) from error
    axes: dict[str, dict[int, str]] = {name: {0: "pictures"} for name in (*names, output)}
    for name in ("word_vectors", "word_weights"):
        if name in axes:
            axes[name][1] = "words"
    written = io.BytesIO()
    with (
        torch.no_grad(),
        warnings.catch_warnings(),
        redirect_stdout(io.StringIO()),
        redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(),
            inputs,
            written,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=_OPSET,
            input_names=names,
            output_names=[output],
            dynamic_axes=axes,
        )
    with whole_file(file) as fresh:
        fresh.write_bytes(_halved(onnx.load_from_string(written.getvalue())))


def _halved(graph: Any) -> bytes:
    """Store the weights in float16, each followed by a cast to float32."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in graph.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < _SMALL:
            continue
        name, stored = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = list(graph.graph.node)
    del graph.graph.node[:]
    graph.graph.node.extend([*casts, *nodes])
    data: bytes = graph.SerializeToString()
    return data


def _difference(
    model: RebuildModel, folder: Path, example: tuple[Tensor, tuple[Tensor, ...]]
) -> float:
    from lexret.encoders.portable.sessions import Session

    pixels_B3SS, inputs = example
    names = ["codes", "has_cells", "word_vectors", "word_weights"]
    fed = {name: part.numpy() for name, part in zip(names, inputs, strict=True)}
    (rebuilt,) = Session(folder / DECODER_FILE).run(**fed)
    (encoded,) = Session(folder / ENCODER_FILE).run(pixels=pixels_B3SS.numpy())
    with torch.no_grad():
        wanted = _Decoder(model.network)(*inputs).numpy()
        codes = _Encoder(model.network)(pixels_B3SS).numpy()
    return float(max(np.abs(rebuilt - wanted).max(), np.abs(encoded - codes).max()))
