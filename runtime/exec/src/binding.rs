//! Declarations are binding: later steps may not change declared paths.
