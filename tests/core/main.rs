//! What holds for the project's own text: its style, its arrows, its settings and its documents.
//! Reads files and catalogues only; nothing of the product runs here.

mod arrows;
mod documents;
mod kind_pages;
mod lexer;
mod rules;
mod security;
mod settings;
mod style;
mod tree;
mod vectors;
mod words;
