//! Tags, expressions and paths.
