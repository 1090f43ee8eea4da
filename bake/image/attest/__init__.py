"""Statements about an image: what it was made from (provenance) and which packages it holds (SBOM). Pure.

An attestation is a manifest beside the image's own in its index; its layers are in-toto statements
(docs/attestations.md, reference/cache.md §13).
"""

from __future__ import annotations
