"""Trained models as users meet them: pictures or texts in, sparse vectors out.

Each side is loaded when it is first used: searching needs no image backbone, indexing no text
transformer. torch is imported only for a side that needs it: pictures go through ONNX Runtime where
the model has an exported backbone.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

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
    from lexret.encoders.folder.checkpoint import Checkpoint
    from lexret.encoders.model import ImageEncoder, TextEncoder
    from lexret.encoders.portable.encoder import PortableImageEncoder
    from lexret.encoders.protocol import PictureEncoder
    from lexret.encoders.text.static_encoder import StaticTextEncoder
    from lexret.sparse import Precision


class LexicalModel:
    """Trained model: an image encoder and text encoders of one vocabulary.

    Args:
        source: a model on disk, or one that was made in memory, which runs in torch.
    """

    def __init__(self, source: ModelRecord | Checkpoint) -> None:
        self._record = source if isinstance(source, ModelRecord) else None
        self._in_memory = None if isinstance(source, ModelRecord) else source

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
            from lexret.encoders.folder.checkpoint import load_checkpoint
        except ModuleNotFoundError as error:
            raise self._needs_torch(error) from error
        return load_checkpoint(self._record.folder)

    @cached_property
    def images(self) -> PictureEncoder:
        """The image side in float32, loaded on first use.

        In ONNX Runtime where the model has an exported backbone, else in torch.

        Raises:
            MissingPackageError: if it has none and torch is not installed.
        """
        return self.portable_images() if self.has_exported_images else self.torch_images

    @cached_property
    def torch_images(self) -> ImageEncoder:
        """The image side in torch in float32, loaded on first use: what the other is compared with.

        Raises:
            MissingPackageError: if torch is not installed.
        """
        return self.torch_images_in("float32")

    @property
    def has_exported_images(self) -> bool:
        """Whether the model has an exported backbone, so that pictures need no torch."""
        from lexret.encoders.folder.exported import find_exported

        return self._record is not None and find_exported(self._record) is not None

    def portable_images(self, settings: ImageSettings = DEFAULT_SETTINGS) -> PortableImageEncoder:
        """Load the image side in ONNX Runtime.

        Raises:
            MissingError: if the model has no exported backbone.
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
            self._record, exported, jobs=settings.jobs, device=settings.device
        )

    def image_encoder(
        self, precision: Precision = "float32", *, settings: ImageSettings = DEFAULT_SETTINGS
    ) -> PictureEncoder:
        """Return the image side in a precision; what is not the usual is loaded at each call.

        Args:
            precision: bfloat16 runs in torch.
            settings: what it runs in.

        Raises:
            InputError: if the runtime cannot do what is asked for.
            MissingError, MissingPackageError: if the model or a package lacks what that takes.
        """
        exported = self.has_exported_images
        if runtime_for(precision, settings, is_exported=exported) == "onnx":
            usual = settings.jobs is None and settings.device == "cpu" and exported
            return self.images if usual else self.portable_images(settings)
        return self.torch_images if precision == "float32" else self.torch_images_in(precision)

    @cached_property
    def texts(self) -> TextEncoder:
        """The contextual text side, loaded on first use.

        Raises:
            MissingPackageError: if torch or transformers is not installed.
        """
        try:
            from lexret.encoders.model import TextEncoder

            return TextEncoder(self.checkpoint)
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

            return ImageEncoder(self.checkpoint, precision=precision)
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


def load_model(source: str | Path = DEFAULT_MODEL) -> LexicalModel:
    """Load a shipped model by name, or a model folder by path.

    Raises:
        MissingError: if there is neither; the message lists the shipped models.
        CorruptError: if the model's files are damaged.
    """
    record = read_record(find_model(source))
    record.verify(WEIGHTS_FILE)
    model = LexicalModel(record)
    _ = model.vocabulary
    return model
