//! The store: layers, blobs, records, transactions, locks, garbage collection.
