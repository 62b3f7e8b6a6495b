//! Targets for the evaluator: a built tree, an un-booted container, a booted container.
