//! Artifact drivers.
