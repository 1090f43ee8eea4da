"""The declared forms of the entries: which keys an `output`, a cache, a `secret`, an `ssh` or an `attest` entry has.

Names and meaning are the peer's (reference/buildx-bake.md §6); `media-types` of outputs and `required` of secrets
are ours.
"""

from __future__ import annotations

from typing import Any

from bake.spec.atoms import DURATION, FLAG, INTEGER, NAME, OPTIONAL_PATH, PATH, REFERENCE, TEXT, Atom, choice, list_of
from bake.spec.entries import Entry, Field

_IMAGES = ("image", "registry", "oci", "docker")
_COMPRESSION: tuple[tuple[str, Atom, str], ...] = (
    ("compression", choice("gzip", "zstd", "estargz", "uncompressed", "none"), "how layers are compressed"),
    ("compression-level", INTEGER, "the compressor's level"),
    ("force-compression", FLAG, "compress again the layers of base images too"),
)


def _compression(*types: str) -> tuple[Field, ...]:
    return tuple(Field(name, atom, help, types) for name, atom, help in _COMPRESSION)


_ANNOTATIONS = (
    ("", "manifest"),
    ("-manifest", "manifest"),
    ("-index", "index"),
    ("-manifest-descriptor", "manifest's descriptor in the index"),
    ("-index-descriptor", "index's descriptor in an OCI layout"),
)


def _short_output(text: str) -> dict[str, Any] | None:
    if "=" in text or "," in text:
        return None
    return {"type": "tar", "dest": "-"} if text == "-" else {"type": "local", "dest": text}


OUTPUT = Entry(
    types=("image", "registry", "oci", "docker", "local", "tar", "cacheonly"),
    short=_short_output,
    fields=(
        Field("type", choice("image", "registry", "oci", "docker", "local", "tar", "cacheonly"), "what is written"),
        Field("dest", PATH, "where to: a directory for local, else a file; `-` is standard output",
              ("local", "tar", "oci", "docker")),
        Field("name", TEXT, "names of the image, instead of `tags`", _IMAGES),
        Field("push", FLAG, "publish it", ("image", "registry")),
        Field("push-by-digest", FLAG, "publish without a tag", ("image", "registry")),
        Field("name-canonical", FLAG, "refused: the report tells the digest", ("image", "registry")),
        Field("registry.insecure", FLAG, "the registry speaks plain HTTP", ("image", "registry")),
        Field("unpack", FLAG, "unpack its layers into the store now", ("image", "registry")),
        Field("store", FLAG, "true: built images always stay in the store", ("image", "registry")),
        Field("dangling-name-prefix", TEXT, "refused: images without names get none", ("image", "registry")),
        Field("prefer-image-digest", FLAG, "refused: the report tells both digests", _IMAGES),
        Field("oci-artifact", FLAG, "write attestations as OCI artifacts", _IMAGES),
        Field("media-types", choice("oci", "docker"), "which family of manifests", _IMAGES),
        Field("oci-mediatypes", FLAG, "the peer's name of `media-types = \"oci\"`", _IMAGES),
        *_compression(*_IMAGES),
        Field("source-date-epoch", TEXT, "instead of the build argument SOURCE_DATE_EPOCH; empty: none", _IMAGES),
        Field("rewrite-timestamp", FLAG, "false: SOURCE_DATE_EPOCH dates no files", (*_IMAGES, "local", "tar")),
        Field("tar", FLAG, "one archive, or a directory", ("oci", "docker")),
        Field("context", TEXT, "the docker context to load into", ("docker",)),
        Field("mode", choice("copy", "delete"), "delete: remove what the build did not write", ("local",)),
        Field("platform-split", FLAG, "one directory a platform", ("local",)),
        *(
            Field(f"annotation{level}.*", TEXT, f"an annotation of the {what}", _IMAGES)
            for level, what in _ANNOTATIONS
        ),
    ),
)  # fmt: skip

_S3: tuple[tuple[str, Atom, str, bool], ...] = (
    ("bucket", NAME, "the bucket", False),
    ("region", TEXT, "the region", False),
    ("name", TEXT, "the name of the cache", False),
    ("prefix", TEXT, "a prefix of all objects", False),
    ("endpoint_url", TEXT, "a server other than Amazon's", False),
    ("access_key_id", TEXT, "credentials", True),
    ("secret_access_key", TEXT, "credentials", True),
    ("session_token", TEXT, "credentials", True),
    ("use_path_style", FLAG, "the bucket is in the path", False),
    ("touch_refresh", DURATION, "when to renew objects", False),
    ("upload_parallelism", INTEGER, "concurrent uploads", False),
    ("manifests_prefix", TEXT, "a prefix of manifests", False),
    ("blobs_prefix", TEXT, "a prefix of blobs", False),
)
_AZBLOB: tuple[tuple[str, Atom, str, bool], ...] = (
    ("account_url", TEXT, "the account", False),
    ("container", TEXT, "the container", False),
    ("secret_access_key", TEXT, "credentials", True),
)
_GHA: tuple[tuple[str, Atom, str, bool], ...] = (
    ("scope", TEXT, "the name of the cache", False),
    ("url", TEXT, "the server", False),
    ("url_v2", TEXT, "the server", False),
    ("token", TEXT, "credentials", True),
    ("version", TEXT, "the version of the service", False),
    ("repository", TEXT, "the repository", False),
    ("ghtoken", TEXT, "credentials", True),
    ("timeout", DURATION, "of each request", False),
)


def _cloud() -> tuple[Field, ...]:
    """The fields of the hosted caches; some names belong to several."""
    found: dict[str, Field] = {}
    for type_, rows in (("s3", _S3), ("azblob", _AZBLOB), ("gha", _GHA)):
        for name, atom, help, sensitive in rows:
            types = (*found[name].types, type_) if name in found else (type_,)
            found[name] = Field(name, atom, help, types, sensitive)
    for name in ("name", "prefix"):
        found[name] = Field(name, TEXT, found[name].help, ("s3", "azblob"))
    return tuple(found.values())


def _short_cache(text: str) -> dict[str, Any] | None:
    return None if "=" in text else {"type": "registry", "ref": text}


_CACHE_TYPES = ("registry", "local", "inline", "gha", "s3", "azblob")
_TO = ("registry", "local", "gha", "s3", "azblob")

CACHE_FROM = Entry(
    types=("registry", "local", "gha", "s3", "azblob"),
    short=_short_cache,
    fields=(
        Field("type", choice("registry", "local", "gha", "s3", "azblob"), "where the cache is"),
        Field("ref", REFERENCE, "its name in a registry", ("registry",), needed=True),
        Field("registry.insecure", FLAG, "the registry speaks plain HTTP", ("registry",)),
        Field("src", PATH, "its directory", ("local",), needed=True),
        Field("digest", TEXT, "which manifest of the directory", ("local",)),
        Field("tag", TEXT, "which tag of the directory", ("local",)),
        *_cloud(),
    ),
)
CACHE_TO = Entry(
    types=_CACHE_TYPES,
    short=_short_cache,
    fields=(
        Field("type", choice(*_CACHE_TYPES), "where the cache is written"),
        Field("ref", REFERENCE, "its name in a registry", ("registry",), needed=True),
        Field("registry.insecure", FLAG, "the registry speaks plain HTTP", ("registry",)),
        Field("dest", PATH, "its directory", ("local",), needed=True),
        Field("tag", TEXT, "which tag of the directory", ("local",)),
        Field("mode", choice("min", "max"), "max: intermediate stages too", _TO),
        Field("image-manifest", FLAG, "an image manifest rather than an index", ("registry", "local")),
        Field("oci-mediatypes", FLAG, "OCI media types", ("registry", "local")),
        Field("ignore-error", FLAG, "a failure to write does not fail the build", _TO),
        *_compression("registry", "local"),
        *_cloud(),
    ),
)
SECRET = Entry(
    required=("id",),
    identity=("id",),
    aliases=(("source", "src"),),
    fields=(
        Field("id", NAME, "the name that a RUN --mount=type=secret uses"),
        Field("src", OPTIONAL_PATH, "the file that holds it (of type env: the variable); empty: absent"),
        Field("env", NAME, "the environment variable that holds it"),
        Field("type", choice("file", "env"), "what `src` names"),
        Field("required", FLAG, "false: it is no error when the source is absent"),
    ),
)


def _short_ssh(text: str) -> dict[str, Any] | None:
    id_, equals, paths = text.partition("=")
    if id_ in ("id", "paths") and equals:
        return None
    return {"id": id_, "paths": paths.split(",")} if equals else {"id": text}


SSH = Entry(
    required=("id",),
    identity=("id",),
    short=_short_ssh,
    fields=(
        Field("id", NAME, "the name that a RUN --mount=type=ssh uses; `default` is the one without a name"),
        Field("paths", list_of(PATH), "private keys, or an agent's socket; none: the agent of the environment"),
    ),
)
ATTEST = Entry(
    types=("provenance", "sbom"),
    identity=("type",),
    fields=(
        Field("type", choice("provenance", "sbom"), "which statement"),
        Field("mode", choice("min", "max"), "how much is told", ("provenance",)),
        Field("version", choice("v0.2", "v1"), "of the SLSA predicate", ("provenance",)),
        Field("builder-id", TEXT, "the builder's identity", ("provenance",)),
        Field("inline-only", FLAG, "only with exporters that carry it", ("provenance",)),
        Field("reproducible", FLAG, "claim that the build can be repeated", ("provenance",)),
        Field("generator", TEXT, "refused: packages are read without running a scanner", ("sbom",)),
        Field("disabled", FLAG, "leave this statement out"),
    ),
)
