//! Resolved specs lowered to a content-hashed graph of actions.
