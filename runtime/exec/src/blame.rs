//! Which layer, package and line of the spec made a path.
