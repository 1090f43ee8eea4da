"""Where images built by the daemon differ from the reference, or from what other cases allow: each with its reason.

The daemon is the BuildKit of Debian's docker.io 20.10. docs/buildkit.md lists the same reasons for users.
"""

from __future__ import annotations

OWNER = "20.10 takes a cached copy of the same bytes for another owner's"
TIMES = "20.10 gives copied directories the time of the build"
MERGE = "20.10 has no merge: the files of COPY --link are copied over, and cannot replace a directory by a link"
MOUNT_POINTS = "20.10 leaves the directories that were made for mounts"
ADD_OWNER = "20.10 ignores --chown for what ADD unpacks"
ESCAPE = "20.10 cuts paths that lead out of an archive; the embedded engine refuses the archive"
LINKS = "20.10 unpacks through no link of the image"

DIFFERENT = {
    "link-copy-does-not-follow-symlinks": MERGE,
    "link-copy-from-stage": OWNER,
    "parents-pivot-and-plain": TIMES,
    "parents-any-depth": TIMES,
    "chmod-symbolic": TIMES,
    "add-tar-chown-chmod": ADD_OWNER,
    "workdir-of-mount-relative": MOUNT_POINTS,
    "add-tar-below-existing-link": LINKS,
    "error-add-tar-parent": ESCAPE,
}
