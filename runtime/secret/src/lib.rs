//! Secrets: openers, masked values, keyed digests, the search of layers for leaked values.
