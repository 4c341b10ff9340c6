//! What a component can do without any interface of ours: compute, take memory, and ask WASI.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

#[cfg(target_family = "wasm")]
mod wasi {
    #![allow(
        missing_docs,
        unreachable_pub,
        clippy::all,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "generated"
    )]
    wit_bindgen::generate!({
        inline: "
            package colchis:conformance;
            world conformance {
                import wasi:cli/environment@0.2.12;
                import wasi:cli/stdout@0.2.12;
                import wasi:cli/stderr@0.2.12;
                import wasi:clocks/monotonic-clock@0.2.12;
                import wasi:clocks/wall-clock@0.2.12;
                import wasi:filesystem/preopens@0.2.12;
                import wasi:filesystem/types@0.2.12;
                import wasi:random/random@0.2.12;
            }
        ",
        path: [
            "../../wit/deps/io.wit",
            "../../wit/deps/clocks.wit",
            "../../wit/deps/random.wit",
            "../../wit/deps/filesystem.wit",
            "../../wit/deps/sockets.wit",
            "../../wit/deps/cli.wit",
        ],
        generate_all,
    });
}

/// Counts this instance's calls; answers how many there were before.
pub(crate) fn count_call() -> u64 {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    CALLS.fetch_add(1, Ordering::Relaxed)
}

/// Never ends by itself.
pub(crate) fn compute_for_ever() -> ! {
    let mut number = 1u64;
    loop {
        number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

/// Takes memory and writes to each page of it; answers how many bytes.
pub(crate) fn allocate(mebibytes: u32) -> usize {
    let mut taken = Vec::new();
    for _ in 0..mebibytes {
        let piece = std::hint::black_box(vec![1u8; 1024 * 1024]);
        taken.push(piece);
    }
    taken.iter().map(Vec::len).sum()
}

/// Takes memory as it comes from outside, and answers how many bytes somebody has written to; then it writes to all of it.
pub(crate) fn fresh(mebibytes: u32) -> usize {
    #[cfg(target_family = "wasm")]
    {
        let before = std::arch::wasm32::memory_grow(0, mebibytes as usize * 16);
        let bytes = mebibytes as usize * 1024 * 1024;
        // SAFETY: the pages were taken just now and are nobody else's.
        let taken = unsafe { std::slice::from_raw_parts_mut((before * 65_536) as *mut u8, bytes) };
        let dirty = taken.iter().filter(|byte| **byte != 0).count();
        taken.fill(0xa5);
        dirty
    }
    #[cfg(not(target_family = "wasm"))]
    {
        let _ = mebibytes;
        0
    }
}

/// Goes deeper until there is no stack left.
#[allow(unconditional_recursion, reason = "that is what it is for")]
pub(crate) fn recurse(depth: u64) -> u64 {
    let here = std::hint::black_box([depth; 64]);
    recurse(depth + 1) + here.iter().sum::<u64>()
}

/// Ends in a trap.
#[allow(clippy::panic, reason = "that is what it is for")]
pub(crate) fn trap(message: &str) -> ! {
    panic!("{message}")
}

/// Waits; answers how many milliseconds it took.
#[cfg(target_family = "wasm")]
pub(crate) fn sleep(millis: u64) -> u64 {
    use wasi::wasi::clocks::monotonic_clock::{now, subscribe_duration};
    let begun = now();
    subscribe_duration(millis.saturating_mul(1_000_000)).block();
    now().saturating_sub(begun) / 1_000_000
}

/// The time, and how far the other clock went while it was read.
#[cfg(target_family = "wasm")]
pub(crate) fn clocks() -> Value {
    use wasi::wasi::clocks::{monotonic_clock, wall_clock};
    let begun = monotonic_clock::now();
    let wall = wall_clock::now();
    json!({"seconds": wall.seconds, "monotonicGoesOn": monotonic_clock::now() >= begun})
}

/// Environment variables and arguments.
#[cfg(target_family = "wasm")]
pub(crate) fn environment() -> Value {
    use wasi::wasi::cli::environment::{get_arguments, get_environment};
    json!({"variables": get_environment(), "arguments": get_arguments()})
}

/// The folders that were opened, and a file in the first of them.
#[cfg(target_family = "wasm")]
pub(crate) fn file(path: &str) -> Value {
    use wasi::wasi::filesystem::preopens::get_directories;
    use wasi::wasi::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
    let folders = get_directories();
    let names: Vec<&String> = folders.iter().map(|(_, name)| name).collect();
    let Some((folder, _)) = folders.first() else { return json!({"folders": names, "error": "no folder"}) };
    let read = folder
        .open_at(PathFlags::SYMLINK_FOLLOW, path, OpenFlags::empty(), DescriptorFlags::READ)
        .and_then(|file| file.read(4096, 0));
    match read {
        Ok((bytes, _)) => json!({"folders": names, "text": String::from_utf8_lossy(&bytes)}),
        Err(code) => json!({"folders": names, "error": format!("{code:?}")}),
    }
}

/// Random bytes.
#[cfg(target_family = "wasm")]
pub(crate) fn random(bytes: u32) -> String {
    let bytes = wasi::wasi::random::random::get_random_bytes(u64::from(bytes));
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A line to each of the standard streams.
#[cfg(target_family = "wasm")]
pub(crate) fn write_streams(text: &str) {
    use wasi::wasi::cli::{stderr::get_stderr, stdout::get_stdout};
    for stream in [get_stdout(), get_stderr()] {
        for piece in format!("{text}\n").as_bytes().chunks(4096) {
            let _ = stream.blocking_write_and_flush(piece);
        }
    }
}

/// What stands in for WASI natively, where nothing of it is tested.
#[cfg(not(target_family = "wasm"))]
mod native {
    use super::{Value, json};

    pub(crate) fn sleep(millis: u64) -> u64 {
        millis
    }

    pub(crate) fn clocks() -> Value {
        json!({"seconds": 0, "monotonicGoesOn": true})
    }

    pub(crate) fn environment() -> Value {
        json!({"variables": [], "arguments": []})
    }

    pub(crate) fn file(_: &str) -> Value {
        json!({"folders": [], "error": "no folder"})
    }

    pub(crate) fn random(bytes: u32) -> String {
        "00".repeat(bytes as usize)
    }

    pub(crate) fn write_streams(_: &str) {}
}

#[cfg(not(target_family = "wasm"))]
pub(crate) use native::{clocks, environment, file, random, sleep, write_streams};
