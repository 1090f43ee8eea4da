"""Where images built by a daemon differ from the reference, or from what other cases allow: each with its reason.

docs/buildkit.md lists the same reasons for users. The daemons are Debian's Docker Engines 20.10 and 26.1, the latter
with its images in graph drivers and in containerd.
"""

from __future__ import annotations

from collections.abc import Mapping

OWNER = "20.10 takes a cached copy of the same bytes for another owner's"
TIMES = "20.10 gives copied directories the time of the build"
MERGE = "20.10 has no merge: the files of COPY --link are copied over, and cannot replace a directory by a link"
MOUNT_POINTS = "20.10 leaves the directories that were made for mounts"
ADD_OWNER = "20.10 and 26.1 ignore --chown for what ADD unpacks"
ESCAPE = "20.10 and 26.1 cut paths that lead out of an archive; the embedded engine refuses the archive"
LINKS = "20.10 and 26.1 unpack through no link of the image"
GRAPH = "graph drivers cannot merge: COPY --link cannot replace a directory by a link"
TOUCHED = "graph drivers have a directory in a layer in which a mount point was made for a command"
CHMOD = "26.1 and 28.5 leave the directory that is copied to at 755, whatever --chmod says"
SAME_TIME = "in containerd, a layer leaves out what has the size and the time, to some milliseconds, of what was there"
HARD_LINKS = "in containerd, a further name of a file of a layer below becomes a file of its own"
NAME_BY_NAME = "in containerd, a layer deletes what a directory had before name by name"

_ARCHIVES: Mapping[str, str] = {
    "add-tar-chown-chmod": ADD_OWNER,
    "add-tar-below-existing-link": LINKS,
    "error-add-tar-parent": ESCAPE,
    "error-add-tar-link-out-and-below": ESCAPE,
}
DIFFERENT: Mapping[str, str] = {
    "link-copy-does-not-follow-symlinks": MERGE,
    "link-copy-from-stage": OWNER,
    "chmod-symbolic": TIMES,
    "workdir-of-mount-relative": MOUNT_POINTS,
    **_ARCHIVES,
}
NEWER_DIFFERENT: Mapping[str, str] = {
    **_ARCHIVES,
    "link-copy-does-not-follow-symlinks": GRAPH,
    "run-mount-relative-target": TOUCHED,
    "tricky-copy-chmod-all-bits": CHMOD,
}
NEWER_IN_CONTAINERD_DIFFERENT: Mapping[str, str] = {
    **_ARCHIVES,
    "tricky-copy-chmod-all-bits": CHMOD,
    "copy-of-nothing-new-is-a-layer": SAME_TIME,
    "copy-twice-same-layer-content": SAME_TIME,
    "tricky-copy-dir-dot-forms": SAME_TIME,
    "run-moves-over": SAME_TIME,
    "run-swaps": SAME_TIME,
    "run-hard-link-to-lower-file": HARD_LINKS,
    "tricky-run-hard-links-of-links-kept": HARD_LINKS,
    "tricky-run-hard-links-over-layers": HARD_LINKS,
    "run-recreates-directory": NAME_BY_NAME,
    "run-nested-recreate": NAME_BY_NAME,
    "tricky-run-opaque-with-same-names": NAME_BY_NAME,
}
