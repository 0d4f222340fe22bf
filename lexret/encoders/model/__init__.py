"""The two encoders in torch: pictures or texts in, sparse vectors out.

Users load them through :mod:`lexret.encoders.lexical_model`. Legend: B items, P patches, V words.
"""

from lexret.encoders.model.image_encoder import ImageEncoder
from lexret.encoders.model.text_encoder import TextEncoder
from lexret.encoders.model.vectors import image_vectors, keep_strongest, text_vectors

__all__ = ["ImageEncoder", "TextEncoder", "image_vectors", "keep_strongest", "text_vectors"]
