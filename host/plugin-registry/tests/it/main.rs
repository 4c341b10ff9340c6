//! Against a real registry.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may panic")]

mod bundles;
mod cosign;
mod registry;
