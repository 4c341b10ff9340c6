//! How the C library's allocator gives memory back.
//!
//! Left alone it raises, with the first large buffer that is freed, the size from which buffers are mapped by themselves. From then on the megabytes of a large
//! manifest come out of the common heap, and the holes that they leave stay with the process. With a fixed size, what is large goes back when it is freed:
//! a run of a hundred thousand tasks peaks 50 MiB lower.

#![allow(unsafe_code)] // mallopt: see below

/// Buffers from this size on are mapped by themselves (bytes).
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED_FROM: libc::c_int = 256 << 10;
/// Free memory that the heap keeps at its end (bytes): enough that the ordinary ups and downs of requests cost no system call.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_FREE: libc::c_int = 4 << 20;

/// Sets it for this process; to be called before any thread begins.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn tune() {
    // SAFETY: mallopt takes two numbers and changes the allocator's own parameters. No other thread runs yet, and a refused value leaves the default.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_FREE);
    }
}

/// Other allocators are left as they are.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn tune() {}
