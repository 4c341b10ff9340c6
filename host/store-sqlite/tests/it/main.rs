//! The store as its users see it: conformance, restarts, crashes, faults under the file layer.

mod conformance;
