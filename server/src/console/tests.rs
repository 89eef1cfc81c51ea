//! The pages by status and body.
