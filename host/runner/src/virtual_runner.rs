//! The virtual runner: tests and simulations decide how each unit ends.
