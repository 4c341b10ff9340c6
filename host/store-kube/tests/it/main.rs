//! store-kube against a real API server. Without Go or etcd (`cargo xtask tools kubetest etcd`) every test says that it is skipped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod cluster;
mod objects;
mod watches;
