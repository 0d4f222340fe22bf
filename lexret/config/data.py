"""Configuration of the training data: which pictures are read, and how they are shown."""

from __future__ import annotations

from pydantic import Field, model_validator

from lexret.config.values import Frozen


class DataConfig(Frozen):
    """Configuration of the training data: pictures with captions."""

    train: str = Field(
        "",
        description="captions file (JSON lines), 'datasets:NAME[:SPLIT]' or 'webdataset:PATTERN'",
    )
    more: tuple[str, ...] = Field(
        (),
        description="further sources of training pictures, each a domain of its own: a step shows "
        "pictures of one domain, so that its wrong pairs are hard to tell from the right ones; "
        "imagined pictures belong to the last",
    )
    passes: tuple[float, ...] = Field(
        (), description="how often an epoch shows each domain; empty: each once"
    )
    dev: str = Field("", description="the same, for evaluation while training; may be empty")
    feature_cache: str = Field("", description="folder for cached backbone features")
    cached: bool = Field(
        True,
        description="put each picture through the backbone once and keep its features; False: read "
        "and encode the pictures of every step anew",
    )
    flip: bool = Field(True, description="also show mirrored pictures")
    crop: float = Field(
        1.0,
        gt=0,
        le=1,
        description="show random rectangles of at least this share of a picture's area; below 1 "
        "only without cached features",
    )
    stream_buffer: int | None = Field(
        None,
        gt=0,
        description="read shards from one end to the other, in random order, and mix the pictures "
        "within so many at a time, which are read ahead into memory (shared by the processes of a "
        "batch); for disks and networks that random reads are slow on. Needs one webdataset source "
        "and cached = false; None: any picture at any time",
    )
    workers: int | None = Field(
        None, gt=0, description="threads that read pictures; None: one a processor"
    )
    max_unreadable: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="share of the pictures that may be left out because they cannot be read; "
        "None: 0, but 0.001 of webdataset shards",
    )
    imagined: bool = Field(
        False, description="also show pictures imagined from the backbone's classifier"
    )

    @model_validator(mode="after")
    def _crops_need_the_pictures(self) -> DataConfig:
        if self.cached and self.crop < 1.0:
            raise ValueError("crop below 1 needs cached = false: cached features are of whole ones")
        return self

    @model_validator(mode="after")
    def _streams_are_of_shards(self) -> DataConfig:
        fits = self.train.startswith("webdataset:") and not self.more and not self.cached
        if self.stream_buffer is not None and self.train and (not fits or self.imagined):
            raise ValueError(
                "stream_buffer needs train = 'webdataset:...', no more sources, cached = false and "
                "imagined = false"
            )
        return self

    @model_validator(mode="after")
    def _passes_pair_with_domains(self) -> DataConfig:
        num_domains = 1 + len(self.more)
        if self.passes and (len(self.passes) != num_domains or min(self.passes) <= 0):
            raise ValueError(
                f"passes are {list(self.passes)}; expected a number above 0 for each of the "
                f"{num_domains} sources of train and more"
            )
        return self
