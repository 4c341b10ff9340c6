//! Steps as processes on this machine.
