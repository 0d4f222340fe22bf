"""Model that rebuilds pictures, in torch: the network with the frozen parts around it.

Legend: as in :mod:`lexret.rebuild.network`; V words of the vocabulary, R fields of coarse features,
F their size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lexret.config.rebuild import NetworkConfig
from lexret.encoders.folder.loading import codebook_of
from lexret.rebuild.entries import VocabularyEntries, llama_entries
from lexret.rebuild.network import (
    Context,
    NetworkSizes,
    RebuildNetwork,
    TextTokens,
    WordTokens,
)
from lexret.rebuild.quantizer import QuantizedCells
from lexret.rebuild.soft import FrozenTexts, TextOutputs, tail_drop_mask

if TYPE_CHECKING:
    from lexret.encoders.lexical_model import LexicalModel


@dataclass(frozen=True, eq=False)
class SeenPictures:
    """Outputs of the encoder for pictures.

    Attributes:
        cells: the quantized map.
        soft_BnH: the soft tokens, in the text encoder's token space; None where there are none.
    """

    cells: QuantizedCells
    soft_BnH: Tensor | None


class RebuildModel(nn.Module):
    """Network, the words' vectors, and the frozen text encoder where one is needed.

    Args:
        lexical: whose words, whose backbone's features and whose text encoder these are.
        entries: of the cells; None: Llama 2's.
    """

    word_vectors_VW: Tensor

    def __init__(
        self,
        config: NetworkConfig,
        lexical: LexicalModel,
        *,
        entries: VocabularyEntries | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.entries = entries or llama_entries()
        checkpoint = lexical.checkpoint
        word_vectors_VW = codebook_of(checkpoint, "image.codebook_VD").float()
        self.register_buffer("word_vectors_VW", word_vectors_VW, persistent=False)
        needs_texts = config.soft.num_tokens > 0 or config.text == "captions"
        self.texts = FrozenTexts(lexical.contextual_text.side) if needs_texts else None
        rows_TH = None if self.texts is None else self.texts.rows_TH.detach()
        sizes = NetworkSizes(
            word_vectors_VW.shape[1],
            checkpoint.config.image.feature_dim,
            word_vectors_VW.shape[1] if rows_TH is None else rows_TH.shape[1],
        )
        self.network = RebuildNetwork(
            config,
            sizes,
            torch.from_numpy(self.entries.vectors_EH),
            token_mean_H=None if rows_TH is None else rows_TH.mean(0),
            token_spread=1.0 if rows_TH is None else float(rows_TH.std()),
        )
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def words(self, ids_BK: Tensor, weights_BK: Tensor) -> WordTokens:
        """Return words by their ids; those of weight 0 are not looked at."""
        return WordTokens(self.word_vectors_VW[ids_BK], weights_BK)

    def text(self, ids_BT: Tensor) -> TextTokens:
        """Return a text's tokens as the frozen text encoder sees them; -1 after their end."""
        assert self.texts is not None
        present_BT = ids_BT >= 0
        # The encoder looks at one token where there is none; its output is then left out.
        looked_at = torch.cat([ids_BT[:, :1].clamp_min(0), ids_BT[:, 1:]], dim=1)
        outputs = self.texts.outputs_of_texts(looked_at)
        return TextTokens(outputs.hidden_BTH, present_BT)

    def see(
        self,
        pixels_B3SS: Tensor,
        coarse_BRF: Tensor,
        *,
        words: WordTokens | None = None,
        text: TextTokens | None = None,
        share: float = 1.0,
    ) -> SeenPictures:
        """Put pictures through the encoder.

        Args:
            words: the picture's own; the encoder looks at them where its configuration says
                ``text = "words"``.
            text: of a caption; the encoder looks at it where the configuration says
                ``text = "captions"``.
            share: see :meth:`Quantizer.forward`.
        """
        context = self.network.contexts(
            len(pixels_B3SS),
            words if self.config.text == "words" else None,
            text if self.config.text == "captions" else None,
        )
        pixels = pixels_B3SS.contiguous(memory_format=torch.channels_last)
        map_BCII = self.network.encoded(pixels, context)
        cells = self.network.quantizer(self.network.codes(map_BCII), share)
        soft_BnH = None
        if self.config.soft.num_tokens:
            soft_BnH = self.network.soft(map_BCII, coarse_BRF)
        return SeenPictures(cells, soft_BnH)

    def soft_outputs(
        self, soft_BnH: Tensor, kept_B: Tensor, ids_BT: Tensor | None = None
    ) -> TextOutputs:
        """Put soft tokens through the frozen text encoder, the first ``kept_B`` of each picture.

        Args:
            ids_BT: tokens of the words that follow; see :meth:`FrozenTexts.outputs_of_soft`.
        """
        assert self.texts is not None
        mask_Bn = tail_drop_mask(kept_B, soft_BnH.shape[1])
        return self.texts.outputs_of_soft(soft_BnH, mask_Bn, ids_BT)

    def context(
        self,
        batch: int,
        *,
        words: WordTokens | None = None,
        text: TextTokens | None = None,
        soft: TextOutputs | None = None,
    ) -> Context:
        """Join everything that the decoder looks at."""
        context: Context = self.network.contexts(
            batch,
            words if self.config.words.use else None,
            text if self.config.text == "captions" else None,
            None if soft is None else TextTokens(soft.hidden_BTH, soft.mask_BT),
        )
        return context

    def rebuild(self, codes_BDGG: Tensor, has_cells_B: Tensor, context: Context) -> Tensor:
        """Return (B, 3, S, S), about -1 to 1."""
        pixels: Tensor = self.network.decoder(codes_BDGG, has_cells_B, context)
        return pixels
