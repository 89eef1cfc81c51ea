//! What speaks HTTP: one file a resource.
