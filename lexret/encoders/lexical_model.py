"""Trained models, for users: pictures or texts in, sparse vectors out.

Each side is loaded when it is first used: searching needs no image backbone, indexing no text
transformer. torch is imported only for a side that needs it: pictures go through ONNX Runtime where
the model has an exported backbone.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lexret.encoders.computation import Computation
from lexret.encoders.folder.backbones import backbone_folder
from lexret.encoders.folder.record import (
    DEFAULT_MODEL,
    WEIGHTS_FILE,
    ModelRecord,
    find_model,
    read_record,
)
from lexret.encoders.image_settings import DEFAULT_SETTINGS, ImageSettings, runtime_for
from lexret.encoders.train_packages import needs_training_packages
from lexret.errors import MissingError, MissingPackageError
from lexret.vocabulary import Vocabulary

if TYPE_CHECKING:
    import torch

    from lexret.encoders.folder.checkpoint import Checkpoint
    from lexret.encoders.folder.exported import PortablePrecision
    from lexret.encoders.model import ImageEncoder, TextEncoder
    from lexret.encoders.portable.encoder import PortableImageEncoder
    from lexret.encoders.protocol import PictureEncoder, QueryEncoder
    from lexret.encoders.text.static_encoder import StaticTextEncoder
    from lexret.sparse import Precision, VectorPrecision


class LexicalModel:
    """Trained model: an image encoder and text encoders of one vocabulary.

    Args:
        source: a model on disk, or one that was made in memory, which runs in torch.
        computation: where and in what precision it computes; None: on the CPU in float32.

    Raises:
        InputError: if there is no such device.
        MissingPackageError: if a device is named for which torch would be needed, and it is not
            installed.
    """

    def __init__(
        self, source: ModelRecord | Checkpoint, computation: Computation | None = None
    ) -> None:
        self._record = source if isinstance(source, ModelRecord) else None
        self._in_memory = None if isinstance(source, ModelRecord) else source
        self._computation = computation or Computation()
        if self._computation.device not in ("cpu", "auto"):
            _ = self.device

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path = DEFAULT_MODEL,
        *,
        revision: str | None = None,
        backbones: str | Path | None = None,
        computation: Computation | None = None,
        token: str | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
    ) -> Self:
        """Load a model folder, a shipped model, or a model of the Hugging Face Hub.

        Args:
            source: a folder, a shipped model's name, or ``user/name`` on the hub.
            revision: of the hub: branch, tag or commit.
            backbones: a folder that holds the backbones that the model does not bring, under the
                names that it records; None: what ``LEXRET_BACKBONES`` names.
            computation: where and in what precision it computes; None: on the CPU in float32.
            token, cache_dir, local_files_only: as huggingface_hub takes them.

        Raises:
            InputError: if there is no such device, or the hub's model is none of lexret.
            MissingError: if there is no such model or folder of backbones.
            MissingPackageError: if huggingface_hub is needed and not installed.
            CorruptError: if the model's files are damaged.
        """
        from lexret.encoders.folder.sharing import fetch_model, is_repo_id

        if is_repo_id(source):
            source = fetch_model(
                str(source),
                revision=revision,
                token=token,
                cache_dir=cache_dir,
                local_files_only=local_files_only,
            )
        record = replace(read_record(find_model(source)), backbones=backbone_folder(backbones))
        record.verify(WEIGHTS_FILE)
        model = cls(record, computation)
        _ = model.vocabulary
        return model

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model to a folder that :meth:`from_pretrained` loads and that can be shared.

        See :func:`lexret.encoders.folder.sharing.save_model`; LoRA's weights are written in peft's
        format as well (``lora/``).

        Raises:
            InputError: if the folder holds something else than a model.
            StorageError: if writing fails; the old folder is then untouched.
        """
        from tempfile import TemporaryDirectory

        from lexret.encoders.folder.sharing import save_model

        target = Path(folder)
        if self._record is None:
            from lexret.encoders.folder.checkpoint import save_checkpoint

            made = self.checkpoint
            with TemporaryDirectory(prefix="lexret-save-") as place:
                fresh = Path(place) / "model"
                save_checkpoint(
                    *(fresh, made.config, made.vocabulary, made.tensors),
                    numbers=made.numbers,
                    half=False,
                )
                save_model(read_record(fresh), target)
        else:
            save_model(self._record, target)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool = False,
        token: str | None = None,
        revision: str | None = None,
        message: str | None = None,
    ) -> str:
        """Push the model to the Hugging Face Hub as one commit, and return its address.

        Args:
            repo_id: ``user/name``; the repository is made if there is none.
            private: whether a repository that is made now is private.
            token: who you are; by default as ``hf auth login`` said.
            revision: the branch to commit to; by default the main one.
            message: of the commit.

        Raises:
            InputError: if ``repo_id`` is not ``user/name``.
            MissingPackageError: if huggingface_hub is not installed.
            StorageError: if the hub refuses it or cannot be reached.
        """
        from tempfile import TemporaryDirectory

        from lexret.encoders.folder.sharing import push_model

        with TemporaryDirectory(prefix="lexret-push-") as place:
            fresh = Path(place) / "model"
            self.save_pretrained(fresh)
            return push_model(
                fresh, repo_id, private=private, token=token, revision=revision, message=message
            )

    @property
    def name(self) -> str:
        """The model's name, without its hash."""
        return self.model_id.rpartition("-")[0]

    @property
    def model_id(self) -> str:
        """Name and the start of the weights' hash; indexes record it."""
        source = self._record or self.checkpoint
        return source.model_id

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of both encoders."""
        return self._record.vocabulary() if self._record else self.checkpoint.vocabulary

    @property
    def folder(self) -> Path | None:
        """Where the model lies; None if it was made in memory."""
        return self._record.folder if self._record else self.checkpoint.folder

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """Configuration, numbers and tensors as they lie on disk, in torch.

        Raises:
            MissingPackageError: if torch is not installed.
        """
        if self._in_memory is not None:
            return self._in_memory
        assert self._record is not None
        try:
            from lexret.encoders.folder.checkpoint import checkpoint_of
        except ModuleNotFoundError as error:
            raise self._needs_torch(error) from error
        return checkpoint_of(self._record)

    @cached_property
    def device(self) -> torch.device:
        """What the networks in torch compute on.

        Raises:
            InputError: if there is no such device.
            MissingPackageError: if torch is not installed.
        """
        try:
            from lexret.encoders.devices import chosen_device
        except ModuleNotFoundError as error:
            what = f"Computing on the device {self._computation.device!r}"
            raise needs_training_packages(what, error) from error
        return chosen_device(self._computation.device)

    @cached_property
    def images(self) -> PictureEncoder:
        """The image side in the model's precision, loaded on first use.

        In ONNX Runtime where the model has an exported backbone, float32 is asked for and no other
        device than the CPU is named; else in torch.

        Raises:
            MissingPackageError: if torch is needed and not installed.
        """
        return self.portable_images() if self._runs_portable else self.torch_images

    @property
    def _runs_portable(self) -> bool:
        computed_here = self._computation.device in ("cpu", "auto")
        in_float32 = self._computation.precision == "float32"
        return computed_here and in_float32 and self.has_exported_images

    @cached_property
    def torch_images(self) -> ImageEncoder:
        """The image side in torch, loaded on first use: the reference for ONNX Runtime.

        Raises:
            MissingPackageError: if torch is not installed.
        """
        return self.torch_images_in(self._computation.precision)

    @property
    def has_exported_images(self) -> bool:
        """Whether the model has an exported backbone, so that pictures need no torch."""
        return bool(self.exported_precisions)

    @property
    def exported_precisions(self) -> tuple[PortablePrecision, ...]:
        """What the exported backbone can compute in; empty if there is none."""
        from lexret.encoders.folder.exported import find_exported

        exported = find_exported(self._record) if self._record else None
        return exported.precisions if exported else ()

    def portable_images(
        self,
        settings: ImageSettings = DEFAULT_SETTINGS,
        precision: PortablePrecision = "float32",
    ) -> PortableImageEncoder:
        """Load the image side in ONNX Runtime.

        Raises:
            MissingError: if the model has no exported backbone, or none of that precision.
            InputError: if ONNX Runtime has no such device.
        """
        from lexret.encoders.folder.exported import find_exported
        from lexret.encoders.portable.encoder import PortableImageEncoder

        exported = find_exported(self._record) if self._record else None
        if exported is None or self._record is None:
            raise MissingError(
                f"The model {self.model_id} has no exported image side. Make it with `lexret "
                "models export`."
            )
        return PortableImageEncoder(
            self._record,
            exported,
            jobs=settings.jobs,
            device=settings.device,
            precision=precision,
        )

    def image_encoder(
        self, precision: VectorPrecision = "float32", *, settings: ImageSettings = DEFAULT_SETTINGS
    ) -> PictureEncoder:
        """Return the image side in a precision; only the default one is kept in memory.

        Args:
            precision: bfloat16 runs in torch, int8 in ONNX Runtime.
            settings: what it runs in.

        Raises:
            InputError: if the runtime cannot do what is asked for.
            MissingError, MissingPackageError: if the model or a package is missing something for
                it.
        """
        runtime = runtime_for(precision, settings, is_exported=self.has_exported_images)
        if precision == "int8":
            return self.portable_images(settings, precision)
        if runtime == "onnx":
            usual = settings.jobs is None and settings.device == "cpu" and self._runs_portable
            return self.images if usual else self.portable_images(settings)
        usual = precision == self._computation.precision
        return self.torch_images if usual else self.torch_images_in(precision)

    @cached_property
    def texts(self) -> QueryEncoder:
        """The text encoder that ``lexret search`` uses: the static one where there is one.

        The same text then scores the same in Python and on the command line.
        """
        return self.static_text if self.has_static_text else self.contextual_text

    @cached_property
    def contextual_text(self) -> TextEncoder:
        """The whole transformer, which the figures of a model are measured with by default.

        Raises:
            MissingPackageError: if torch or transformers is not installed.
        """
        try:
            from lexret.encoders.model import TextEncoder

            return TextEncoder(
                self.checkpoint, precision=self._computation.precision, device=self.device
            )
        except ModuleNotFoundError as error:
            raise needs_training_packages("The contextual text encoder", error) from error

    @property
    def has_static_text(self) -> bool:
        """Whether the model has a static text encoder besides the contextual one."""
        if self._record is not None:
            return self._record.has_static_text
        folder = self.checkpoint.folder
        return folder is not None and read_record(folder).has_static_text

    @cached_property
    def static_text(self) -> StaticTextEncoder:
        """The static text encoder, loaded on first use.

        Raises:
            MissingError: if the model has none.
        """
        from lexret.encoders.text.static_encoder import load_static_text

        if self.folder is None:
            raise MissingError(
                f"The model {self.model_id} is not on disk: it has no static text encoder."
            )
        return load_static_text(self.folder, vocabulary=self.vocabulary)

    def torch_images_in(self, precision: Precision) -> ImageEncoder:
        """Load the image side in torch in a precision.

        Raises:
            MissingPackageError: if torch is not installed.
        """
        try:
            from lexret.encoders.model import ImageEncoder

            return ImageEncoder(self.checkpoint, precision=precision, device=self.device)
        except ModuleNotFoundError as error:
            raise self._needs_torch(error) from error

    def _needs_torch(self, error: ModuleNotFoundError) -> MissingPackageError:
        if self.has_exported_images:
            return needs_training_packages(f"Running {self.model_id} in torch", error)
        return needs_training_packages(
            f"The model {self.model_id} has no exported image side (`lexret models export` makes "
            "it), and running it in torch",
            error,
        )


def load_model(
    source: str | Path = DEFAULT_MODEL, *, computation: Computation | None = None
) -> LexicalModel:
    """Load a shipped model by name, or a model folder by path.

    Args:
        computation: where and in what precision it computes; None: on the CPU in float32.

    Raises:
        InputError: if there is no such device.
        MissingError: if there is neither; the message lists the shipped models.
        CorruptError: if the model's files are damaged.
    """
    record = read_record(find_model(source))
    record.verify(WEIGHTS_FILE)
    model = LexicalModel(record, computation)
    _ = model.vocabulary
    return model
