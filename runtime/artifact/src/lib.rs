//! Packed images: newc cpio writer, compressed segments, names, links, manifests.
