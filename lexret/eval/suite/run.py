"""Run of a suite: every picture is encoded once, every result carries its provenance."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lexret.captions.caption_set import CaptionSet
from lexret.captions.sources import open_captions
from lexret.encoders.folder.record import read_record
from lexret.encoders.folder.word_levels import read_word_levels
from lexret.eval.control.annotated_pictures import (
    AnnotatedPictures,
    RecordingEncoder,
    annotated_by_captions,
    annotated_by_masks,
    masks_in,
)
from lexret.eval.control.word_truth import truth_of_captions, truth_of_masks
from lexret.eval.patches.mask_formats import open_masked
from lexret.eval.patches.masks import MaskedImages
from lexret.eval.provenance import Provenance, write_json, write_text
from lexret.eval.retrieval.encoding import encode_captions
from lexret.eval.retrieval.report import report_retrieval
from lexret.eval.suite.baseline_rows import EncodedSource, baseline_rows
from lexret.eval.suite.definition import (
    PatchDisPart,
    RetrievalPart,
    SparsityPart,
    Suite,
    source_below,
)
from lexret.eval.suite.report import markdown
from lexret.sparse import FloatArray, SparseBatch

if TYPE_CHECKING:
    from lexret.encoders.computation import Computation
    from lexret.encoders.lexical_model import LexicalModel
    from lexret.encoders.protocol import Encoder

Tell = Callable[[str], None]


class SuiteRun:
    """Run of a suite.

    Args:
        data: the folder that sources are relative to.
        output: the folder for results.
        cache: where backbone features of the ridge baseline are kept.
        tell: called with the name of each part before it begins.
        computation: where and in what precision the model computes.
    """

    def __init__(
        self,
        suite: Suite,
        *,
        data: Path,
        output: Path,
        cache: Path,
        tell: Tell,
        computation: Computation | None = None,
    ) -> None:
        self._computation = computation
        self._suite, self._data, self._output = suite, data, output
        self._cache, self._tell = cache, tell
        self._sources: dict[str, EncodedSource] = {}
        self._features: dict[str, tuple[MaskedImages, list[Any]]] = {}
        self._annotated: dict[str, AnnotatedPictures] = {}
        self._hashes: dict[str, str] = {}

    @cached_property
    def model(self) -> LexicalModel:
        """The suite's model."""
        from lexret.encoders import load_model

        return load_model(self._suite.model, computation=self._computation)

    @property
    def _texts(self) -> Encoder[str]:
        static = self._suite.text_encoder == "static"
        return self.model.static_text if static else self.model.contextual_text

    @cached_property
    def _levels_V(self) -> FloatArray | None:
        folder = self.model.folder
        return None if folder is None else read_word_levels(read_record(folder))

    @property
    def _silent(self) -> frozenset[int]:
        from lexret.library.model_encoders import ModelEncoders

        folder = self.model.folder
        if folder is None:
            return frozenset()
        return ModelEncoders(read_record(folder)).silent_terms(self.model.vocabulary)

    def run(self, *, command: str) -> dict[str, Any]:
        """Measure everything and write ``results.json``, ``results.md`` and plots.

        Raises:
            LexretError: if a part cannot be measured; nothing is left out silently.
        """
        suite = self._suite
        kinds: dict[str, tuple[dict[str, Any], Callable[[str, Any], dict[str, Any]]]] = {
            "retrieval": (dict(suite.retrieval), self._retrieval),
            "patchdis": (dict(suite.patchdis), self._patchdis),
            "sparsity": (dict(suite.sparsity), self._sparsity),
            "exclusion": (dict(suite.exclusion), self._exclusion),
            "held_words": (dict(suite.held_words), self._held_words),
            "no_match": (dict(suite.no_match), self._no_match),
            "faithfulness": (dict(suite.faithfulness), self._faithfulness),
            "speed": (dict(suite.speed), self._speed),
        }
        results: dict[str, Any] = {}
        for kind, (parts, measure) in kinds.items():
            for name, part in parts.items():
                self._tell(f"{kind} {name}")
                results.setdefault(kind, {})[name] = measure(name, part)
                # After every part: what was measured outlives a run that is stopped.
                self._write(results, command)
        return self._write(results, command)

    def _write(self, results: dict[str, Any], command: str) -> dict[str, Any]:
        values = {"results": results, "provenance": self._provenance(command).as_dict()}
        write_json(self._output / "results.json", values)
        write_text(self._output / "results.md", markdown(values))
        return values

    def _provenance(self, command: str) -> Provenance:
        folder = self.model.folder
        digests: dict[str, str] = {}
        if folder is not None:
            digests = dict(read_record(folder).sha256)
        return Provenance(
            model=self.model.model_id,
            model_sha256=digests,
            data=self._hashes,
            settings=self._suite.model_dump(mode="json"),
            command=command,
            seed=self._suite.seed,
        )

    def _source(self, source: str) -> str:
        return source_below(self._data, source)

    def _captions(self, source: str) -> CaptionSet:
        captions = open_captions(self._source(source))
        self._hashes[source] = captions.fingerprint
        return captions

    def _encoded(self, source: str) -> EncodedSource:
        if source not in self._sources:
            captions, encoder = self._captions(source), RecordingEncoder(self.model)
            encoded = encode_captions(captions, encoder, self._texts)
            self._sources[source] = EncodedSource(captions, encoded, encoder.dense())
        return self._sources[source]

    def _masked(self, source: str) -> tuple[MaskedImages, list[Any]]:
        """Return pictures with masks, and the backbone's features of each."""
        if source not in self._features:
            pictures = open_masked(Path(self._source(source)))
            self._hashes[source] = pictures.fingerprint
            images = self.model.torch_images
            features = [images.features([pictures.image(i)]) for i in range(len(pictures.items))]
            self._features[source] = (pictures, features)
        return self._features[source]

    def _annotated_pictures(self, source: str) -> AnnotatedPictures:
        if source not in self._annotated:
            self._annotated[source] = self._annotate(source)
        return self._annotated[source]

    def _annotate(self, source: str) -> AnnotatedPictures:
        if source in self._features or masks_in(Path(self._source(source))) is not None:
            pictures, features = self._masked(source)
            encoder = RecordingEncoder(self.model)
            rows = [encoder.encode_features(features_1PF) for features_1PF in features]
            sparse = SparseBatch.concatenate(rows, self.model.vocabulary)
            return annotated_by_masks(pictures, sparse, encoder.dense())
        measured = self._encoded(source)
        return annotated_by_captions(measured.captions, measured.encoded.images, measured.dense_ID)

    def _retrieval(self, name: str, part: RetrievalPart) -> dict[str, Any]:
        measured, seed = self._encoded(part.source), self._suite.seed
        uncut = report_retrieval(measured.encoded, seed=seed)
        model = {"all": uncut.as_dict()}
        for words in part.words:
            cut = measured.encoded.cut(image_words=words)
            model[str(words)] = report_retrieval(cut, seed=seed).as_dict()
        baselines = baseline_rows(
            *(part, measured, uncut.ranks, self.model),
            data=self._data,
            cache=self._cache,
            seed=seed,
        )
        return {"model": model, "baselines": baselines}

    def _patchdis(self, name: str, part: PatchDisPart) -> dict[str, Any]:
        from lexret.eval.patches.patchdis_figure import draw_maps
        from lexret.eval.patches.patchdis_model import measure_patchdis

        pictures, features = self._masked(part.source)
        if part.ids:
            pictures = pictures.only([i for low, high in part.ids for i in range(low, high + 1)])
        result, maps = measure_patchdis(
            pictures,
            self.model,
            prompts=part.prompts,
            seed=self._suite.seed,
            features=features,
        )
        if part.figure:
            draw_maps(self._output / f"patchdis-{name}.png", pictures, maps)
        return result.as_dict()

    def _sparsity(self, name: str, part: SparsityPart) -> dict[str, Any]:
        from lexret.eval.cost.sparsity import measure_sparsity
        from lexret.eval.cost.sparsity_figure import draw_sparsity

        encoded = self._encoded(part.source).encoded
        result = measure_sparsity(
            encoded,
            model_id=self.model.model_id,
            budgets=part.budgets,
            cut=part.cut,
            seed=self._suite.seed,
        )
        title = f"{self.model.model_id}: {name}, {len(encoded.images):,} pictures"
        draw_sparsity(self._output / f"sparsity-{name}.png", result, title=title)
        return result.as_dict()

    def _exclusion(self, name: str, part: Any) -> dict[str, Any]:
        from lexret.eval.control.exclusion import measure_control

        known = self._annotated_pictures(part.source)
        dense = self.model.contextual_text.encode_dense(known.inventory.names)
        return measure_control(
            known, self._texts, dense, levels_V=self._levels_V, seed=self._suite.seed
        ).as_dict()

    def _no_match(self, name: str, part: Any) -> dict[str, Any]:
        from lexret.eval.control.no_match import measure_no_match

        return measure_no_match(
            self._annotated_pictures(part.source),
            self._texts,
            learn_from=[self._annotated_pictures(source) for source in part.learn_from],
            levels_V=self._levels_V,
            silent=self._silent,
            seed=self._suite.seed,
        ).as_dict()

    def _held_words(self, name: str, part: Any) -> dict[str, Any]:
        from lexret.eval.control.held_words import JudgedPictures, measure_held

        vocabulary = self.model.vocabulary
        vectors = self._annotated_pictures(part.source).sparse
        masked = masks_in(Path(self._source(part.source)))
        truth = (
            truth_of_captions(self._captions(part.source), vocabulary, name)
            if masked is None
            else truth_of_masks(masked, vocabulary, name)
        )
        pictures = JudgedPictures.of(vectors, truth)
        every = measure_held(pictures, None, vocabulary).as_dict()
        if self._levels_V is None:
            return {"every_weight": every, "held": None}
        held = measure_held(pictures, self._levels_V, vocabulary).as_dict()
        return {"every_weight": every, "held": held}

    def _faithfulness(self, name: str, part: Any) -> dict[str, Any]:
        from lexret.eval.patches.faithfulness import evenly_chosen, measure_faithfulness

        pictures = evenly_chosen(Path(self._source(part.source)), part.pictures)
        result = measure_faithfulness(
            pictures, self.model.images, num_words=part.words, seed=self._suite.seed
        )
        return {**result.as_dict(), "num_images": len(pictures)}

    def _speed(self, name: str, part: Any) -> dict[str, Any]:
        from lexret.captions.json_lines import read_captions
        from lexret.eval.cost.speed import measure_speed

        items = read_captions(Path(self._source(part.source)))[: part.pictures]
        texts = [text for item in items for text in item.captions]
        return measure_speed([item.image for item in items], self.model, texts).as_dict()
