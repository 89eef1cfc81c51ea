//! Ingest, decision and feed.
