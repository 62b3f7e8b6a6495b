//! Runs a plan into the store: freshness, scheduling, and the application of each action.
