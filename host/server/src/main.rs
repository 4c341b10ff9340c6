//! The binary `colchis`.
fn main() {}
